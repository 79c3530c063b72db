def watcher():
    line = Line(8003)
    state = {"least": 0}
    def step(turn):
        line.send("?\n")
        threads, least = map(int, line.line().split())
        if threads < 301: raise ValueError("only %d threads are left" % threads)
        if least < state["least"]: raise ValueError("a thread went back to %d" % least)
        if turn % 100 == 99 and least == state["from"]: raise ValueError("a thread stands still at %d" % least)
        if turn % 100 == 0: state["from"] = least
        state["least"] = least
    return step

work_all([("watcher-%d" % n, watcher) for n in range(3)])
