/** What a cnvm can do to nodes and to others: ask for names, ping, and speak for itself. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, eventually, lab, mustTeleport, NAME, NODES, waitForSsh } from './support.js';

const OTHER = { name: 'other.gonkulator.io', address: '10.100.101.112' };
const THIRD = { name: 'third.gonkulator.io', address: '10.100.101.113' };
/** Where nobody listens, and where the daemon and something else of the node does. */
const CONTROL_PORT = 7443;
const OTHER_PORT = 8080;

/** Connects to each of these addresses at every port up to 10000 at once; prints who let it in or said that nobody is there. */
const SCAN = `
import errno, select, socket, sys, time
socket.setdefaulttimeout(0)
found = []
for address in sys.argv[1:]:
    for start in range(1, 10001, 500):
        tries = {}
        poll = select.poll()
        for port in range(start, start + 500):
            one = socket.socket()
            one.setblocking(False)
            code = one.connect_ex((address, port))
            if code == errno.EINPROGRESS:
                tries[one.fileno()] = (one, port)
                poll.register(one, select.POLLOUT)
            elif code == 0: found.append(f"{address}:{port}")
        end = time.monotonic() + 0.4
        while tries and time.monotonic() < end:
            for number, _ in poll.poll(max(1, int((end - time.monotonic()) * 1000))):
                one, port = tries.pop(number)
                poll.unregister(number)
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0: found.append(f"{address}:{port}")
                one.close()
        for one, _ in tries.values(): one.close()
print(*found)
`;

/** Datagrams to ADDRESS:PORT as root can make them, whatever its own address is: pairs of a source and a text. */
const FORGE = `
import socket, struct, sys
address, port = sys.argv[1], int(sys.argv[2])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for source, text in zip(sys.argv[3::2], sys.argv[4::2]):
    udp = struct.pack("!HHHH", 40000, port, 8 + len(text), 0) + text.encode()
    ends = socket.inet_aton(source) + socket.inet_aton(address)
    raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends + udp, (address, 0))
`;

const sh = (node: string, script: string) => lab.must(node, ['sh', '-c', script]);
const inside = (node: string, name: string, ...argv: string[]) =>
  lab.must(node, ['cnvm', 'exec', '--user', 'root', name, '--', ...argv]);
const underlay = async (node: string) =>
  (await sh(node, `ip -4 -o addr show eth0`)).split(/\s+/)[3]?.split('/')[0] ?? '';

async function createMore(node: string, { name, address }: typeof OTHER): Promise<void> {
  await lab.must(node, ['cnvm', 'create', name, '--address', address]);
  await waitForSsh(node, address);
}

/** What a cnvm hears at a UDP port while `act` runs. */
async function heard(node: string, name: string, port: number, act: () => Promise<void>): Promise<string> {
  const child = lab.start(node, ['cnvm', 'exec', name, '--', 'timeout', '60', 'nc', '-u', '-l', '-k', String(port)]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const there = async () => (await inside(node, name, 'ss', '-lun')).includes(`:${port} `);
  await eventually('the listener', there);
  await act();
  await sleep(500);
  const exited = once(child, 'exit');
  await inside(node, name, 'pkill', '-x', 'nc');
  await exited;
  return text;
}

const lookUp = async (node: string, cnvm: string, name: string) =>
  (await lab.run(node, ['cnvm', 'exec', cnvm, '--', 'getent', 'ahostsv4', name])).stdout.split(/\s/)[0];

describe('the fence around a cnvm', () => {
  it('a scan of its own node and of the others, on either network, finds nothing but names', async () => {
    await create('node1');
    const own = await Promise.all(NODES.map(underlay));
    const listeners = NODES.map((node) => lab.start(node, ['timeout', '120', 'nc', '-l', '-k', String(OTHER_PORT)]));
    for (const node of NODES)
      await eventually('a listener', async () => /:8080 /.test(await sh(node, 'ss -ltn || true')));
    // There is something to be found, by who is no cnvm.
    for (const address of ['10.100.0.2', own[1] ?? '']) {
      for (const port of [CONTROL_PORT, OTHER_PORT])
        assert.equal(
          (await lab.run('node1', ['nc', '-z', '-w', '2', address, String(port)])).code,
          0,
          `${address}:${port}`,
        );
    }
    const overlay = ['10.100.0.1', '10.100.0.2', '10.100.0.3'];
    const found = await inside('node1', NAME, 'python3', '-c', SCAN, '169.254.1.1', ...own, ...overlay);
    assert.equal(found.trim(), '169.254.1.1:53');
    for (const listener of listeners) listener.kill();
    const asked = await lab.run('node1', ['cnvm', 'exec', NAME, '--', 'ping', '-c', '2', '-W', '2', '10.100.0.2']);
    assert.equal(asked.code, 0, 'it may ping');
  });

  it('nobody hears it speak for another, on its own node or elsewhere', async () => {
    await create('node1');
    await createMore('node1', OTHER);
    await createMore('node2', THIRD);
    for (const [node, { name, address }] of [
      ['node1', OTHER],
      ['node2', THIRD],
    ] as const) {
      const text = await heard(node, name, 9002, async () => {
        const forged = [
          '10.100.101.200',
          'nobody ',
          OTHER.address,
          'other ',
          '10.100.0.1',
          'node ',
          '192.0.2.1',
          'world ',
        ];
        const own = ['10.100.101.111', 'own-words'];
        await inside('node1', NAME, 'python3', '-c', FORGE, address, '9002', ...forged, ...own);
      });
      assert.equal(text.trim(), 'own-words');
    }
  });

  it('nor does a node speak for what it does not own, through the tunnel or beside it', async () => {
    await create('node2');
    await createMore('node3', OTHER);
    const text = await heard('node2', NAME, 9003, async () => {
      const say = (source: string, words: string) =>
        sh('node1', `ip address add ${source}/32 dev lo; echo ${words} | nc -u -s ${source} -q 0 10.100.101.111 9003`);
      await say(OTHER.address, 'other-speaks');
      await say('10.100.101.201', 'nobody-speaks');
      await sh('node1', `ip address del ${OTHER.address}/32 dev lo; ip address del 10.100.101.201/32 dev lo`);
      // From the network between the nodes, with no tunnel around it.
      const to = await underlay('node2');
      await lab.must('outside', ['ip', 'address', 'add', '10.100.101.202/32', 'dev', 'lo']);
      await lab.must('outside', ['ip', 'route', 'replace', '10.100.101.111', 'via', to, 'src', '10.100.101.202']);
      await lab.run('outside', ['bash', '-c', `echo outside > /dev/udp/10.100.101.111/9003`]);
      await lab.must('outside', ['ip', 'address', 'del', '10.100.101.202/32', 'dev', 'lo']);
      await lab.run('outside', ['ip', 'route', 'delete', '10.100.101.111']);
      await sh('node1', `echo own-words | nc -u -q 0 10.100.101.111 9003`);
    });
    assert.equal(text.trim(), 'own-words');
  });

  it('cnvms find each other by name, wherever either of them goes, and the world through their node', async () => {
    await create('node1');
    await createMore('node2', OTHER);
    const finds = async (node: string, cnvm: string, name: string, address: string | undefined) =>
      await eventually(`${name} in ${cnvm}`, async () => (await lookUp(node, cnvm, name)) === (address ?? ''));
    await finds('node1', NAME, OTHER.name, OTHER.address);
    await finds('node1', NAME, 'other', OTHER.address);
    await finds('node2', OTHER.name, NAME, '10.100.101.111');
    await mustTeleport('node1', 'node3');
    assert.equal(await lookUp('node3', NAME, OTHER.name), OTHER.address);
    assert.equal(await lookUp('node2', OTHER.name, NAME), '10.100.101.111');
    await createMore('node1', THIRD);
    await finds('node3', NAME, 'third', THIRD.address);
    await lab.must('node1', ['cnvm', 'rm', '--force', THIRD.name]);
    await finds('node3', NAME, 'third', undefined);
    const resolver = await underlay('node2');
    const upstream = ['--no-hosts', '--no-resolv', '--address=/upstream.test/192.0.2.7'];
    const listen = [`--listen-address=${resolver}`, '--bind-interfaces'];
    const dnsmasq = ['dnsmasq', '--no-daemon', '--conf-file=/dev/null', ...upstream, ...listen];
    const child = lab.start('node2', ['timeout', '60', ...dnsmasq]);
    await sh('node3', `cp /etc/resolv.conf /tmp/resolv; echo "nameserver ${resolver}" > /etc/resolv.conf`);
    try {
      await finds('node3', NAME, 'upstream.test', '192.0.2.7');
    } finally {
      await sh('node3', 'cat /tmp/resolv > /etc/resolv.conf');
      child.kill();
    }
  });
});
