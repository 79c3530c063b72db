/** Images on real nodes: a real registry, skopeo, umoci, tar and the kernel's overlays. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CnvmJson, eventually, lab, mend, NODES, sabotage } from './support.js';

const WORK = '/var/lib/cnvm/test-images';
const REGISTRY = 'docker://127.0.0.1:5000/test';
const STORE = '/var/lib/cnvm/images';
/** A daemon that ends, and the next one, on a machine that has much else to do. */
const STARTED_MS = 60_000;
const LINE_CLIENT = fileURLToPath(new URL('fixtures/line-client.py', import.meta.url));

interface ImageJson {
  readonly names: string[];
  readonly digest: string;
  readonly system: boolean;
  readonly layers: { digest: string; diffId: string; directory: string }[];
  readonly cnvms: string[];
}

const sh = (node: string, script: string) => lab.must(node, ['sh', '-c', script]);
const images = (node: string) => lab.json<ImageJson[]>(node, 'cnvm', 'image', 'ls');
const pull = (node: string, what: string, ...more: string[]) =>
  lab.json<ImageJson>(node, 'cnvm', 'image', 'pull', '--insecure', `${REGISTRY}/${what}:1`, '--name', what, ...more);
const refusal = async (node: string, ...command: string[]) => {
  const { code, stderr } = await lab.run(node, ['cnvm', ...command]);
  assert.equal(code, 2, stderr);
  return stderr;
};
/** The node's address beyond the overlay. */
const addressOf = async (node: string) => /src (\S+)/.exec(await sh(node, 'ip route get 172.30.0.1'))?.[1] ?? '';

/** A connection from a host beyond the nodes; each line that is said is answered. */
function connectFromOutside(address: string, port: number) {
  const client = lab.start('outside', ['python3', LINE_CLIENT, address, String(port)]);
  const lines = createInterface(client.stdout)[Symbol.asyncIterator]();
  return {
    async ask(line: string): Promise<string> {
      client.stdin.write(`${line}\n`);
      return String((await lines.next()).value);
    },
    async close(): Promise<void> {
      client.stdin.end();
      await once(client, 'exit');
    },
  };
}

describe('images', () => {
  let base: ImageJson;

  before(async function () {
    this.timeout(180_000);
    const [first] = (await images('node1')).filter(({ names }) => names.includes('base'));
    assert.ok(first !== undefined);
    base = first;
    await sh('node1', `sh /opt/cnvm/test/host/fixtures/make-images.sh ${WORK}`);
  });
  after(async () => {
    await sh('node1', `kill $(cat ${WORK}/registry.pid); rm -rf ${WORK}`);
  });
  afterEach(async () => {
    // The store as it was: only the base image in it, whatever the test has brought in.
    for (const node of NODES) {
      await mend(node, 'skopeo');
      for (const { name } of await lab.json<CnvmJson[]>(node, 'cnvm', 'ls'))
        await lab.must(node, ['cnvm', 'rm', '--force', name]);
    }
    for (const node of NODES) {
      for (const { names } of await images(node))
        for (const name of names.filter((one) => one !== 'base')) await lab.must(node, ['cnvm', 'image', 'rm', name]);
      // One that a peer had it bring is kept for a while, so the daemon starts anew.
      await lab.must(node, ['sv', '-w', '20', 'restart', 'cnvmd']);
      await eventually('the daemon', async () => (await lab.run(node, ['cnvm', 'ls'])).code === 0, STARTED_MS);
      assert.deepEqual(
        (await images(node)).map(({ names }) => names),
        [['base']],
      );
      assert.equal(
        await sh(node, `ls ${STORE}/incoming ${STORE}/partial | grep -v : | grep . ; ls -d ${STORE}/layers/*/ | wc -l`),
        '1',
      );
      assert.equal(await sh(node, `ls ${STORE}/blobs/sha256 | wc -l`), '3');
    }
  });

  it('from a registry: layers are shared, and what they take away is gone', async () => {
    const image = await pull('node1', 'marks');
    assert.equal(image.layers[0]?.directory, base.layers[0]?.directory);
    assert.equal(await sh('node1', `ls -d ${STORE}/layers/*/ | wc -l`), '3');
    const [one, two] = [
      await lab.json<CnvmJson>('node1', 'cnvm', 'create', 'one', '--image', 'marks'),
      await lab.json<CnvmJson>('node1', 'cnvm', 'create', 'two', '--image', image.digest),
    ];
    assert.notEqual(one.uidBase, two.uidBase);
    const inside = (name: string, script: string) =>
      lab.must('node1', ['cnvm', 'exec', name, '--', 'sh', '-c', script]);
    for (const name of ['one', 'two']) {
      const found = await inside(name, 'cd /srv; find . -type f | sort; stat -c "%U %a" sticky; stat -c %y kept/dated');
      assert.deepEqual(found.trim().split('\n'), [
        ...['./emptied/new', './kept/dated', './kept/new', './kept/old', './replaced/new', 'root 1777'],
        '2001-02-03 04:05:06.123456789 +0000',
      ]);
      assert.equal(
        await inside(name, `python3 -c 'import os; print(os.getxattr("/srv/kept/old", "user.mark").decode())'`),
        'one',
      );
    }
    await inside('one', 'echo changed > /srv/kept/old; rm -r /srv/replaced');
    assert.equal(await inside('two', 'cat /srv/kept/old /srv/replaced/new'), 'below\nabove');
    assert.match(await refusal('node1', 'image', 'rm', 'marks'), /marks is in use by one, two/);
  });

  it('that cannot be had are refused, and nothing changes', async () => {
    const asked: [string[], RegExp][] = [
      [[`${REGISTRY}/marks:1`], /http: server gave HTTP response.*\n.*--insecure/],
      [['--insecure', `${REGISTRY}/nope:1`], /manifest unknown/],
      [['--insecure', `${REGISTRY}/foreign:1`], /for linux on s390x, and this node is linux on amd64/],
      [['docker://127.0.0.1:1/x'], /connection refused/],
      [['oci:/nowhere'], /no such file/],
      [['nginx'], /names no image: write docker:\/\//],
    ];
    for (const [words, expected] of asked) assert.match(await refusal('node1', 'image', 'pull', ...words), expected);
    assert.match(await refusal('node1', 'image', 'import', '/etc', 'x'), /what \/etc is to run is not said/);
    assert.match(
      await refusal('node1', 'image', 'import', '/nowhere', 'x', '--entrypoint', '/x'),
      /no root directory and no tarball/,
    );
    assert.match(
      await refusal('node1', 'create', 'x', '--image', 'marks'),
      /there is no image "marks" here; there is: base/,
    );
  });

  it('from a layout, an archive, a directory and a tarball', async () => {
    await sh('node1', `skopeo copy --quiet oci:${WORK}/made:counter docker-archive:${WORK}/counter.tar:counter:1`);
    await sh(
      'node1',
      `mkdir -p ${WORK}/root && cp -a /bin ${WORK}/root/ 2>/dev/null; mkdir -p ${WORK}/tiny/etc && echo tiny >${WORK}/tiny/etc/name`,
    );
    await sh('node1', `tar -C ${WORK}/tiny -czf ${WORK}/tiny.tar.gz . && touch -d @0 ${WORK}/tiny/etc/name`);
    const imported = (...words: string[]) => lab.json<ImageJson>('node1', 'cnvm', 'image', 'import', ...words);
    const layout = await imported(`oci:${WORK}/made:counter`);
    assert.deepEqual([layout.names, layout.system], [['made:counter'], false]);
    const archive = await imported(`docker-archive:${WORK}/counter.tar`, 'archived');
    assert.deepEqual(
      archive.layers.map(({ diffId }) => diffId),
      layout.layers.map(({ diffId }) => diffId),
    );
    const root = ['--entrypoint', '/sbin/init', '--system'];
    const directory = await imported(`${WORK}/tiny`, 'from-directory', ...root);
    const tarball = await imported(`${WORK}/tiny.tar.gz`, 'from-tarball', ...root);
    assert.deepEqual([directory.system, tarball.system, tarball.layers.length], [true, true, 1]);
    assert.equal(
      await sh('node1', `cat ${tarball.layers[0]?.directory}/etc/name ${directory.layers[0]?.directory}/etc/name`),
      'tiny\ntiny',
    );
    const again = await imported(`${WORK}/tiny`, 'again', ...root);
    assert.equal(again.digest, directory.digest);
  });

  it('with layers that zstd has compressed', async () => {
    // What is compressed already would be left as it is.
    await sh('node1', `skopeo copy --quiet --dest-decompress oci:${WORK}/made:marks dir:${WORK}/plain`);
    await sh('node1', `skopeo copy --quiet --dest-compress-format zstd dir:${WORK}/plain oci:${WORK}/zstd:marks`);
    assert.match(await sh('node1', `skopeo inspect --raw oci:${WORK}/zstd:marks`), /tar\+zstd/);
    const plain = await pull('node1', 'marks');
    const image = await lab.json<ImageJson>('node1', 'cnvm', 'image', 'import', `oci:${WORK}/zstd:marks`, 'zstd');
    const contents = ({ layers }: ImageJson) => layers.map(({ diffId, directory }) => `${diffId} ${directory}`);
    assert.notEqual(image.digest, plain.digest);
    assert.deepEqual(contents(image), contents(plain));
    await lab.must('node1', ['cnvm', 'create', 'one', '--image', 'zstd']);
    await lab.must('node1', ['teleport', 'one', 'node2']);
    const kept = ['cnvm', 'exec', 'one', '--', 'cat', '/srv/kept/old'];
    assert.equal(await lab.must('node2', kept), 'below');
  });

  it('a published UDP port moves with its cnvm, for those who speak to it already and for new ones', async () => {
    await lab.must('node1', ['cnvm', 'create', 'echo', '--port', '8053:9000/udp']);
    const server = 'import socket; s = socket.socket(2, 2); s.bind(("", 9000))\nwhile True: s.sendto(*s.recvfrom(999))';
    const command = ['sh', '-c', `setsid python3 -c '${server}' >/dev/null 2>&1 </dev/null &`];
    await lab.must('node1', ['cnvm', 'exec', 'echo', '--', ...command]);
    // From the same port each time, or from one of its own.
    const ask = async (node: string, bind = '') => {
      const address = await addressOf(node);
      const client = `import socket; s = socket.socket(2, 2); s.settimeout(1); ${bind}s.sendto(b"hello", ("${address}", 8053)); print(s.recv(99).decode())`;
      return (await lab.run('outside', ['python3', '-c', client])).stdout.trim() === 'hello';
    };
    const same = 's.bind(("", 40123)); ';
    await eventually('an answer', () => ask('node1', same));
    await lab.must('node1', ['teleport', 'echo', 'node2']);
    await eventually('an answer by the way of before', () => ask('node1', same));
    await eventually('an answer of the new owner', () => ask('node2'));
  });

  it('a daemon killed in the middle of a pull leaves nothing that the next one keeps, and the pull can be made again', async () => {
    for (const moment of ['copy', 'unpack']) {
      const program = moment === 'copy' ? 'skopeo' : 'tar';
      const real = moment === 'copy' ? '/usr/bin/skopeo' : '/usr/bin/tar';
      const only = moment === 'copy' ? 'case "$1" in copy) ;; *) exec /usr/bin/skopeo "$@" ;; esac' : '';
      await sabotage('node1', program, `${only}\n${real} "$@"; touch /run/test-midway; sleep 600`);
      const pulling = lab.run('node1', [
        'cnvm',
        'image',
        'pull',
        '--insecure',
        `${REGISTRY}/marks:1`,
        '--name',
        'marks',
      ]);
      await eventually(
        'the middle of it',
        async () => (await lab.run('node1', ['test', '-e', '/run/test-midway'])).code === 0,
        60_000,
      );
      await sh('node1', 'kill -9 $(cat /run/runit-cnvmd/pid); rm /run/test-midway');
      assert.notEqual((await pulling).code, 0);
      await mend('node1', program);
      await eventually(
        'the daemon',
        async () => (await lab.run('node1', ['cnvm', 'image', 'ls'])).code === 0,
        STARTED_MS,
      );
      assert.deepEqual(
        (await images('node1')).map(({ names }) => names),
        [['base']],
        moment,
      );
      assert.equal(
        await sh(
          'node1',
          `ls ${STORE}/incoming ${STORE}/partial | grep -v : | grep . ; ls ${STORE}/blobs/sha256 | wc -l; ls -d ${STORE}/layers/*/ | wc -l`,
        ),
        '3\n1',
        moment,
      );
      assert.equal((await sh('node1', `pgrep -f '${WORK}|sleep 600' | wc -l`).then(Number)) <= 2, true);
    }
    assert.equal((await pull('node1', 'marks')).layers.length, 3);
  });

  it('a layer that was changed is refused, in a registry and at a peer', async () => {
    const made = JSON.parse(await sh('node1', `skopeo inspect oci:${WORK}/made:marks`)) as { Layers: string[] };
    const hex = made.Layers.at(-1)?.slice('sha256:'.length) ?? '';
    const inRegistry = `${WORK}/registry/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
    const flip =
      'const fs = require("fs"), [, file] = process.argv, all = fs.readFileSync(file); all[40] ^= 1; fs.writeFileSync(file, all)';
    const spoil = (file: string) => sh('node1', `cp ${file} /run/true; node -e '${flip}' ${file}`);
    await spoil(inRegistry);
    try {
      const { code, stderr } = await lab.run('node1', ['cnvm', 'image', 'pull', '--insecure', `${REGISTRY}/marks:1`]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /[Dd]igest did not match/);
    } finally {
      await sh('node1', `cp /run/true ${inRegistry}`);
    }
    await pull('node1', 'marks');
    await spoil(`${STORE}/blobs/sha256/${hex}`);
    try {
      const { code, stderr } = await lab.run('node1', [
        'timeout',
        '100',
        'cnvm',
        'image',
        'distribute',
        'marks',
        '--to',
        'node2',
      ]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /node2 has not got marks: .*not what its digest says/);
      assert.deepEqual(
        (await images('node2')).map(({ names }) => names),
        [['base']],
      );
    } finally {
      await sh('node1', `cp /run/true ${STORE}/blobs/sha256/${hex}`);
    }
  });

  it('are given to peers before anybody needs them', async () => {
    await pull('node1', 'marks');
    const all = await lab.json<{ node: string; done: boolean }[]>('node1', 'cnvm', 'image', 'distribute', 'marks');
    assert.deepEqual(all.map(({ node, done }) => `${node} ${done}`).sort(), ['node2 true', 'node3 true']);
    for (const node of ['node2', 'node3']) assert.ok((await images(node)).some(({ names }) => names.includes('marks')));
    assert.match(
      await refusal('node1', 'image', 'distribute', 'marks', '--to', 'node9'),
      /no peer is called node9; there is: node2, node3/,
    );
    assert.equal(
      (await lab.json<CnvmJson>('node3', 'cnvm', 'create', 'there', '--image', 'marks')).state,
      'CNVM_STATE_RUNNING',
    );
  });

  it('a classic cnvm with a published port goes round the nodes with its image, its output and a live connection', async () => {
    await pull('node1', 'counter');
    const made = await lab.json<CnvmJson>(
      'node1',
      'cnvm',
      'create',
      'web',
      '--image',
      'counter',
      '--port',
      '8080:8000',
      '--env',
      'MARK=mine',
    );
    assert.equal(made.state, 'CNVM_STATE_RUNNING');
    const output = async (node: string) => (await lab.run(node, ['cnvm', 'logs', 'web'])).stdout;
    await eventually('its first words', async () => /listening/.test(await output('node1')));
    assert.match(
      await refusal('node1', 'create', 'second', '--image', 'counter', '--port', '8080:1'),
      /8080\/tcp of node1 leads to web/,
    );
    assert.match(
      await refusal('node1', 'create', 'second', '--image', 'counter', '--port', '7443:1'),
      /a program of node1 listens on its port 7443\/tcp/,
    );
    const live = connectFromOutside(await addressOf('node1'), 8080);
    assert.deepEqual(
      [await live.ask('env'), await live.ask('uid'), await live.ask('cwd'), await live.ask('pid')],
      ['1 mine', '2 1000', '3 /var/tmp', '4 1'],
    );
    assert.equal(await live.ask('argv'), "5 ['one', 'two']");
    assert.equal((await lab.run('node1', ['cnvm', 'exec', 'web', '--', 'test', '-d', '/data/deep'])).code, 0);
    await lab.must('node1', ['teleport', 'web', 'node2']);
    assert.equal(await live.ask('after one'), '6 after one');
    assert.match(await output('node2'), /heard after one/);
    const fresh = connectFromOutside(await addressOf('node2'), 8080);
    assert.equal(await fresh.ask('new'), '1 new');
    await lab.must('node2', ['teleport', 'web', 'node3']);
    assert.deepEqual([await live.ask('after two'), await fresh.ask('still')], ['7 after two', '2 still']);
    assert.match(await output('node3'), /heard after two/);
    await live.close();
    await fresh.close();
    for (const node of ['node1', 'node2'])
      assert.doesNotMatch(await sh(node, 'nft list chain inet cnvm published'), /dport/);
    await lab.must('node3', ['teleport', '--cold', 'web', 'node1']);
    await eventually('its words after a cold move', async () => /listening/.test(await output('node1')));
    const again = connectFromOutside(await addressOf('node1'), 8080);
    assert.equal(await again.ask('cold'), '1 cold');
    await again.close();
    await lab.must('node1', ['cnvm', 'stop', 'web']);
    assert.match(await output('node1'), /stopped by SIGQUIT/);
    assert.doesNotMatch(await sh('node1', 'nft list chain inet cnvm published'), /dport/);
  });

  it('a target without room for the image says so, and nothing changes', async () => {
    await lab.must('node1', ['cnvm', 'create', 'web', '--image', `${REGISTRY}/counter:1`, '--insecure']);
    const { code, stderr, stdout } = await lab.run('node1', ['teleport', '--dry-run', 'web', 'node2']);
    assert.equal(code, 0, stderr);
    assert.match(`${stdout}${stderr}`, /node2 lacks the image \S*counter:1: \d+ MiB come first/);
    await lab.must('node2', ['mount', '-t', 'tmpfs', '-o', 'size=20m', 'small', `${STORE}/blobs`]);
    try {
      const refused = await lab.run('node1', ['teleport', 'web', 'node2']);
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(refused.stderr, /not enough space for the image in .* on node2: \d+ MiB needed, \d+ MiB free/);
    } finally {
      await lab.must('node2', ['umount', `${STORE}/blobs`]);
    }
    assert.equal((await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', 'web')).state, 'CNVM_STATE_RUNNING');
  });
});
