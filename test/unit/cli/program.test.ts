import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundledCli } from '../../support/bundled-cli.js';

const CLI = fileURLToPath(new URL('../../../src/cli/teleport.ts', import.meta.url));

describe('a command', () => {
  it('whose reader has seen enough ends in silence', async () => {
    // The reader is gone before there is anything to read.
    const script = '("$0" --import tsx "$1" --help; echo "code $?" >&2) | true';
    const { stderr } = await promisify(execFile)('bash', ['-c', `${script}`, process.execPath, CLI]);
    assert.equal(stderr, 'code 0\n');
  }).timeout(20_000);
});

describe('a command that fails', () => {
  const run = bundledCli();
  const nowhere = ['--socket', '/nowhere/cnvmd.sock'];

  it('says it as JSON when it is asked to, and not when a command within a cnvm is', async () => {
    const asked = await run('cnvm', ['ssh', ...nowhere, '--json', 'web']);
    assert.equal(asked.code, 4);
    assert.match(asked.stdout, /^\{"error":/);
    for (const argv of [
      ['exec', ...nowhere, 'web', 'kubectl', '--json'],
      ['create', ...nowhere, 'web', '--', 'kubectl', '--json'],
    ]) {
      const { code, stdout, stderr } = await run('cnvm', argv);
      assert.equal(code, 4);
      assert.equal(stdout, '', argv.join(' '));
      assert.match(stderr, /cannot reach cnvmd at/);
    }
  }).timeout(60_000);

  it('says it as JSON, too, when its words are wrong', async () => {
    for (const argv of [
      ['create', '--json', 'web', '--memory', 'much'],
      ['ls', '--json', '--nonsense'],
      ['inspect', '--json'],
      ['nonsense', '--json'],
    ]) {
      const { code, stdout, stderr } = await run('cnvm', argv);
      assert.equal(code, 2, argv.join(' '));
      const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
      assert.equal(error.code, 'refused');
      assert.ok(stderr.includes(error.message), stderr);
    }
  }).timeout(60_000);
});
