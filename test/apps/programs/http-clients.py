# Many requests over each connection, each answer by its sum; with BIG a slow download too, over one of its own.
import hashlib, http.client
port, small, small_sum = int(sys.argv[2]), sys.argv[3], sys.argv[4]
big, big_sum = sys.argv[5:7] if len(sys.argv) > 5 else ("", "")
# What is left of the download until all else has ended, so that it lasts as long as that.
LEFT = 4 << 20

def keep_alive():
    connection = http.client.HTTPConnection(address, port, timeout=60)
    connection.connect()
    first = connection.sock
    def step(turn):
        connection.request("GET", "/" + small)
        answer = connection.getresponse()
        body = answer.read()
        expect((answer.status, hashlib.sha256(body).hexdigest()), (200, small_sum))
        if connection.sock is not first: raise EOFError("the server closed the connection")
    return step

def download():
    connection = http.client.HTTPConnection(address, port, timeout=60)
    connection.request("GET", "/" + big)
    answer = connection.getresponse()
    total, done, sum = int(answer.getheader("content-length")), 0, hashlib.sha256()
    def take(count):
        nonlocal done
        part = answer.read(count)
        if not part: raise EOFError("the download broke after %d of %d" % (done, total))
        sum.update(part)
        done += len(part)
    def step(turn):
        if total - done > LEFT: take(65536)
        if not stop.wait(0.1): return
        while done < total: take(1 << 20)
        expect(sum.hexdigest(), big_sum)
    return step

work_all([("keep-alive-%d" % n, keep_alive) for n in range(6)] + ([("download", download)] if big else []))
