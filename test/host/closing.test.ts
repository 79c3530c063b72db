/** Connections that their program has closed while a slow reader still waits for their end. */
import assert from 'node:assert/strict';
import { ADDRESS, create, lab, mustTeleport, NAME } from './support.js';

const BYTES = 400_000;
const PORT = 7007;

/** Gives all of it to the kernel, and closes. */
const SERVER = `import socket
listening = socket.create_server(('', ${PORT}))
listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * ${BYTES})
while True:
    with listening.accept()[0] as client:
        client.sendall(b'x' * ${BYTES})
`;

/** Reads some 200 KB a second, and says how much there was. */
const READER = `use Socket;
socket(my $reading, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($reading, SOL_SOCKET, SO_RCVBUF, 4096) or die $!;
connect($reading, sockaddr_in(${PORT}, inet_aton('${ADDRESS}'))) or die $!;
my $total = 0;
while (my $part = sysread($reading, my $bytes, 4000)) {
  $total += $part;
  select undef, undef, undef, 0.02;
}
print $total`;

describe('a connection that its program has closed', () => {
  it('is read to its end, though its cnvm moves meanwhile', async () => {
    await create('node1');
    const start = `cat >/tmp/server.py; setsid python3 /tmp/server.py >/dev/null 2>&1 </dev/null &`;
    await lab.must('node1', ['cnvm', 'exec', '-i', NAME, '--', 'sh', '-c', start], SERVER);
    const reader = lab.run('node3', ['perl', '-e', READER]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await mustTeleport('node1', 'node2');
    const { stdout, stderr } = await reader;
    assert.equal(stdout.trim(), String(BYTES), stderr);
  });
});
