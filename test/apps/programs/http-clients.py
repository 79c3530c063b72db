# Many requests over each connection, and with SECONDS a download that takes at least so long over one of its own.
import hashlib, http.client, time
port, small, big = int(sys.argv[2]), sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else ""

def keep_alive():
    connection = http.client.HTTPConnection(address, port, timeout=60)
    connection.connect()
    first = connection.sock
    def step(turn):
        connection.request("GET", "/" + small)
        answer = connection.getresponse()
        body = answer.read()
        expect(answer.status, 200)
        expect(hashlib.sha256(body).hexdigest(), sys.argv[5] if len(sys.argv) > 5 else hashlib.sha256(body).hexdigest())
        if connection.sock is not first: raise EOFError("the server closed the connection")
        time.sleep(0.005)
    return step

def download():
    connection = http.client.HTTPConnection(address, port, timeout=60)
    connection.request("GET", "/" + big)
    answer = connection.getresponse()
    total, done, hash = int(answer.getheader("content-length")), 0, hashlib.sha256()
    def step(turn):
        nonlocal done
        if done == total: raise EOFError("the download was too short for the test")
        part = answer.read(65536)
        if not part: raise EOFError("the download broke after %d of %d" % (done, total))
        hash.update(part)
        done += len(part)
        if stop.is_set():
            while part:
                part = answer.read(1 << 20)
                hash.update(part)
                done += len(part)
            expect(done, total)
            expect(hash.hexdigest(), sys.argv[6])
    return step

work_all([("keep-alive-%d" % n, keep_alive) for n in range(6)] + ([("download", download)] if big else []))
