import assert from 'node:assert/strict';
import { openNumberStream, startStreamServer } from '../../scripts/lib/number-stream.js';
import { openShell } from '../../scripts/lib/shell-session.js';
import { ADDRESS, type CnvmJson, create, eventually, lab, NAME, ssh, waitForSsh } from './support.js';

const PLACE = '/var/lib/cnvm/kept';
const CLONE = 'clone.gonkulator.io';

/** Of a page in the memory. */
const TURN_A_BIT = `
my ($file) = sort glob("${PLACE}/memory/pages-*.img");
open(my $pages, "+<", $file) or die;
seek($pages, 5000, 0); read($pages, my $byte, 1);
seek($pages, 5000, 0); print $pages chr(ord($byte) ^ 1);
`;

interface SnapshotJson {
  readonly memory: boolean;
  readonly bytes: number;
  readonly freezeMs: number;
}
interface RestoredJson {
  readonly cnvm: CnvmJson;
  readonly memory: boolean;
  readonly notes: readonly string[];
}

const snapshot = (node: string, ...options: string[]) =>
  lab.json<SnapshotJson>(node, 'cnvm', 'snapshot', NAME, PLACE, ...options);
const restore = (node: string, ...options: string[]) =>
  lab.json<RestoredJson>(node, 'cnvm', 'restore', PLACE, ...options);

/** Brings a snapshot from one node to another, as a backup would be. */
async function carry(from: string, to: string): Promise<void> {
  const archive = await lab.must(from, ['sh', '-c', `tar -C /var/lib/cnvm -cf - kept | base64 -w0`]);
  await lab.must(to, ['sh', '-c', 'base64 -d | tar -C /var/lib/cnvm -xf -'], archive);
}

describe('a snapshot of a real cnvm', () => {
  afterEach(async () => {
    for (const node of ['node1', 'node2', 'node3']) await lab.must(node, ['rm', '-rf', PLACE]);
  });

  it('is taken while its connections stand, and it goes on', async () => {
    await create('node1');
    await startStreamServer(lab, 'node1', ADDRESS);
    const shell = await openShell(lab, 'node1', ADDRESS);
    const stream = await openNumberStream(lab, 'node2', ADDRESS);
    await shell.type('mine=$$-kept');
    const { memory, freezeMs, bytes } = await snapshot('node1');
    assert.ok(memory && freezeMs > 0 && bytes > 0);
    assert.match(await shell.type('echo $mine'), /^\d+-kept$/);
    await stream.more(100);
    assert.deepEqual(stream.state.faults, []);
    assert.equal(await lab.must('node1', ['ls', PLACE]), 'disk.tar\nmanifest.json\nmemory');
    await stream.close();
    await shell.close();
  });

  it('comes back on another node when the first is lost, its processes as they were, and the lost one yields', async () => {
    await create('node1');
    await ssh(
      'node1',
      "echo written > kept; setsid nohup sh -c 'n=0; while :; do n=$((n+1)); echo $n > /tmp/count; sleep 0.1; done' >/dev/null 2>&1 </dev/null & echo $! > /tmp/pid",
    );
    const pid = (await ssh('node1', 'cat /tmp/pid')).trim();
    await snapshot('node1');
    await carry('node1', 'node2');
    await lab.must('node1', ['sv', '-w', '20', 'stop', 'cnvmd']);
    try {
      const dead = async () => /node1 +\S+ +dead|node1 .*dead/.test((await lab.run('node2', ['cnvm', 'nodes'])).stdout);
      await eventually('node1 to be held for dead', dead, 60_000);
      const refused = await lab.run('node2', ['cnvm', 'restore', PLACE]);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /node1 has the cnvm .* held for dead: with --force/);
      const { memory, cnvm } = await restore('node2', '--force');
      assert.deepEqual(
        { memory, owner: cnvm.owner, epoch: Number(cnvm.epoch) },
        { memory: true, owner: 'node2', epoch: 2 },
      );
      await waitForSsh('node3');
      assert.equal((await ssh('node3', 'cat kept')).trim(), 'written');
      const before = Number(await ssh('node3', `kill -0 ${pid} && cat /tmp/count`));
      await eventually('it to count on', async () => Number(await ssh('node3', 'cat /tmp/count')) > before);
    } finally {
      await lab.must('node1', ['sv', 'start', 'cnvmd']);
    }
    await eventually('node1 to answer', async () => (await lab.run('node1', ['cnvm', 'ls'])).code === 0, 60_000);
    // On node1 the old copy is shown beside the new one.
    const owners = async () => {
      const all = await lab.json<CnvmJson[]>('node3', 'cnvm', 'ls', '--all');
      return all.filter(({ name }) => name === NAME).map(({ owner }) => owner);
    };
    await eventually('node3 to know of one', async () => (await owners()).join() === 'node2', 60_000);
    const stopped = async () =>
      (await lab.json<CnvmJson[]>('node1', 'cnvm', 'ls')).every(({ state }) => /STOPPED/.test(state));
    await eventually('the old copy to be stopped', stopped, 60_000);
  });

  it('is cloned: another name and address, its own root over all of its files', async () => {
    await create('node1');
    const root = (script: string, name = NAME, node = 'node1') =>
      lab.must(node, ['cnvm', 'exec', name, '--', 'sh', '-ec', script]);
    await root(`mkdir /srv/d; echo one > /srv/d/a; ln /srv/d/a /srv/d/b; ln -s a /srv/d/c; mkfifo /srv/d/f; chown games /srv/d/a
      cp /bin/true /srv/d/cap; setcap cap_net_raw+ep /srv/d/cap 2>/dev/null || true; truncate -s 1G /srv/d/sparse; rm /etc/motd; touch -d @1.123456789 /srv/d/a`);
    const LOOK =
      'cd /srv/d; stat -c "%n %U %a %h %Y %s %F" *; stat -c %y a; readlink c; ls /etc/motd 2>&1 || true; cat a b';
    const expected = await root(LOOK);
    await snapshot('node1');
    await carry('node1', 'node2');
    const { memory, cnvm, notes } = await restore('node2', '--name', CLONE);
    assert.equal(memory, false);
    assert.notEqual(cnvm.address, ADDRESS);
    assert.match(notes.join(), /starts from its disk/);
    await waitForSsh('node3', cnvm.address);
    assert.equal(await root(LOOK, CLONE, 'node2'), expected);
    assert.equal((await ssh('node3', 'hostname; cat /etc/hostname', '', cnvm.address)).trim(), `${CLONE}\n${CLONE}`);
    await root('echo two > /srv/d/a; chown root /srv/d/a', CLONE, 'node2');
    assert.equal((await root('cat /srv/d/a')).trim(), 'one');
  });

  it('that was spoilt is refused, and so is one for which there is no room', async () => {
    await create('node1');
    await snapshot('node1', '--stop');
    assert.match((await lab.run('node1', ['cnvm', 'ls'])).stdout, /stopped/);
    await lab.must('node1', ['cnvm', 'rm', NAME]);
    const turn = () => lab.must('node1', ['perl', '-e', TURN_A_BIT]);
    await turn();
    const spoilt = await lab.run('node1', ['cnvm', 'restore', PLACE]);
    assert.equal(spoilt.code, 2);
    assert.match(spoilt.stderr, /is spoilt: memory\/pages-\S+ is not what it was/);
    await turn();
    const { memory } = await restore('node1');
    assert.equal(memory, true);
    await waitForSsh('node1');
    await lab.must('node1', ['sh', '-c', 'mkdir -p /mnt/small && mount -t tmpfs -o size=8m small /mnt/small']);
    try {
      const full = await lab.run('node1', ['cnvm', 'snapshot', NAME, '/mnt/small/one']);
      assert.equal(full.code, 2);
      assert.match(full.stderr, /not enough room for \/mnt\/small\/one: \d+ MiB needed, 8 MiB free/);
      assert.equal(await lab.must('node1', ['ls', '-A', '/mnt/small']), '');
    } finally {
      await lab.must('node1', ['umount', '/mnt/small']);
    }
  });

  it('is one file that tools for images can look at and carry, and comes back with its processes', async () => {
    await create('node1');
    await ssh('node1', 'setsid nohup sleep 4711 >/dev/null 2>&1 </dev/null & echo $! > kept');
    await lab.json<SnapshotJson>('node1', 'cnvm', 'snapshot', NAME, `${PLACE}.tar`, '--oci', '--stop');
    try {
      const skopeo = (...words: string[]) => lab.must('node1', ['skopeo', ...words]);
      const seen = JSON.parse(await skopeo('inspect', `oci-archive:${PLACE}.tar`)) as {
        Labels: Record<string, string>;
      };
      assert.deepEqual([seen.Labels['cnvm.snapshot'], seen.Labels['cnvm.snapshot.memory']], [NAME, 'true']);
      // As on its way through a registry.
      await skopeo('copy', '--quiet', `oci-archive:${PLACE}.tar`, `oci:${PLACE}`);
      await skopeo('copy', '--quiet', `oci:${PLACE}`, `oci-archive:${PLACE}-again.tar`);
      for (const archive of [`oci-archive:${PLACE}.tar`, `${PLACE}-again.tar`]) {
        await lab.must('node1', ['cnvm', 'rm', '--force', NAME]);
        const { memory } = await lab.json<RestoredJson>('node1', 'cnvm', 'restore', archive);
        assert.equal(memory, true);
        await waitForSsh('node1');
        assert.match(await ssh('node1', 'tr "\\0" " " < /proc/$(cat kept)/cmdline'), /sleep 4711/);
      }
    } finally {
      await lab.must('node1', ['sh', '-c', `rm -f ${PLACE}*.tar`]);
    }
  });
});
