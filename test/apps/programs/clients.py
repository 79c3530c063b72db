# What all clients have: each works in a thread of its own until standard input ends, and one error is one too many.
import json, socket, sys, threading
address = sys.argv[1]
stop = threading.Event()
ops, errors = {}, []

class Line:
    """A connection that is opened once."""
    def __init__(self, port):
        self.socket = socket.create_connection((address, port), timeout=60)
        self.file = self.socket.makefile("rb")
    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)
    def line(self):
        got = self.file.readline()
        if not got.endswith(b"\n"): raise EOFError("the connection ended after %r" % got)
        return got.rstrip(b"\r\n").decode()
    def exactly(self, count):
        got = self.file.read(count)
        if len(got) < count: raise EOFError("the connection ended")
        return got

def expect(found, wanted):
    if found != wanted: raise ValueError("%r and not %r" % (found, wanted))

# Between two turns of one client: there are many, and all share the machine with what they use.
PAUSE = 0.02

def work(name, begin):
    """`begin` connects, and returns what is done again and again with the number of the turn."""
    def run():
        count = 0
        try:
            step = begin()
            while not stop.is_set():
                step(count)
                count += 1
                stop.wait(PAUSE)
        except Exception as error:
            errors.append("%s after %d: %r" % (name, count, error))
        ops[name] = count
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return name, thread

def work_all(workers):
    threads = [work(name, begin) for name, begin in workers]
    print("started", flush=True)
    sys.stdin.read()
    stop.set()
    for name, thread in threads:
        thread.join(90)
        if thread.is_alive(): errors.append("%s hangs" % name)
    print(json.dumps({"ops": ops, "errors": errors}), flush=True)

