import assert from 'node:assert/strict';
import { openNumberStream, startStreamServer } from '../../scripts/lib/number-stream.js';
import { openShell } from '../../scripts/lib/shell-session.js';
import { ADDRESS, type CnvmJson, create, lab, mustTeleport, NAME, whereIs } from '../host/support.js';

describe('a teleport between whole machines', () => {
  it('there and back, with an ssh session and a stream', async () => {
    await create('node1');
    await startStreamServer(lab, 'node1', ADDRESS);
    const shell = await openShell(lab, 'node1', ADDRESS);
    const stream = await openNumberStream(lab, 'node2', ADDRESS);
    await shell.type('cd /tmp; mine=$$-kept');
    const before = await shell.type('echo $mine $$ $PWD');
    for (const [from, to] of [
      ['node1', 'node2'],
      ['node2', 'node1'],
    ] as const) {
      await mustTeleport(from, `cnvm@${to}:/home/cnvm/sneakers`);
      assert.equal(await whereIs(), to);
      assert.equal(await shell.type('echo $mine $$ $PWD'), before);
      await stream.more(20);
      await assertInOwnGroup(to);
    }
    assert.deepEqual(stream.state.faults, []);
    assert.equal((await lab.json<CnvmJson>('node1', 'cnvm', 'inspect', NAME)).epoch, 3);
    await stream.close();
    await shell.close();
  });
});

/** Each machine has a tree of its own: what came with the source's path would be out of this node's reach. */
async function assertInOwnGroup(node: string): Promise<void> {
  const { pid } = await lab.json<CnvmJson>(node, 'cnvm', 'inspect', NAME);
  const group = await lab.must(node, ['cat', `/proc/${pid}/cgroup`]);
  assert.equal(group.trim(), `0::/cnvm-${lab.name}/${node}/${NAME}`);
}
