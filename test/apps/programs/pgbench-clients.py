# pgbench, whose four connections stay as long as it runs; an alarm ends it as its own time limit would.
import re, signal, subprocess

bench = subprocess.Popen(["pgbench", "--host", address, "--username", "postgres", "--client", "4", "--jobs", "2",
                          "--rate", "100", "--time", "3600", "--max-tries", "1", "bench"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
print("started", flush=True)
sys.stdin.read()
bench.send_signal(signal.SIGALRM)
said = bench.communicate(timeout=120)[0]
count = re.search(r"transactions actually processed: (\d+)", said)
if bench.returncode != 0 or not count or "failed transactions: 0 " not in said or re.search("aborted|FATAL|ERROR|PANIC", said):
    errors.append(said)
print(json.dumps({"ops": {"transactions": int(count[1]) if count else 0}, "errors": errors}), flush=True)
