import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRestores } from '../../../src/tools/runc-restore.js';
import { temporary } from '../../support/temporary.js';

describe('a restore that fails', () => {
  const directory = temporary();

  /** As if criu had written this log and runc had failed then. */
  async function restore(words: readonly string[]): Promise<void> {
    const bundle = join(directory(), 'bundle');
    const [imagesDir, workDir, program] = [join(bundle, 'images'), join(bundle, 'work'), join(bundle, 'runc')];
    for (const path of [imagesDir, workDir]) mkdirSync(path, { recursive: true });
    writeFileSync(join(workDir, 'restore.log'), 'Running pre-resume scripts, of an earlier one');
    const log = words.map((line) => `echo '${line}' >>'${join(workDir, 'restore.log')}'\n`).join('');
    writeFileSync(program, `#!/bin/sh\n[ "$1" = restore ] || exit 0\n${log}exit 1\n`);
    chmodSync(program, 0o755);
    const tools = {
      root: directory(),
      runc: (...args: string[]) => [program, ...args.slice(2)],
      flagsOf: () => [],
      env: {},
    };
    const order = { timeoutMs: 10_000, patience: 1, bundle, imagesDir, workDir };
    await createRestores(tools).restore('a', order);
  }

  it('before anything ran can be tried again, and says why in criu’s words', async () => {
    await assert.rejects(restore(['(00.01) Error (criu/x.c:1): no', '(00.02) Error: and so']), {
      code: 'tool',
      message: /criu\/x\.c:1\): no/,
    });
  });

  it('after it may have run cannot, and says so', async () => {
    await assert.rejects(restore(['(00.1) Running pre-resume scripts', '(00.2) Error: gone']), {
      code: 'refused',
      message: /had begun to run/,
    });
  });
});
