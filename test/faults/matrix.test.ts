import { assertNoResidue, removeAll } from '../host/support.js';
import { MATRIX } from './cases.js';
import { describeCases } from './describe-cases.js';

describe('the fault matrix', () => {
  describeCases(MATRIX, 'all', async () => {
    await removeAll();
    await assertNoResidue();
  });
});
