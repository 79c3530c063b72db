import { SLICE } from '../faults/cases.js';
import { describeCases } from '../faults/describe-cases.js';

describe('a slice of the fault matrix', () => {
  describeCases(SLICE, 'each', async () => undefined);
});
