import subprocess

def client(number):
    def begin():
        argv = ["mariadb", "--host=" + address, "--user=rider", "--password=secret", "--batch", "--skip-column-names",
                "--unbuffered", "--skip-reconnect", "--skip-ssl", "bench"]
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        def step(turn):
            child.stdin.write("START TRANSACTION; UPDATE account SET balance = balance - 1 WHERE id = %d; "
                              "UPDATE account SET balance = balance + 1 WHERE id = 0; INSERT INTO done VALUES (%d, %d); COMMIT; "
                              "SELECT COUNT(*) FROM done WHERE client = %d;\n" % (number, number, turn, number))
            child.stdin.flush()
            expect(child.stdout.readline().strip(), str(turn + 1))
        return step
    return begin

work_all([("client-%d" % n, client(n)) for n in range(1, 5)])
