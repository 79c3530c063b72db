/** The tunnel between the nodes: nothing of it can be read, and nothing but the freeze is felt when a cnvm moves in it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNumberStream, startStreamServer } from '../../scripts/lib/number-stream.js';
import { openShell } from '../../scripts/lib/shell-session.js';
import { EVERY_MS, gapsMs, sendDatagrams, startReceiver } from './datagrams.js';
import { ADDRESS, create, eventually, lab, mustTeleport, NAME, NODES, ssh, teleport, waitForSsh } from './support.js';

const OTHER = { name: 'other.gonkulator.io', address: '10.100.101.112' };
/** What is left of 1500 bytes of Ethernet, and of that for the user of ICMP or UDP. */
const MTU = 1384;
const PAYLOAD = MTU - 28;
const MARKER = 'attack-at-dawn-attack-at-dawn';
/** A datagram more or less at either end, and a processor that had others to run. */
const SLACK_MS = 10 * EVERY_MS;
/** In which a handful of programs makes the way on, on a machine that has others to run. */
const PROGRAMS_MS = 500;

interface NodeJson {
  readonly name: string;
  readonly endpoint: string;
  readonly facts: { readonly overlayKey: string; readonly overlayEncryption: string };
}

const sh = (node: string, script: string) => lab.must(node, ['sh', '-c', script]);
const inside = (node: string, name: string, script: string) =>
  lab.must(node, ['cnvm', 'exec', name, '--', 'sh', '-c', script]);
const underlay = async (node: string) =>
  (await sh(node, `ip -4 -o addr show eth0`)).split(/\s+/)[3]?.split('/')[0] ?? '';

async function createOther(node: string): Promise<void> {
  await lab.must(node, ['cnvm', 'create', OTHER.name, '--address', OTHER.address]);
  await waitForSsh(node, OTHER.address);
  await heardEverywhere(OTHER.address);
}

/** Every node knows the way. */
async function heardEverywhere(address: string): Promise<void> {
  await eventually(`the way to ${address}`, async () => {
    const ways = await Promise.all(NODES.map((node) => sh(node, `ip route get ${address}`)));
    return ways.every((way) => !/unreachable/.test(way));
  });
}

async function keyOf(node: string): Promise<string> {
  const nodes = await lab.json<NodeJson[]>(node, 'cnvm', 'nodes');
  return nodes.find(({ name }) => name === node)?.facts.overlayKey ?? '';
}

/** The addresses that `node` takes from the peer with this key. */
async function allowed(node: string, key: string): Promise<string[]> {
  const line = (await sh(node, 'wg show wgcnvm allowed-ips')).split('\n').find((one) => one.startsWith(key));
  return (line?.split(/\s+/).slice(1) ?? []).sort();
}

/** What passes by on a link of a node while `act` runs; each packet with a line of its own and its text. */
async function overhear(node: string, link: string, act: () => Promise<void>): Promise<string> {
  const child = lab.start(node, ['tcpdump', '--immediate-mode', '-Z', 'root', '-l', '-n', '-A', '-i', link]);
  let heard = '';
  child.stdout.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => chunk.toString().includes('listening on') && resolve());
  });
  await act();
  await sleep(300);
  const exited = once(child, 'exit');
  await sh(node, `pkill -INT -x -f 'tcpdump.* -i ${link}'`);
  await exited;
  return heard;
}

describe('the overlay', () => {
  it('nothing that goes between two nodes can be read, and all of it is WireGuard’s', async () => {
    await create('node1');
    await createOther('node2');
    const say = async () => {
      const listener = lab.start('node2', ['cnvm', 'exec', OTHER.name, '--', 'nc', '-l', '-N', '9000']);
      let text = '';
      listener.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const exited = once(listener, 'exit');
      await eventually('the listener', async () => (await inside('node2', OTHER.name, 'ss -ltn')).includes(':9000'));
      await inside('node1', NAME, `for i in 1 2 3 4 5; do echo ${MARKER}; done | nc -N ${OTHER.address} 9000`);
      await exited;
      assert.equal(text, `${MARKER}\n`.repeat(5));
    };
    // It would be heard if it were there.
    assert.match(await overhear('node1', 'wgcnvm', say), new RegExp(MARKER));
    const wire = await overhear('node1', 'eth0', say);
    assert.doesNotMatch(wire, new RegExp(MARKER));
    const packets = wire.split('\n').filter((line) => /^\d\d:\d\d:\d\d\.\d+ IP /.test(line));
    const [one, two] = [await underlay('node1'), await underlay('node2')];
    const between = packets.filter((line) => line.includes(`IP ${one}.`) && line.includes(`> ${two}.`));
    assert.ok(
      between.some((line) => line.includes(`${one}.7443 > ${two}.7443: UDP`)),
      wire.slice(0, 2000),
    );
    const strange = packets.filter((line) => !/\.7443: UDP|\.7443: Flags|\.7443 > .*: Flags/.test(line));
    assert.deepEqual(strange, []);
    assert.ok(packets.every((line) => !line.includes('10.100.')));
  });

  it('a cnvm takes its address along: each peer may send what it owns, and the session goes on', async () => {
    await create('node1');
    const shell = await openShell(lab, 'node3', ADDRESS);
    const [first, second] = [await keyOf('node1'), await keyOf('node2')];
    assert.deepEqual(await allowed('node3', first), ['10.100.0.1/32', `${ADDRESS}/32`]);
    assert.match(await inside('node1', NAME, 'ip -6 addr show dev eth0'), /inet6 fe80::/);
    await mustTeleport('node1', 'node2');
    assert.deepEqual(await allowed('node3', first), ['10.100.0.1/32']);
    assert.deepEqual(await allowed('node3', second), ['10.100.0.2/32', `${ADDRESS}/32`]);
    assert.equal(await shell.type('echo alive'), 'alive');
    assert.match(await inside('node2', NAME, 'ip -6 addr show dev eth0'), /inet6 fe80::/);
    await shell.close();
  });

  it('a third node that hears of the move loses what the freeze takes, and nothing else, either way', async () => {
    await create('node1');
    await createOther('node3');
    await startReceiver('node1', ADDRESS);
    const from = { node: 'node3', name: OTHER.name };
    const outcome = sendDatagrams(lab, from, { address: ADDRESS, seconds: 6, bytes: PAYLOAD });
    await sleep(1_000);
    const { freezeMs } = await mustTeleport('node1', 'node2');
    const { arrived, answered, refused } = await outcome({ node: 'node2', name: NAME });
    assert.equal(refused, 0);
    assert.ok(arrived.length > 500, `${arrived.length} arrived`);
    for (const [what, numbers] of Object.entries({ arrived, answered })) {
      const gaps = gapsMs(numbers);
      assert.ok(gaps.length <= 1, `${what}: it is silent for ${gaps.join(', ')} ms; frozen ${freezeMs} ms`);
      assert.ok((gaps[0] ?? 0) <= freezeMs + SLACK_MS, `${what}: silent for ${gaps[0]} ms, frozen for ${freezeMs} ms`);
      assert.equal(new Set(numbers).size, numbers.length, 'something came twice');
    }
  });

  it('what a third node still sends to the old owner is passed on, full packets too', async () => {
    await create('node1');
    await createOther('node3');
    await startReceiver('node1', ADDRESS);
    const old = await keyOf('node1');
    const chain = (way: string) =>
      `chain ${way} {\ntype filter hook ${way} priority 0\ntcp dport 7443 drop\ntcp sport 7443 drop\n}\n`;
    const deaf = `table inet deaf {\n${chain('input')}${chain('output')}}\n`;
    await lab.must('node3', ['nft', '--file', '-'], deaf);
    try {
      const from = { node: 'node3', name: OTHER.name };
      const outcome = sendDatagrams(lab, from, { address: ADDRESS, seconds: 8, bytes: PAYLOAD });
      await sleep(1_000);
      const { freezeMs } = await mustTeleport('node1', 'node2');
      const { arrived, sent, refused } = await outcome({ node: 'node2', name: NAME });
      assert.deepEqual(await allowed('node3', old), ['10.100.0.1/32', `${ADDRESS}/32`], 'it has heard of it');
      assert.equal(refused, 0);
      const gaps = gapsMs(arrived);
      assert.ok(gaps.length <= 1, `silent for ${gaps.join(', ')} ms; frozen ${freezeMs} ms`);
      // The old owner passes on from soon after it has heard that it runs there, which is when it stops counting.
      assert.ok((gaps[0] ?? 0) <= freezeMs + PROGRAMS_MS, `silent for ${gaps[0]} ms, frozen for ${freezeMs} ms`);
      assert.ok((arrived.at(-1) ?? 0) >= sent - 20, `the last of ${sent} to arrive was ${arrived.at(-1)}`);
    } finally {
      await sh('node3', 'nft delete table inet deaf');
    }
    await eventually('the news on node3', async () => !(await allowed('node3', old)).includes(`${ADDRESS}/32`));
    assert.equal(await ssh('node3', 'echo alive'), 'alive');
  });

  it('full packets that nobody may cut pass both ways, longer ones are refused at once, and a stream of them flows', async () => {
    await create('node1');
    await createOther('node2');
    for (const [node, name, to] of [
      ['node1', NAME, OTHER.address],
      ['node2', OTHER.name, ADDRESS],
    ] as const) {
      assert.match(await inside(node, name, `ping -M do -c 5 -i 0.2 -W 2 -s ${PAYLOAD} ${to}`), / [3-5] received/);
      assert.match(await inside(node, name, `ping -M do -c 1 -W 2 -s ${PAYLOAD + 1} ${to} 2>&1; true`), /too long/);
    }
    await streams(20);
  });

  it('nor is there a black hole where one node’s link carries less', async () => {
    const lessOn = async (mtu: number) => {
      await lab.must('outside', ['ip', 'link', 'set', 'node2', 'mtu', String(mtu)]);
      await lab.must('node2', ['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)]);
      await restart('node2');
    };
    await lessOn(1400);
    try {
      await create('node1');
      await createOther('node2');
      assert.match(await inside('node2', OTHER.name, 'ip link show dev eth0'), new RegExp(`mtu ${MTU - 100} `));
      const ping = (bytes: number) =>
        inside('node1', NAME, `ping -M do -c 2 -i 0.2 -W 2 -s ${bytes} ${OTHER.address} 2>&1; true`);
      assert.match(await ping(PAYLOAD), new RegExp(`mtu ?= ?${MTU - 100}`));
      assert.match(await ping(PAYLOAD - 100), / [1-2] received/);
      await streams(20);
    } finally {
      await lessOn(1500);
    }
  });

  it('a new key is known before it is used: a stream goes on, and nothing but its public half is ever seen', async () => {
    await create('node1');
    await startStreamServer(lab, 'node1', ADDRESS);
    const stream = await openNumberStream(lab, 'node2', ADDRESS);
    const before = await keyOf('node1');
    stream.reset();
    const { told, notTold, key } = await lab.json<{ told: string[]; notTold: string[]; key: string }>(
      'node1',
      ...['cnvm', 'overlay', 'rekey'],
    );
    await stream.more(400);
    assert.deepEqual([told.sort(), notTold], [['node2', 'node3'], []]);
    assert.notEqual(key, before);
    assert.equal(await keyOf('node1'), key);
    assert.deepEqual(await allowed('node2', key), ['10.100.0.1/32', `${ADDRESS}/32`]);
    assert.doesNotMatch(await sh('node2', 'wg show wgcnvm peers'), new RegExp(before.replace(/[+/]/g, '\\$&')));
    assert.ok(stream.gapMs() < 2_000, `it was silent for ${stream.gapMs()} ms`);
    await stream.close();
    const secret = await sh('node1', `stat -c %a /var/lib/cnvm/overlay/private.key; ls /var/lib/cnvm/overlay`);
    assert.match(secret, /^600\n/);
    assert.doesNotMatch(secret, /next/);
    const seen =
      'grep -rlF "$(cat /var/lib/cnvm/overlay/private.key)" /var/log /run /etc /proc/[0-9]*/cmdline 2>/dev/null';
    assert.equal(await sh('node1', `${seen}; true`), '');
  });

  it('outlives its daemon, and comes back when it is killed itself', async () => {
    await create('node1');
    await startStreamServer(lab, 'node1', ADDRESS);
    const stream = await openNumberStream(lab, 'node2', ADDRESS);
    const tunnel = () => sh('node1', 'pgrep -x wireguard-go || cat /sys/class/net/wgcnvm/ifindex');
    const before = await tunnel();
    stream.reset();
    await restart('node1');
    await stream.more(200);
    assert.ok(stream.gapMs() < 1_000, `it was silent for ${stream.gapMs()} ms`);
    assert.equal(await tunnel(), before);
    await sh('node1', 'ip link delete wgcnvm');
    await eventually(
      'another tunnel',
      async () => (await lab.run('node1', ['wg', 'show', 'wgcnvm'])).code === 0,
      30_000,
    );
    await stream.more(200);
    await stream.close();
  });

  it('two nodes that do not agree on encryption say so, and nothing goes between them', async () => {
    await create('node1');
    const set = async (encryption: string) => {
      await sh(
        'node3',
        `sed -i '/encryption:/d; s/^overlay:/overlay:\\n  encryption: ${encryption}/' /etc/cnvm/cnvmd.yaml`,
      );
      await restart('node3', encryption === 'wireguard');
    };
    await set('none');
    try {
      const { code, ended } = await teleport('node1', 'node3');
      assert.equal(code, 2);
      assert.match(ended.error, /node1 has overlay.encryption: wireguard, node3 has overlay.encryption: none/);
      assert.match(await lab.must('node1', ['cnvm', 'nodes']), /node3 .* none .*NOTHING goes over the overlay/);
      assert.notEqual((await lab.run('node1', ['ping', '-c', '1', '-W', '1', '10.100.0.3'])).code, 0);
      assert.equal((await lab.run('node3', ['ip', 'link', 'show', 'wgcnvm'])).code, 1);
      await mustTeleport('node1', 'node2');
    } finally {
      await set('wireguard');
    }
    await eventually(
      'the tunnel',
      async () => (await lab.run('node1', ['ping', '-c', '1', '-W', '1', '10.100.0.3'])).code === 0,
    );
  });
});

/** @param reached whether the others find the way to it then. */
async function restart(node: string, reached = true): Promise<void> {
  await lab.must(node, ['sv', '-w', '30', 'restart', 'cnvmd']);
  await eventually(`the daemon of ${node}`, async () => (await lab.run(node, ['cnvm', 'ls'])).code === 0);
  if (!reached) return;
  const here = `10.100.0.${node.slice(-1)}`;
  const others = NODES.filter((other) => other !== node);
  await eventually(`the word of ${node}`, async () =>
    (await Promise.all(others.map((other) => sh(other, `ip route get ${here}; true`)))).every((way) =>
      way.includes(here),
    ),
  );
}

/** So many megabytes between the two cnvms, each way. */
async function streams(megabytes: number): Promise<void> {
  const read = `nc -l -N 9001 | wc -c`;
  for (const [listener, name, from, sender, to] of [
    ['node2', OTHER.name, 'node1', NAME, OTHER.address],
    ['node1', NAME, 'node2', OTHER.name, ADDRESS],
  ] as const) {
    const got = lab.must(listener, ['cnvm', 'exec', name, '--', 'sh', '-c', read]);
    await eventually('the listener', async () => (await inside(listener, name, 'ss -ltn')).includes(':9001'));
    await inside(from, sender, `head -c ${megabytes}M /dev/zero | nc -N ${to} 9001`);
    assert.equal(Number(await got), megabytes * 2 ** 20);
  }
}
