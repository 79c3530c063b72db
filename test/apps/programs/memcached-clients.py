def counter(name):
    def begin():
        line = Line(11211)
        line.send("set %s 0 0 1\r\n0\r\n" % name)
        expect(line.line(), "STORED")
        def step(turn):
            line.send("incr %s 1\r\n" % name)
            expect(line.line(), str(turn + 1))
            value = "v%d" % turn * 50
            line.send("set last-%s 0 0 %d\r\n%s\r\n" % (name, len(value), value))
            expect(line.line(), "STORED")
            line.send("get last-%s\r\n" % name)
            expect(line.line(), "VALUE last-%s 0 %d" % (name, len(value)))
            expect(line.line(), value)
            expect(line.line(), "END")
        return step
    return begin

work_all([("counter-%d" % n, counter("counter-%d" % n)) for n in range(8)])
