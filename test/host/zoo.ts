/** One process of every kind that a dump finds hard, and the questions that show it is still itself. */
import { lab, NAME } from './support.js';

/** A service that holds a bit of everything and answers over a Unix socket what it still has. */
const KEEPER = `
import mmap, os, pty, signal, socket, threading, time
ticks = 0
caught = 0
SLOTS = 4096
written = os.open("/tmp/written", os.O_RDWR | os.O_CREAT)
os.ftruncate(written, 8 * SLOTS)
with open("/tmp/mapped", "wb+") as file:
    file.truncate(8 * SLOTS)
    mapped = mmap.mmap(file.fileno(), 8 * SLOTS)
def on_timer(number, frame):
    global ticks
    ticks += 1
    slot, number = 8 * (ticks % SLOTS), ticks.to_bytes(8, "little")
    os.pwrite(written, number, slot)
    mapped[slot:slot + 8] = number
def on_user(number, frame):
    global caught
    caught += 1
signal.signal(signal.SIGALRM, on_timer)
signal.signal(signal.SIGUSR1, on_user)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
reader, writer = os.pipe()
os.write(writer, b"in the pipe")
left, right = socket.socketpair()
left.send(b"in the pair")
master, slave = pty.openpty()
deleted = open("/tmp/deleted", "w+")
deleted.write("deleted but open"); deleted.flush(); os.unlink("/tmp/deleted")
shared = mmap.mmap(-1, 4096)
shared[:6] = b"shared"
child = os.fork()
if child == 0:
    signal.setitimer(signal.ITIMER_REAL, 0)
    while True:
        shared[10:14] = (int.from_bytes(shared[10:14], "little") + 1).to_bytes(4, "little")
        time.sleep(0.02)
listener = socket.create_server(("127.0.0.1", 9999))
client = socket.create_connection(("127.0.0.1", 9999))
served, _ = listener.accept()
client.send(b"over tcp")
threading.Thread(target=lambda: time.sleep(10**6), daemon=True).start()
door = socket.socket(socket.AF_UNIX)
door.bind("/tmp/keeper.sock"); os.chmod("/tmp/keeper.sock", 0o777); door.listen()
def peek(kind):
    if kind == "pipe":
        data = os.read(reader, 100); os.write(writer, data); return data.decode()
    if kind == "pair": return right.recv(100, socket.MSG_PEEK).decode()
    if kind == "tcp": return served.recv(100, socket.MSG_PEEK).decode()
    if kind == "file": deleted.seek(0); return deleted.read()
    if kind == "shared": return shared[:6].decode()
    if kind == "pty": os.write(slave, b"x"); return os.read(master, 1).decode()
    if kind == "ids": return "%d %d %d %d" % (os.getpid(), os.getuid(), child, threading.active_count())
    if kind == "timer":
        before = ticks; time.sleep(0.3); return "ticking" if ticks > before else "stopped"
    if kind == "disk":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        lost = []
        for name in ("/tmp/written", "/tmp/mapped"):
            with open(name, "rb") as file: slots = file.read()
            for tick in range(max(1, ticks - SLOTS + 1), ticks + 1):
                if slots[8 * (tick % SLOTS):][:8] != tick.to_bytes(8, "little"): lost.append((name, ticks - tick))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        return "whole" if not lost else "lost %s" % lost[:5]
    if kind == "signal":
        before = caught; os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.1); return "caught" if caught > before else "lost"
    if kind == "child":
        before = shared[10:14]; time.sleep(0.2); return "counting" if shared[10:14] != before else "stopped"
    return "?"
while True:
    try:
        visitor, _ = door.accept()
        visitor.send(peek(visitor.recv(100).decode().strip()).encode()); visitor.close()
    except InterruptedError:
        pass
`;

const QUESTIONS = ['ids', 'pipe', 'pair', 'tcp', 'file', 'shared', 'pty', 'timer', 'signal', 'child', 'disk'];

/** Starts it as user "games", as a service of the cnvm's own. */
export async function startZoo(node: string): Promise<void> {
  const script = `cat > /srv/keeper.py; mkdir -p /etc/service/keeper
    printf '#!/bin/sh\\nexec setpriv --reuid games --regid games --clear-groups python3 /srv/keeper.py\\n' > /etc/service/keeper/run.new; chmod 755 /etc/service/keeper/run.new
    mv /etc/service/keeper/run.new /etc/service/keeper/run; service keeper start
    for i in $(seq 100); do test -S /tmp/keeper.sock && exit 0; sleep 0.1; done; exit 1`;
  await lab.must(node, ['cnvm', 'exec', NAME, '--', 'sh', '-ec', script], KEEPER);
}

/** Its answers: equal before and after a move, pids included. */
export async function checkZoo(node: string): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const question of QUESTIONS) {
    const ask = ['cnvm', 'exec', NAME, '--', 'nc', '-U', '-w', '3', '/tmp/keeper.sock'];
    answers[question] = await lab.must(node, ask, `${question}\n`);
  }
  return answers;
}
