/**
 * Restores, at once or begun early and held at a gate. Invariant: one that fails, or is called off, leaves no program, no
 * mount and no word of it in runc's state.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { withCriuLog } from './criu.js';
import { unmountBelow } from './mount.js';
import { endMarked, GENTLE_VARIABLE } from './orphans.js';
import { makeGate } from './restore-gate.js';
import { RESTORE_VARIABLE, whileCriuLives } from './restore-watch.js';
import { run, toolError } from './run.js';

export interface RestoreOrder {
  /** Afterwards it is broken off. */
  readonly timeoutMs: number;
  /** Multiplies how long it may be without a criu before that is taken for dead. */
  readonly patience: number;
  readonly bundle: string;
  readonly imagesDir: string;
  readonly workDir: string;
  /** Its memory comes later: a `startLazyPages` of the same directories is running. */
  readonly lazy?: boolean;
}

/** One that waits for its images to be whole, and for somebody's word. */
export interface ReadyRestore {
  /** Runs what they hold. @throws as `restore` does. */
  go(): Promise<void>;
  /** Afterwards nothing of it is there. Without a meaning after `go`. */
  close(): Promise<void>;
}

/** In the bundle; runc writes it as the last thing of a restore. */
export const RESTORED = 'restored.pid';
/** No migration is in its freeze for so long. */
const WAIT_MS_MAX = 60 * 60 * 1000;

export interface RestoreTools {
  /** runc's own state. */
  readonly root: string;
  readonly runc: (...args: string[]) => string[];
  readonly flagsOf: (lazy?: boolean) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export function createRestores({ root, runc, flagsOf, env }: RestoreTools) {
  async function attempt(id: string, order: RestoreOrder, timeoutMs: number, stop?: AbortSignal): Promise<void> {
    const { bundle, imagesDir, workDir } = order;
    const pidFile = join(bundle, RESTORED);
    const paths = ['--bundle', bundle, '--image-path', imagesDir, '--work-path', workDir, '--pid-file', pidFile];
    const log = join(workDir, 'restore.log');
    const ours = { mark: `${RESTORE_VARIABLE}=${id}`, workDir };
    for (const file of [pidFile, log]) rmSync(file, { force: true });
    try {
      const args = ['restore', '--detach', ...flagsOf(order.lazy), ...paths, id];
      // Let it end by itself when we die: broken off, it leaves something that is neither dead nor alive.
      const restoring = { ...env, [GENTLE_VARIABLE]: 'restore', [RESTORE_VARIABLE]: id };
      await whileCriuLives(ours, order.patience, (dead) => {
        const signal = stop === undefined ? dead : AbortSignal.any([dead, stop]);
        return leaveBehind(runc, args, join(bundle, 'runc.log'), { timeoutMs, env: restoring, signal });
      });
    } catch (error) {
      // runc may have ended before its criu.
      await endMarked(ours);
      await unmountBelow(join(root, id));
      await run(runc('delete', '--force', id), { accept: [1] });
      if (letThemRun(log)) throw ranAlready(error);
      throw withCriuLog(error, log);
    }
  }

  return {
    /**
     * Runs what the images hold. @throws `tool` with criu's own first error when nothing of it ever ran, `refused` when it may
     * have; nothing of it runs then.
     */
    restore: (id: string, order: RestoreOrder): Promise<void> => attempt(id, order, order.timeoutMs),

    /**
     * Begins it as far as it goes without the images, which come meanwhile: what runc keeps of the descriptors that were open
     * is there, and the first one criu's will be written beside its place (`besideGate`).
     */
    async begin(id: string, order: RestoreOrder): Promise<ReadyRestore> {
      const gate = await makeGate(order.imagesDir);
      const stop = new AbortController();
      const ended = attempt(id, order, WAIT_MS_MAX, stop.signal);
      // Whoever waits for it later still sees the failure.
      ended.catch(() => undefined);
      return {
        async go() {
          const timer = setTimeout(() => stop.abort(), order.timeoutMs);
          try {
            gate.open();
            await ended;
          } catch (error) {
            stop.abort();
            await ended.catch(() => undefined);
            throw error;
          } finally {
            clearTimeout(timer);
            gate.close();
          }
        },
        async close() {
          stop.abort();
          gate.close();
          await ended.catch(() => undefined);
        },
      };
    },
  };
}

/** What a restore throws that failed when its processes may have run: their disk is not what was dumped any more. */
export function ranAlready(error: unknown): CnvmError {
  return refused('state', `it had begun to run when its restore failed: ${messageOf(error)}`, { cause: error });
}

/** criu says so before it lets go of the first process (restore_root_task and run_scripts in its sources). */
function letThemRun(log: string): boolean {
  return existsSync(log) && readFileSync(log, 'utf8').includes('Running pre-resume scripts');
}

interface LeaveOptions {
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Runs what leaves a cnvm's processes behind: they must not hold a pipe of ours, so the words come by a log file. */
export async function leaveBehind(
  runc: (...args: string[]) => string[],
  args: readonly string[],
  logFile: string,
  { timeoutMs, env = {}, signal }: LeaveOptions,
): Promise<void> {
  rmSync(logFile, { force: true });
  try {
    await run(runc('--log', logFile, ...args), { timeoutMs, env, signal, silent: true });
  } catch (error) {
    if (!(error instanceof CnvmError) || error.tool === undefined || !existsSync(logFile)) throw error;
    throw toolError({ ...error.tool, lastLines: readFileSync(logFile, 'utf8').trim() });
  }
}
