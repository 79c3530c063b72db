def say(line, *words):
    line.send("*%d\r\n" % len(words) + "".join("$%d\r\n%s\r\n" % (len(word), word) for word in words))
    answer = line.line()
    if answer.startswith("-"): raise ValueError(answer)
    if answer.startswith("$"): return line.exactly(int(answer[1:]) + 2)[:-2].decode()
    return answer[1:]

def counter(name):
    def begin():
        line = Line(6379)
        def step(turn):
            expect(say(line, "INCR", name), str(turn + 1))
            expect(say(line, "SET", "last:" + name, "value-%d" % turn), "OK")
            expect(say(line, "GET", "last:" + name), "value-%d" % turn)
        return step
    return begin

def listener():
    subscriber, publisher = Line(6379), Line(6379)
    say(subscriber, "SUBSCRIBE", "news")
    for _ in range(5): subscriber.line()
    def step(turn):
        expect(say(publisher, "PUBLISH", "news", str(turn)), "1")
        heard = [subscriber.line() for _ in range(7)]
        expect(heard[-1], str(turn))
    return step

work_all([("counter-%d" % n, counter("counter-%d" % n)) for n in range(8)] + [("published", listener)])
