/** How a program of a fake host fails. */
import { CnvmError } from '../../src/base/errors.js';

/** What it says when it does not do what it was told. */
export function toolFails(words: string): CnvmError {
  return new CnvmError('tool', words, { tool: { argv: [], exitCode: 1, lastLines: words } });
}
