def talker():
    line = Line(8001)
    state = {"number": 0}
    def step(turn):
        line.send("turn %d\n" % turn)
        while True:
            kind, rest = line.line().split(" ", 1)
            if kind == "e": return expect(rest, "turn %d" % turn)
            state["number"] += 1
            expect(int(rest), state["number"])
    return step

work_all([("talker-%d" % n, talker) for n in range(50)])
