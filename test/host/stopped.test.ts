/** Jobs that somebody has stopped, as by Ctrl-Z: they stay so wherever their cnvm goes, and whatever becomes of the move. */
import assert from 'node:assert/strict';
import { openShell } from '../../scripts/lib/shell-session.js';
import { ADDRESS, create, lab, mend, mustTeleport, NAME, NODES, sabotage, teleport } from './support.js';

/** Writes a byte at each step, and one each time that it is told to go on. */
const JOB = `perl -e '
  sub mark { open my $file, ">>", "/tmp/$_[0]"; syswrite $file, "x" }
  $SIG{CONT} = sub { mark("told") };
  while (1) { mark("steps"); select undef, undef, undef, 0.05 }
'`.replaceAll('\n', ' ');

describe('a job that is stopped', () => {
  const counts = async () => await inside('stat -c %s /tmp/steps /tmp/told 2>/dev/null || true');
  const inside = async (line: string): Promise<string> => {
    const at = (await lab.run('node1', ['cnvm', 'exec', NAME, '--', 'sh', '-c', line])).stdout;
    return at.trim().split('\n').join(' ');
  };

  it('stays so here when the move fails, and there when it does not, and goes on when it is told to, once', async () => {
    await create('node1');
    const shell = await openShell(lab, NODES.at(-1) ?? '', ADDRESS);
    await shell.type(`${JOB} & true`);
    await shell.type('sleep 1; kill -STOP %1; sleep 0.5');
    assert.match(await shell.type('jobs'), /Stopped/);
    const before = await counts();

    await sabotage('node2', 'criu', 'case " $* " in *" swrk "*) exit 1 ;; esac\nexec /usr/sbin/criu "$@"');
    const { code, ended } = await teleport('node1', 'node2');
    await mend('node2', 'criu');
    assert.deepEqual([code, /runs on node1 as before/.test(ended.error)], [1, true], ended.error);
    assert.match(await shell.type('jobs'), /Stopped/);
    assert.equal(await counts(), before, 'it ran where its move failed');

    for (const [from, to] of [
      ['node1', 'node2'],
      ['node2', 'node1'],
    ] as const) {
      await mustTeleport(from, to);
      assert.match(await shell.type('jobs'), /Stopped/);
    }
    assert.equal(await counts(), before, 'it ran where it went');

    await shell.type('kill -CONT %1; sleep 1');
    assert.match(await shell.type('jobs'), /Running/);
    const [steps = 0, told = 0] = (await counts()).split(' ').map(Number);
    assert.ok(steps > Number(before.split(' ')[0]), `${steps} steps after ${before}`);
    assert.equal(told, 1);
    await shell.type('kill -KILL %1; wait %1');
    await shell.close();
  });
});
