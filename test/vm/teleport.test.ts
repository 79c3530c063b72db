import assert from 'node:assert/strict';
import { ride } from '../host/ride.js';
import { type CnvmJson, lab, NAME } from '../host/support.js';

describe('a teleport between whole machines', () => {
  it('there and back, with an ssh session and a stream', async () => {
    await ride(['node1', 'node2', 'node1'], 'node2', assertInOwnGroup);
  });
});

/** Each machine has a tree of its own: what came with the source's path would be out of this node's reach. */
async function assertInOwnGroup(node: string): Promise<void> {
  const { pid } = await lab.json<CnvmJson>(node, 'cnvm', 'inspect', NAME);
  const group = await lab.must(node, ['cat', `/proc/${pid}/cgroup`]);
  assert.equal(group.trim(), `0::/cnvm-${lab.name}/${node}/${NAME}`);
}
