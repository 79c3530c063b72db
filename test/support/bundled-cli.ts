/** Our commands as processes of their own, bundled once: each starts many times faster than from the sources. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BANNER =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Call it within `describe`. @returns what runs a program of ours, "cnvm" or "teleport". */
export function bundledCli() {
  let directory = '';
  before(async function () {
    this.timeout(120_000);
    directory = mkdtempSync(join(tmpdir(), 'cnvm-cli-'));
    copyFileSync(join(ROOT, 'package.json'), join(directory, 'package.json'));
    await build({
      ...{ entryPoints: ['cnvm', 'teleport'].map((name) => join(ROOT, `src/cli/${name}.ts`)), bundle: true },
      ...{ outdir: join(directory, 'dist', 'cli'), platform: 'node', format: 'esm', target: 'node20' },
      banner: { js: BANNER },
    });
  });
  after(() => rmSync(directory, { recursive: true, force: true }));
  return async (program: 'cnvm' | 'teleport', argv: readonly string[], input = '', env = {}): Promise<Ended> =>
    await new Promise((resolve) => {
      const file = join(directory, 'dist', 'cli', `${program}.js`);
      const options = { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(process.execPath, [file, ...argv], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
      child.stdin?.end(input);
    });
}
