/** What is wrong in a mesh, as one node of it says. */
import assert from 'node:assert/strict';
import { diagnosisOf, doctorText } from '../../src/cli/doctor-command.js';
import { FindingLevel } from '../../src/gen/cnvm/v1/node.js';
import { testMesh } from './support.js';

describe('the doctor', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);

  it('hears every node that answers, and says who does not', async () => {
    const [node1, , node3] = mesh().nodes;
    assert.ok(node1 && node3);
    const well = await node1.ask((connection) => diagnosisOf(connection, false));
    assert.deepEqual(
      well.map(({ node }) => node),
      ['node1', 'node2', 'node3'],
    );
    for (const { node, findings } of well)
      assert.ok(
        findings.some(({ subject, level }) => subject === 'certificate' && level === FindingLevel.OK),
        `the certificate of ${node}`,
      );
    node3.crash();
    const ill = await node1.ask((connection) => diagnosisOf(connection, false));
    assert.match(doctorText(ill, false), /node3: 1 error[\s\S]*\[x\] peer: does not answer/);
    const here = await node1.ask((connection) => diagnosisOf(connection, true));
    assert.deepEqual(
      here.map(({ node }) => node),
      ['node1'],
    );
  });
});
