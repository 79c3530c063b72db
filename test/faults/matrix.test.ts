import assert from 'node:assert/strict';
import { assertNoResidue, create, lab, mustTeleport, NAME, removeAll, waitForSsh } from '../host/support.js';
import { MATRIX } from './cases.js';
import { describeCases, withGates } from './describe-cases.js';
import { strike } from './play.js';
import { isOn } from './watch-copies.js';

async function removed(): Promise<void> {
  await removeAll();
  await assertNoResidue();
}

describe('the fault matrix', () => {
  describeCases(MATRIX, 'all', removed);
});

describe('the one fault that ends a cnvm', () => {
  withGates();
  afterEach(removed);

  it('source\'s criu dies at "dump": it says so, and starts again from its disk', async () => {
    await create('node1');
    const ends = { source: 'node1', target: 'node2' };
    const said = await strike(ends, { fault: "source's criu dies", moment: 'dump', owner: 'source' });
    // Whose code criu was in when it died decides whether it lives.
    if (isOn('node1')) assert.match(said.error, /runs on node1 as before$/);
    else {
      assert.equal(said.outcome, 'MIGRATION_OUTCOME_STRANDED');
      assert.match(said.error, /has ended: its memory is lost$/);
      await lab.must('node1', ['cnvm', 'start', NAME]);
    }
    await waitForSsh('node1');
    await mustTeleport('node1', 'node2');
  });
});
