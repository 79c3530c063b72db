import assert from 'node:assert/strict';
import { openTerminal } from '../../support/terminal.js';

const PATIENCE_MS = 10_000;

describe('a terminal that is typed at', () => {
  it('shows what comes, without colours, and each word once', async () => {
    const words = 'printf "\\033[1mname?\\033[0m "; read -r it; echo "hello $it"; read -r it; echo "bye $it"';
    const terminal = openTerminal('sh', ['-c', words], PATIENCE_MS);
    assert.equal(await terminal.seen(/name\? $/), 'name? ');
    terminal.type('one');
    assert.match(await terminal.seen(/hello one\n/), /^hello one\n$/);
    terminal.type('two');
    assert.match(await terminal.seen(/bye two/), /^bye two$/);
    assert.equal(await terminal.end(), true);
  });

  it('says what was there when it ends without what was waited for', async () => {
    const terminal = openTerminal('sh', ['-c', 'echo no; echo such >&2'], PATIENCE_MS);
    await assert.rejects(terminal.seen(/yes/), /yes.* it has ended: [\s\S]*no\n/);
    assert.equal(terminal.ended, true);
  });

  it('ends what does not end by itself', async () => {
    const terminal = openTerminal('sleep', ['60'], 100);
    assert.equal(await terminal.end(), false);
    assert.equal(await terminal.end(), true);
  });
});
