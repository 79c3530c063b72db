# Hundreds of threads that all count under locks, as a server in Go or Java has them, and a sum that must never be wrong.
import socket, threading, time
THREADS = 300
counts, locks = [0] * THREADS, [threading.Lock() for _ in range(THREADS)]
barrier = threading.Barrier(THREADS + 1)
def count(number):
    barrier.wait()
    while True:
        with locks[number]: counts[number] += 1
        time.sleep(0.05)
for number in range(THREADS): threading.Thread(target=count, args=(number,), daemon=True).start()
barrier.wait()
server = socket.create_server(("", 8003))
def serve(client):
    with client, client.makefile("rw") as file:
        while file.readline():
            before = []
            for number in range(THREADS):
                with locks[number]: before.append(counts[number])
            file.write("%d %d\n" % (threading.active_count(), min(before))); file.flush()
while True: threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
