/** What an earlier daemon has left on a real node goes when the next one starts; what only looks like it stays. */
import assert from 'node:assert/strict';
import { type CnvmJson, create, eventually, lab, NAME, ssh } from './support.js';

const GONE = 'gone.example.org';
const ID = '00000000-0000-4000-8000-000000000001';

/** Each with what makes it; nobody knows of it. */
const LEFT: Readonly<Record<string, string>> = {
  [`/run/cnvm/migrations/${ID}`]: `
    mkdir -p $0 && printf cnvm-${ID} >$0/trace
    mkdir -p $0/images && mount -t tmpfs cnvm $0/images && echo half > $0/images/core-1.img
    node -e "require('net').createServer().listen('$0/disk.sock', () => process.kill(process.pid, 'SIGKILL'))"; true`,
  [`/sys/kernel/tracing/instances/cnvm-${ID}`]: 'mkdir $0 && echo 1 >$0/events/ext4/ext4_mark_inode_dirty/enable',
  '/run/cnvm/lower/left': 'mkdir -p $0 && mount --bind /var/lib/cnvm/images/layers $0',
  '/run/cnvm/hold/left': 'mkdir -p $0 && mkfifo $0/stage $0/verdict && touch $0/hold.sh',
  '/run/cnvm/criu/left': 'mkdir -p $0 && touch $0/dump.log',
  '/run/cnvm/runc/left': 'mkdir -p $0',
  '/var/lib/cnvm/bundles/left': 'mkdir -p $0 && touch $0/config.json',
  '/var/lib/cnvm/cnvms/left': 'mkdir -p $0',
  '$CGROUPS/cnvm-$LAB/node1/left/inner': 'mkdir -p $0',
  '/sys/class/net/cn0a640909': 'ip link add cn0a640909 type veth peer name left0',
};
/** They look alike, and are not ours. */
const OTHERS: Readonly<Record<string, string>> = {
  '/run/cnvm/migrations/notes': 'mkdir -p $0',
  '/sys/kernel/tracing/instances/cnvm-00000000-0000-4000-8000-000000000002': 'mkdir $0',
  '/run/cnvm/lower/NOT_OURS': 'mkdir -p $0',
  '/run/cnvm/elsewhere/left': 'mkdir -p $0',
  '/run/cnvm/hold/link': 'mkdir -p /run/cnvm/elsewhere && ln -s /run/cnvm/elsewhere $0',
  '/var/lib/cnvm/bundles/file': 'touch $0',
  '/home/cnvm/sneakers/left': 'mkdir -p $0',
  '$CGROUPS/cnvm-$LAB/other': 'mkdir -p $0',
  '/sys/class/net/cn0a090909': 'ip link add cn0a090909 type veth peer name other0',
  '/sys/class/net/cn0a640001': 'ip link add cn0a640001 type veth peer name other1',
};
const REMOVE_OTHERS = `
  rm -rf /run/cnvm/migrations/notes /run/cnvm/lower/NOT_OURS /run/cnvm/elsewhere /run/cnvm/hold/link
  rm -rf /var/lib/cnvm/bundles/file /home/cnvm/sneakers/left
  rmdir $CGROUPS/cnvm-$LAB/other /sys/kernel/tracing/instances/cnvm-00000000-0000-4000-8000-000000000002
  for link in cn0a090909 cn0a640001; do ip link delete $link; done
  nft delete element inet cnvm closed { 192.0.2.1 }
  true`;

/** One hierarchy of many, or the only one. */
const CGROUPS = 'CGROUPS=/sys/fs/cgroup/pids; [ -d $CGROUPS ] || CGROUPS=/sys/fs/cgroup';
const sh = (script: string) => lab.must('node1', ['env', `LAB=${lab.name}`, 'bash', '-c', `${CGROUPS}\n${script}`]);

async function plant(things: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, script] of Object.entries(things)) await sh(script.replaceAll('$0', path));
}

async function those(things: Readonly<Record<string, string>>): Promise<string[]> {
  const present = await Promise.all(
    Object.keys(things).map(async (path) => ((await sh(`[ -e ${path} ] && echo there; true`)) === '' ? [] : [path])),
  );
  return present.flat();
}

async function startDaemon(): Promise<void> {
  await lab.must('node1', ['sv', 'start', 'cnvmd']);
  await eventually('the daemon', async () => (await lab.run('node1', ['cnvm', 'ls'])).code === 0);
}
const stopDaemon = () => lab.must('node1', ['sv', '-w', '20', 'stop', 'cnvmd']);
const closed = () => sh('nft list set inet cnvm closed');

describe('what is left over on a node', () => {
  it('goes when a daemon starts; what only looks like it, and a cnvm that lives, stay', async () => {
    await create('node1');
    await stopDaemon();
    try {
      await plant(LEFT);
      await plant(OTHERS);
      await sh('nft add element inet cnvm closed { 10.100.9.9, 192.0.2.1 }');
      assert.deepEqual(await those(LEFT), Object.keys(LEFT));
      await startDaemon();
      assert.deepEqual(await those(LEFT), []);
      assert.deepEqual(await those(OTHERS), Object.keys(OTHERS));
      assert.match(await closed(), /elements = \{ 192\.0\.2\.1 \}/);
      assert.match(await sh('ls /var/lib/cnvm/images/layers/*'), /\betc\b/);
      assert.equal(await sh('grep -c /run/cnvm/migrations /proc/self/mountinfo; true'), '0');
      assert.equal(await ssh('node1', 'echo alive'), 'alive');
    } finally {
      await sh(REMOVE_OTHERS);
      await startDaemon();
    }
  });

  it('goes, too, when it is all that is left of a cnvm that has died; its disk stays', async () => {
    const { pid } = await lab.json<CnvmJson>('node1', 'cnvm', 'create', GONE);
    await stopDaemon();
    await sh(`kill -9 ${pid}; rm /var/lib/cnvm/cnvms/${GONE}/record.json`);
    await eventually('its end', async () => /stopped/.test(await sh(`runc --root /run/cnvm/runc state ${GONE}`)));
    await startDaemon();
    const left = await sh(`
      find /run/cnvm/{lower,hold,criu,runc} /var/lib/cnvm/{cnvms,bundles} /sys/fs/cgroup -name ${GONE} 2>/dev/null; true`);
    assert.equal(left, '');
    assert.match(await sh(`ls /home/cnvm/sneakers/${GONE}/upper`), /etc/);
    await sh(`umount /home/cnvm/sneakers/${GONE}/rootfs; rm -r /home/cnvm/sneakers/${GONE}`);
  });

  it('is not what runs: it goes on, is told of, and is itself again with its record', async () => {
    await create('node1');
    await stopDaemon();
    const record = `/var/lib/cnvm/cnvms/${NAME}/record.json`;
    await sh(`mv ${record} /run/kept.json; nft add element inet cnvm closed { 10.100.9.9 }`);
    await startDaemon();
    assert.match(
      await sh('tail -n 20 /var/log/cnvmd.log'),
      new RegExp(`"cnvm":"${NAME}".*it runs, and neither a record`),
    );
    assert.match(await closed(), /10\.100\.9\.9/);
    assert.equal(await ssh('node1', 'echo alive'), 'alive');
    await stopDaemon();
    await sh(`mkdir -p /var/lib/cnvm/cnvms/${NAME}; mv /run/kept.json ${record}`);
    await startDaemon();
    assert.doesNotMatch(await closed(), /10\.100\.9\.9/);
    assert.equal(await ssh('node1', 'echo alive'), 'alive');
  });
});
