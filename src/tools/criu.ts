/** criu: its version, its page server, its log. Dumps and restores go through runc. */
import { readFileSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CnvmError, hasErrno } from '../base/errors.js';
import { GENTLE_VARIABLE } from './orphans.js';
import { type RunningTool, run, spawnTool, toolError } from './run.js';

/** How criu calls the link from images to those that they build on. */
export const PARENT_LINK = 'parent';

/** Its version, for example "4.2.1". @throws `tool` when it is missing. */
export async function criuVersion(): Promise<string> {
  const { stdout } = await run(['criu', '--version']);
  return /Version: *(\S+)/.exec(stdout)?.[1] ?? '';
}

/** Undefined when criu can dump and restore here; else its first error line. */
export async function criuCheck(): Promise<string | undefined> {
  const result = await run(['criu', 'check'], { accept: [1] });
  if (result.exitCode === 0) return undefined;
  return firstCriuError(result.stderr) ?? (result.stderr.trim() || 'criu check failed');
}

/** The first time after the machine has started criu tries out all that the kernel has. */
const FIRST_LOOK_MS = 120_000;

/** Whether criu and this kernel can tell which pages have changed. @throws `tool` when criu does not say. */
export async function tracksMemory(): Promise<boolean> {
  const argv = ['criu', 'check', '--feature', 'mem_dirty_track'];
  const result = await run(argv, { accept: [1], timeoutMs: FIRST_LOOK_MS });
  return result.exitCode === 0;
}

/**
 * Begins to take pages into `imagesDir` from the socket that it returns, until the dump at the other end closes it.
 * `ended` resolves when every page is in its file.
 * @param parentDir holds the pages that these build on; from it each page is removed of which there is a newer one.
 */
export function startPageServer(imagesDir: string, parentDir?: string): RunningTool {
  const paths = ['--images-dir', imagesDir, '--work-dir', imagesDir, '--log-file', '.page-server.log'];
  if (parentDir !== undefined) symlinkSync(relative(imagesDir, parentDir), join(imagesDir, PARENT_LINK));
  const dedup = parentDir === undefined ? [] : ['--auto-dedup'];
  return spawnTool(['criu', 'page-server', ...paths, ...dedup, '--ps-socket', '3'], { socketAt: 3 });
}

/**
 * Begins to bring pages into what is restored lazily with the same two directories, asking for them on the socket that it
 * returns, in the words of a page server. `ended` resolves when every page is there. When it ends in any other way the pages
 * that are missing would become zeros: see `guard.ts`.
 */
export function startLazyPages(imagesDir: string, workDir: string): RunningTool {
  const paths = ['--images-dir', imagesDir, '--work-dir', workDir, '--log-file', 'lazy-pages.log'];
  return spawnTool(['criu', 'lazy-pages', ...paths, '--page-server', '--ps-socket', '3'], {
    socketAt: 3,
    env: { [GENTLE_VARIABLE]: 'pages' },
  });
}

/** Whether memory can come after a restore here: undefined, or why not. */
export async function lazyObstacle(): Promise<string | undefined> {
  const result = await run(['criu', 'check', '--feature', 'uffd-noncoop'], { accept: [1] });
  return result.exitCode === 0 ? undefined : 'the kernel lacks the userfaultfd that post-copy needs';
}

/** The first line that criu itself calls an error: the later ones are its consequences. */
export function firstCriuError(log: string): string | undefined {
  const line = log.split('\n').find((candidate) => /\bError\b/.test(candidate) && !HARMLESS.test(candidate));
  return line?.trim();
}

/** Said on every run by a root without CAP_SYS_RESOURCE, and of no consequence. */
const HARMLESS = /RLIMIT_NOFILE/;

/** The error, with what criu itself wrote of it; as it is when it is not a program's, or criu wrote nothing. */
export function withCriuLog(error: unknown, logFile: string): unknown {
  if (!(error instanceof CnvmError) || error.tool === undefined) return error;
  try {
    const criuError = firstCriuError(readFileSync(logFile, 'utf8'));
    return criuError === undefined ? error : toolError({ ...error.tool, criuError });
  } catch (readError) {
    if (hasErrno(readError, 'ENOENT')) return error;
    throw readError;
  }
}
