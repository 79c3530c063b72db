import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGuard } from '../../../src/tools/guard.js';
import { spawnTool } from '../../../src/tools/run.js';

/** The real thing, on a program that ends in several ways; that it ends a group before is seen on real hosts. */
describe('a guard', () => {
  let directory = '';
  beforeEach(function () {
    // To trace a program takes root, or nobody's leave at all.
    if (process.getuid?.() !== 0) this.skip();
    directory = mkdtempSync(join(tmpdir(), 'cnvm-guard-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function guarded(argv: readonly string[], act: (kill: (signal: NodeJS.Signals) => void) => void) {
    const marker = join(directory, 'marker');
    const program = spawnTool(argv);
    const guard = await startGuard({ pid: program.pid, cgroup: '/cnvm-no-such-group', marker });
    act(program.kill);
    await program.ended.catch(() => undefined);
    assert.equal(await guard.ended, 0);
    return () => readFileSync(marker, 'utf8');
  }

  it('says that a program has ended well', async () => {
    assert.equal((await guarded(['sleep', '0.3'], () => undefined))(), 'complete\n');
  });

  it('does not say so of one that fails or is killed', async () => {
    assert.throws(await guarded(['sh', '-c', 'sleep 0.3; exit 3'], () => undefined), /ENOENT/);
    assert.throws(await guarded(['sleep', '30'], (kill) => kill('SIGKILL')), /ENOENT/);
    assert.throws(await guarded(['sleep', '30'], (kill) => kill('SIGTERM')), /ENOENT/);
  });
});
