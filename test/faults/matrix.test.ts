import { MATRIX } from './cases.js';
import { describeCases } from './describe-cases.js';

describe('the fault matrix', () => {
  describeCases(MATRIX);
});
