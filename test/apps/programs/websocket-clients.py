import base64, os, struct

def mask(data, key):
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(data))

def talker():
    line = Line(8002)
    key = base64.b64encode(os.urandom(16)).decode()
    line.send("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % key)
    expect(line.line(), "HTTP/1.1 101 Switching Protocols")
    while line.line(): pass
    def send(opcode, data):
        key = os.urandom(4)
        line.send(bytes([0x80 | opcode, 0x80 | len(data)]) + key + mask(data, key))
    def receive():
        while True:
            first, length = line.exactly(2)
            if length == 126: (length,) = struct.unpack(">H", line.exactly(2))
            data = line.exactly(length)
            if first & 15 == 9: send(10, data)
            elif first & 15 == 1: return data.decode()
            else: raise EOFError("the server says %d" % (first & 15))
    def step(turn):
        send(1, b"turn %d" % turn)
        expect(receive(), "%d turn %d" % (turn + 1, turn))
    return step

work_all([("talker-%d" % n, talker) for n in range(20)])
