/** criu: its version, its page server, its log. Dumps and restores go through runc. */
import { type RunningTool, run, spawnTool } from './run.js';

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

/**
 * Begins to take pages into `imagesDir` from the socket that it returns, until the dump at the other end closes it.
 * `ended` resolves when every page is in its file.
 */
export function startPageServer(imagesDir: string): RunningTool {
  const paths = ['--images-dir', imagesDir, '--work-dir', imagesDir, '--log-file', '.page-server.log'];
  return spawnTool(['criu', 'page-server', ...paths, '--ps-socket', '3'], { socketAt: 3 });
}

/**
 * What criu's config has to say for a restore into a control group. Where version 2 stands alone runc does not tell criu of
 * it, and criu would put all of them into the group that they had at the source: out of reach of freeze, limits and kill.
 */
export function restoreOptions(cgroup: string, unified: boolean): string[] {
  return unified ? [`cgroup-root ${cgroup}`] : [];
}

/** The first line that criu itself calls an error: the later ones are its consequences. */
export function firstCriuError(log: string): string | undefined {
  const line = log.split('\n').find((candidate) => /\bError\b/.test(candidate) && !HARMLESS.test(candidate));
  return line?.trim();
}

/** Said on every run by a root without CAP_SYS_RESOURCE, and of no consequence. */
const HARMLESS = /RLIMIT_NOFILE/;
