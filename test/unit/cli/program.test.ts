import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLI = fileURLToPath(new URL('../../../src/cli/teleport.ts', import.meta.url));

describe('a command', () => {
  it('whose reader has seen enough ends in silence', async () => {
    // The reader is gone before there is anything to read.
    const script = '("$0" --import tsx "$1" --help; echo "code $?" >&2) | true';
    const { stderr } = await promisify(execFile)('bash', ['-c', `${script}`, process.execPath, CLI]);
    assert.equal(stderr, 'code 0\n');
  }).timeout(20_000);
});
