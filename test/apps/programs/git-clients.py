# Everything goes over the one connection that is open already: there is no other way to the server.
import os, shutil, subprocess

SSH = ["ssh", "-o", "ControlPath=/root/.ssh/kept", "-o", "ControlMaster=no", "-o", "ProxyCommand=false"]
URL = "ssh://user@%s/home/user/repository" % address
os.environ["GIT_SSH_COMMAND"] = " ".join(SSH)

def run(*argv, cwd=None):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0: raise ValueError("%s: %s" % (" ".join(argv), done.stderr[-400:]))
    return done.stdout

def cloner():
    def step(turn):
        shutil.rmtree("/tmp/clone", ignore_errors=True)
        run("git", "clone", "--quiet", URL, "/tmp/clone")
        run("git", "fsck", "--full", cwd="/tmp/clone")
    return step

def pusher():
    shutil.rmtree("/tmp/pushed", ignore_errors=True)
    run("git", "clone", "--quiet", "--depth", "1", URL, "/tmp/pushed")
    run("git", "config", "user.email", "a@example.org", cwd="/tmp/pushed")
    run("git", "config", "user.name", "a", cwd="/tmp/pushed")
    def step(turn):
        with open("/tmp/pushed/file-%d" % turn, "wb") as file: file.write(os.urandom(200_000))
        run("git", "add", ".", cwd="/tmp/pushed")
        run("git", "commit", "--quiet", "-m", "turn %d" % turn, cwd="/tmp/pushed")
        run("git", "push", "--quiet", "origin", "HEAD:turns", cwd="/tmp/pushed")
    return step

work_all([("cloner", cloner), ("pusher", pusher)])
