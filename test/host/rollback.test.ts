import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNumberStream, startStreamServer } from '../../scripts/lib/number-stream.js';
import { openShell } from '../../scripts/lib/shell-session.js';
import {
  ADDRESS,
  create,
  eventually,
  lab,
  type MigrationJson,
  mend,
  mustTeleport,
  NAME,
  sabotage,
  teleport,
  whereIs,
} from './support.js';

/** What breaks, where, and what the error must say. Each is a real program of a node that really fails. */
const FAULTS: { what: string; node: string; program: string; script: string; says: RegExp }[] = [
  { what: 'seed', node: 'node1', program: 'rsync', script: 'exit 12', says: /rsync/ },
  {
    what: 'seed at the target',
    node: 'node2',
    program: 'rsync',
    script: 'echo "rsync: disk is broken" >&2; exit 11',
    says: /disk is broken/,
  },
  {
    what: 'the last disk pass',
    node: 'node2',
    program: 'rsync',
    script:
      'n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n+1)) >/tmp/n; [ "$n" = 0 ] && exec /usr/bin/rsync "$@"; rm /tmp/n; exit 11',
    says: /rsync/,
  },
  {
    what: 'the page server',
    node: 'node2',
    program: 'criu',
    script:
      'case "$*" in *page-server*) echo "Error: no page server today" >&2; exit 1;; esac; exec /usr/sbin/criu "$@"',
    says: /no page server today|page-server/,
  },
  { what: 'the dump', node: 'node1', program: 'criu', script: 'exit 1', says: /runc|criu/ },
  {
    what: 'the restore',
    node: 'node2',
    program: 'criu',
    script: 'case "$*" in *swrk*) exit 1;; esac; exec /usr/sbin/criu "$@"',
    says: /node2 gave it back/,
  },
];

describe('a failure before the hand-over, or a hand-over that comes back', () => {
  for (const { what, node, program, script, says } of FAULTS) {
    it(`in ${what}: it runs on, its connections intact, and then the same move succeeds`, async () => {
      await create('node1');
      await startStreamServer(lab, 'node1', ADDRESS);
      const shell = await openShell(lab, 'node3', ADDRESS);
      const stream = await openNumberStream(lab, 'node3', ADDRESS);
      await shell.type('mine=kept-$$');
      const before = await shell.type('echo $mine $$');
      await sabotage(node, program, script);
      const { code, ended } = await teleport('node1', 'node2');
      assert.equal(code, 1, ended.error);
      assert.match(ended.error, says);
      assert.match(ended.error, /runs on node1 as before/);
      assert.equal(ended.location, 'node1');
      assert.equal(await whereIs(), 'node1');
      assert.equal(await shell.type('echo $mine $$'), before);
      const { last } = stream.state;
      await sleep(300);
      assert.ok(stream.state.last > last, 'the stream stands still');
      await mend(node, program);
      await mustTeleport('node1', 'node2');
      assert.equal(await shell.type('echo $mine $$'), before);
      assert.deepEqual(stream.state.faults, []);
      await stream.close();
      await shell.close();
    });
  }

  it('criu’s own first error line is in the error', async () => {
    await create('node1');
    // A process that another one traces: criu cannot trace it, too. Had it begun before the move, it would have been seen.
    const traced =
      'import ctypes,os,signal,time; signal.pthread_sigmask(signal.SIG_BLOCK,{10}); signal.sigwait({10}); os.fork() or (ctypes.CDLL(None).ptrace(0,0,0,0), os.kill(os.getpid(), 19)); time.sleep(99999)';
    const start = `setsid python3 -c '${traced}' >/dev/null 2>&1 </dev/null & sleep 0.5`;
    await lab.must('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-c', start]);
    await sabotage('node1', 'rsync', 'pkill -USR1 -f signal.sigwait; sleep 0.5; exec /usr/bin/rsync "$@"');
    const { code, ended } = await teleport('node1', 'node2');
    await mend('node1', 'rsync');
    assert.equal(code, 1, ended.error);
    assert.match(ended.error, /Error \(criu\/.*\); sneaker01.* runs on node1 as before|Error \(criu\//);
  });

  for (const [when, what, pause] of [
    ['under way', 'rsync', 'sleep 4'],
    ['before it has begun', 'runc', 'case "$*" in *"events --stats"*) sleep 3;; esac'],
  ] as const) {
    it(`Ctrl-C ${when} rolls back and says so`, async () => {
      await create('node1');
      await sabotage('node1', what, `${pause}; exec /usr/bin/${what} "$@"`);
      const child = lab.start('node1', ['sh', '-c', `teleport ${NAME} node2 & sleep 2; kill -INT $!; wait $!`]);
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      const code = await new Promise((resolve) => child.on('exit', resolve));
      assert.equal(code, 130, said);
      assert.match(said, /calling it off; rolling back/);
      assert.match(said, /it was called off; sneaker01.* runs on node1 as before/);
      assert.equal(await whereIs(), 'node1');
    });
  }

  it('a commanded abort does the same, from another terminal', async () => {
    await create('node1');
    await sabotage('node2', 'rsync', 'sleep 15; exec /usr/bin/rsync "$@"');
    const moving = teleport('node1', 'node2');
    await eventually('the migration', async () => {
      const all = await lab.json<MigrationJson[]>('node1', 'cnvm', 'migrations');
      return all.some(({ outcome }) => outcome === 'MIGRATION_OUTCOME_RUNNING');
    });
    await lab.must('node1', ['cnvm', 'abort', NAME]);
    assert.equal((await moving).code, 1);
    assert.notEqual((await lab.run('node1', ['cnvm', 'abort', NAME])).code, 0);
  });

  it('a daemon that is told to stop rolls back first', async () => {
    await create('node1');
    await sabotage('node2', 'rsync', 'sleep 3; exec /usr/bin/rsync "$@"');
    const moving = teleport('node1', 'node2');
    await sleep(1_000);
    await lab.must('node1', ['sv', '-w', '20', 'restart', 'cnvmd']);
    const { code } = await moving;
    assert.notEqual(code, 0);
    await eventually('the daemon', async () => (await lab.run('node1', ['cnvm', 'ls'])).code === 0);
    assert.equal(await whereIs(), 'node1');
    await mend('node2', 'rsync');
    await mustTeleport('node1', 'node2');
  });
});
