import assert from 'node:assert/strict';
import { create, eventually, lab, mustTeleport, NAME, teleport, whereIs } from './support.js';

/** Python, as a service that holds one thing; `libc` is the C library, and `keep` waits for ever. */
const PRELUDE = `
import ctypes, os, socket, time
libc = ctypes.CDLL(None, use_errno=True)
def ok(result):
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def keep():
    open("/tmp/holds", "w").close()
    while True: time.sleep(1000)
`;

interface Kind {
  readonly what: string;
  readonly script: string;
  readonly reason: RegExp;
}

/** What can be made in a cnvm of that which criu does not dump. What else there is its seccomp profile denies. */
const KINDS: readonly Kind[] = [
  {
    what: 'a socket of another family',
    script: 's = socket.socket(40, socket.SOCK_STREAM); keep()',
    reason: /process \d+ \(python3\) holds a socket of AF_VSOCK, descriptor 3/,
  },
  {
    what: 'a socket of many paths',
    script: 's = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); keep()',
    reason: /process \d+ \(python3\) holds a socket of MPTCP, descriptor 3/,
  },
  {
    what: 'a seccomp listener',
    script: `
import struct
ok(libc.prctl(38, 1, 0, 0, 0))
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(allow)))
number = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
ok(libc.syscall(number, 1, 8, program)); keep()`,
    reason: /process \d+ \(python3\) holds a seccomp listener, descriptor 3/,
  },
  {
    what: 'a process that is traced',
    script: `
child = os.fork()
if child == 0:
    while True: time.sleep(1000)
ok(libc.ptrace(0x4206, child, None, None)); keep()`,
    reason: /process \d+ \(python3\) is traced by process \d+/,
  },
  {
    what: 'namespaces of its own',
    script: 'ok(libc.unshare(0x10000000 | 0x04000000 | 0x08000000)); keep()',
    reason: /process \d+ \(python3\) has a namespace of its own for users[\s\S]* for a host name/,
  },
  {
    what: 'a deleted file that is too big',
    script: `
f = open("/var/tmp/big", "wb")
for _ in range(260): f.write(b"x" * 2**20)
f.flush(); os.unlink("/var/tmp/big"); keep()`,
    reason: /process \d+ \(python3\) holds \/var\/tmp\/big \(deleted\) of 2\d\d MiB, where .*256 MiB.*, descriptor 3/,
  },
];

async function inside(script: string, input = ''): Promise<string> {
  return await lab.must('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-ec', script], input);
}

/** A service that holds it. */
async function hold(script: string): Promise<void> {
  await inside(
    `cat > /srv/holder.py; rm -f /tmp/holds; mkdir -p /etc/service/holder
     printf '#!/bin/sh\\nexec setpriv --reuid games --regid games --clear-groups python3 /srv/holder.py\\n' > /etc/service/holder/new; chmod 755 /etc/service/holder/new
     mv /etc/service/holder/new /etc/service/holder/run; service holder start
     for i in $(seq 100); do test -e /tmp/holds && exit 0; sleep 0.1; done; exit 1`,
    PRELUDE + script,
  );
}

async function letGo(): Promise<void> {
  await inside('service holder stop; rm -f /etc/service/holder/run; pkill -9 -u games || true');
  await eventually('nothing of it to be left', async () => (await inside('pgrep -u games || true')).trim() === '');
}

describe('what criu does not dump', () => {
  for (const { what, script, reason } of KINDS) {
    it(`${what}: it is refused before anything changes, by process and descriptor, and moves without it`, async () => {
      await create('node1');
      await hold(script);
      const plan = await lab.run('node1', ['teleport', '--dry-run', NAME, 'node2']);
      assert.match(plan.stdout + plan.stderr, reason);
      const { code, ended, stderr } = await teleport('node1', 'node2');
      assert.equal(code, 2, ended.error);
      assert.match(ended.error + stderr, reason);
      assert.equal(await whereIs(), 'node1');
      await letGo();
      await mustTeleport('node1', 'node2');
      assert.equal(await whereIs(), 'node2');
    });
  }
});
