import time

def watcher():
    line = Line(8004)
    def step(turn):
        line.send("check\n")
        answer = json.loads(line.line())
        expect(answer["wrong"], {})
        time.sleep(0.3)
    return step

work_all([("watcher", watcher)])
