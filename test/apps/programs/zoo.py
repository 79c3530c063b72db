# One of each kind that a program can hold. "check" over TCP is answered with what is not as it was, as JSON.
import ctypes, ctypes.util, fcntl, json, mmap, multiprocessing, os, select, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
def ok(result):
    if result == -1: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
checks = {}
def kind(name):
    def keep(make):
        try: checks[name] = make()
        except Exception as error: checks[name] = (lambda words: lambda: words)("could not be made: %r" % error)
    return keep
def child(act):
    """A process of its own, which does nothing but that."""
    pid = os.fork()
    if pid == 0:
        try: act()
        finally: os._exit(1)
    return pid
def rest():
    while True: signal.pause()
def same(found, wanted): return None if found == wanted else "%r and not %r" % (found, wanted)

@kind("inotify")
def _():
    os.makedirs("/srv/watched/below", exist_ok=True)
    fd = ok(libc.inotify_init1(os.O_NONBLOCK))
    for place in (b"/srv/watched", b"/srv/watched/below", b"/tmp", b"/dev/shm"): ok(libc.inotify_add_watch(fd, place, 0x100))
    def check():
        try: os.read(fd, 65536)
        except BlockingIOError: pass
        names = []
        for place in ("/srv/watched", "/srv/watched/below", "/tmp", "/dev/shm"):
            path = "%s/made-%d" % (place, time.monotonic_ns())
            open(path, "w").close(); os.unlink(path)
            try: names.append(len(os.read(fd, 65536)) > 0)
            except BlockingIOError: names.append(place)
        return same(names, [True] * 4)
    return check

@kind("timerfd")
def _():
    fd = os.timerfd_create(time.CLOCK_MONOTONIC); os.timerfd_settime(fd, initial=0.05, interval=0.05)
    def ticks():
        os.read(fd, 8); time.sleep(0.3)
        return struct.unpack("Q", os.read(fd, 8))[0]
    # A move may fall into the sleep, which goes by the clock, and the clock has gone on.
    return lambda: None if any(ticks() >= 3 for _ in range(3)) else "too few ticks"

@kind("signalfd")
def _():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    mask = (ctypes.c_ulong * 16)(1 << (signal.SIGUSR2 - 1))
    fd = ok(libc.signalfd(-1, mask, 0))
    def check():
        os.kill(os.getpid(), signal.SIGUSR2)
        return same(struct.unpack("I", os.read(fd, 128)[:4])[0], signal.SIGUSR2)
    return check

@kind("eventfd and epoll")
def _():
    fd, poll = os.eventfd(7), select.epoll()
    poll.register(fd, select.EPOLLIN)
    def check():
        ready, value = poll.poll(1), os.eventfd_read(fd)
        os.eventfd_write(fd, 7)
        return same((ready, value), ([(fd, select.EPOLLIN)], 7))
    return check

@kind("memfd")
def _():
    fd = os.memfd_create("kept"); os.write(fd, b"in memory")
    view = mmap.mmap(fd, 4096) if os.ftruncate(fd, 4096) is None else None
    return lambda: same((view[:9], os.pread(fd, 9, 0)), (b"in memory", b"in memory"))

@kind("System V memory, semaphores and messages")
def _():
    memory = ok(libc.shmget(4711, 4096, 0o1666)); at = libc.shmat(memory, None, 0)
    ctypes.memmove(at, b"shared", 6)
    semaphores = ok(libc.semget(4712, 1, 0o1666)); ok(libc.semctl(semaphores, 0, 16, 3))
    queue = ok(libc.msgget(4713, 0o1666)); message = ctypes.create_string_buffer(struct.pack("q8s", 1, b"waiting!"))
    ok(libc.msgsnd(queue, message, 8, 0))
    def check():
        got = ctypes.create_string_buffer(16)
        ok(libc.msgrcv(queue, got, 8, 0, 0o4000)); ok(libc.msgsnd(queue, got, 8, 0))
        return same((ctypes.string_at(at, 6), libc.semctl(semaphores, 0, 12), got.raw[8:]), (b"shared", 3, b"waiting!"))
    return check

@kind("POSIX semaphore and memory, shared with a child")
def _():
    semaphore, memory = multiprocessing.Semaphore(0), mmap.mmap(-1, 4096)
    def count():
        while True:
            semaphore.acquire(); memory[0:4] = (int.from_bytes(memory[0:4], "little") + 1).to_bytes(4, "little")
    child(count)
    def check():
        before = int.from_bytes(memory[0:4], "little")
        semaphore.release(); time.sleep(0.2)
        return same(int.from_bytes(memory[0:4], "little"), before + 1)
    return check

@kind("a descriptor on its way")
def _():
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader, writer = os.pipe(); os.write(writer, b"held")
    socket.send_fds(left, [b"take"], [reader]); os.close(reader)
    def check():
        data, fds, _, _ = socket.recv_fds(right, 16, 1)
        got = os.read(fds[0], 16); os.write(writer, b"held")
        socket.send_fds(left, [b"take"], fds); os.close(fds[0])
        return same((data, got), (b"take", b"held"))
    return check

@kind("UDP")
def _():
    one, two = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "12")
    one.bind(("127.0.0.1", 9001)); two.connect(("127.0.0.1", 9001)); one.settimeout(2)
    def check():
        two.send(b"datagram")
        return same(one.recv(100), b"datagram")
    return check

@kind("IPv6")
def _():
    server = socket.create_server(("::1", 9002), family=socket.AF_INET6)
    client = socket.create_connection(("::1", 9002)); served, _ = server.accept(); client.send(b"over six")
    return lambda: same(served.recv(100, socket.MSG_PEEK), b"over six")

@kind("process groups within sessions")
def _():
    reader, writer = os.pipe()
    def lead():
        os.setsid()
        second, third = child(rest), child(rest)
        os.setpgid(second, second); os.setpgid(third, second)
        os.write(writer, struct.pack("ii", second, third)); rest()
    first = child(lead)
    second, third = struct.unpack("ii", os.read(reader, 8)); time.sleep(0.2)
    look = lambda: [(pid, os.getpgid(pid), os.getsid(pid)) for pid in (first, second, third)]
    before = look()
    return lambda: same(look(), before)

@kind("a zombie")
def _():
    pid = child(lambda: os._exit(42))
    time.sleep(0.2)
    state = lambda: open("/proc/%d/stat" % pid).read().split(") ")[1][0]
    return lambda: same(state(), "Z") or same(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_status, 42)

@kind("locks of files")
def _():
    first, second = open("/srv/locked", "w"), open("/srv/flocked", "w")
    fcntl.lockf(first, fcntl.LOCK_EX); fcntl.flock(second, fcntl.LOCK_EX)
    def held(path, lock):
        def tries():
            try: lock(open(path, "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError: os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child(tries), 0)[1]) == 0
    # It holds the files open, and with them the locks.
    return lambda kept=(first, second): same((held("/srv/locked", fcntl.lockf), held("/srv/flocked", fcntl.flock)), (True, True))

@kind("a pidfd")
def _():
    fd = os.pidfd_open(child(rest))
    return lambda: signal.pidfd_send_signal(fd, 0)

server = socket.create_server(("", 8004))
while True:
    client, _ = server.accept()
    with client, client.makefile("rw") as file:
        for line in file:
            wrong = {}
            for name, check in checks.items():
                try: words = check()
                except Exception as error: words = repr(error)
                if words: wrong[name] = words
            file.write(json.dumps({"kinds": sorted(checks), "wrong": wrong}) + "\n"); file.flush()
