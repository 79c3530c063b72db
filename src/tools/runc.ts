/**
 * runc, which makes, stops, freezes, dumps and restores what the domain calls a cnvm.
 * Invariant: every call names one container in our own state root; runc's words stay in this file.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../base/errors.js';
import { thawProcessesIn } from './cgroup.js';
import { lastLogLine, withCriuLog } from './criu.js';
import { cpuUse, interruptHung } from './hung.js';
import { unmountBelow } from './mount.js';
import { criuWorkDir, findMarked, GENTLE_VARIABLE, signalMarked, waitsIn } from './orphans.js';
import { type RunningTool, run, spawnTool, toolError } from './run.js';
import { wayInto } from './runc-exec.js';
import { createRestores, leaveBehind, RESTORED } from './runc-restore.js';

export interface RuncState {
  readonly status: 'created' | 'running' | 'paused' | 'stopped';
  readonly pid: number;
}

export interface DumpOrder {
  /** Where the small images go; a directory in memory. */
  readonly imagesDir: string;
  /** Where criu's logs go. */
  readonly workDir: string;
  /** The images of the dump that this one builds on: only what has changed since is dumped. */
  readonly parentDir?: string | undefined;
  /** Memory that nobody else sees is left where it is. Without `PAGES_OPTIONS`. */
  readonly lazy?: boolean;
}

/**
 * criu's end of the way for pages. runc leaves what it does not know open and so hands it on, but counts up from 3 when it
 * gives criu descriptors of its own; this one is far beyond those.
 */
const PAGES_DESCRIPTOR = 10;

/**
 * What criu's config has to say for a dump. A socket pair and not TCP: criu corks a TCP connection, and the last of the
 * pages would lie in it until the kernel's 200 ms have passed, with everything frozen.
 */
export const PAGES_OPTIONS = ['page-server', `ps-socket ${PAGES_DESCRIPTOR}`];
/** The same for a lazy dump: criu would serve the memory on it after the verdict, until we break it. */
export const LAZY_OPTIONS = [`ps-socket ${PAGES_DESCRIPTOR}`];

/**
 * What criu reads beside what runc tells it. The network is locked by who froze the cnvm: criu's own way takes two programs
 * and some 100 ms, and what dies with it half done leaves it locked. (In the file that runc names, this option makes criu
 * 4.2 crash.)
 */
const CRIU_ENVIRONMENT = 'network-lock skip\n';

/** Argv of a command in a container, from runc's options for it and the command. */
export type Inside = (options: readonly string[], argv: readonly string[]) => string[];

/** The few things the daemon asks of runc. */
export type Runc = ReturnType<typeof createRunc>;

const CREATE_TIMEOUT_MS = 60_000;

/** runc names it for criu. */
const DUMP_LOG = 'dump.log';
/** Marks the programs of one dump. */
const DUMP_VARIABLE = 'CNVM_DUMP';
/** criu rolls back in milliseconds, and on a loaded machine with thousands of processes in seconds. */
const DUMP_ENDS_MS = 10_000;

/** Same at both ends: connections and file locks go along. */
const flagsOf = (lazy = false) => ['--tcp-established', '--file-locks', ...(lazy ? ['--lazy-pages'] : [])];

/** @param directory on a tmpfs; holds runc's own state. */
export function createRunc(directory: string) {
  const root = join(directory, 'runc');
  const runc = (...args: string[]) => ['runc', '--root', root, ...args];
  const criuConfig = join(directory, 'criu-environment.conf');
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(criuConfig, CRIU_ENVIRONMENT);
  const env = { CRIU_CONFIG_FILE: criuConfig };

  function beginDump(
    id: string,
    { imagesDir, workDir, parentDir, lazy }: DumpOrder,
    more: readonly string[],
  ): RunningTool {
    const paths = ['--image-path', imagesDir, '--work-path', workDir];
    // runc takes it from the images' directory on, and nothing else.
    const parent = parentDir === undefined ? [] : ['--parent-path', relative(imagesDir, parentDir)];
    const tool = spawnTool(runc('checkpoint', ...more, ...flagsOf(lazy), ...paths, ...parent, id), {
      socketAt: PAGES_DESCRIPTOR,
      // It rolls back when its pipes break with us; killed, it would leave its parasite in the cnvm.
      env: { ...env, [GENTLE_VARIABLE]: 'dump', [DUMP_VARIABLE]: id },
    });
    const ended = tool.ended.catch((error: unknown) => {
      throw withCriuLog(error, join(workDir, DUMP_LOG));
    });
    ended.catch(() => undefined);
    return { ...tool, ended };
  }

  return {
    /**
     * Makes it, with its namespaces and network, and starts its init.
     * @param through what its output goes through; nothing: it is thrown away.
     */
    async start(id: string, bundle: string, through: readonly string[] = []): Promise<void> {
      await leaveBehind(runc, ['create', '--bundle', bundle, id], join(bundle, 'runc.log'), {
        timeoutMs: CREATE_TIMEOUT_MS,
        through,
      });
      await run(runc('start', id));
    },

    /** What it does, from runc's own state; undefined when runc does not know it. */
    async state(id: string): Promise<RuncState | undefined> {
      const result = await run(runc('state', id), { accept: [1] });
      if (result.exitCode === 1) {
        if (/does not exist/.test(result.stderr)) return undefined;
        throw toolError({ argv: runc('state', id), exitCode: 1, lastLines: result.stderr });
      }
      const { status, pid } = JSON.parse(result.stdout) as RuncState;
      return { status, pid };
    },

    /** @param all not its init alone. A process that is gone is no failure. */
    async kill(id: string, signal: string, all: boolean): Promise<void> {
      await run(runc('kill', ...(all ? ['--all'] : []), id, signal), { accept: [1] });
    },

    /** Forgets it; with `force` its processes are killed first. One that is unknown is no failure. */
    async delete(id: string, force: boolean): Promise<void> {
      // A restore that was killed has left the cnvm's disk mounted among runc's own files, and those it removes.
      await unmountBelow(join(root, id));
      await run(runc('delete', ...(force ? ['--force'] : []), id), { accept: force ? [] : [1] });
    },

    /** Lets one run on that was frozen. One that is not is no failure. */
    async resume(id: string): Promise<void> {
      const result = await run(runc('resume', id), { accept: [1] });
      if (result.exitCode === 1 && !/not paused/.test(result.stderr)) {
        throw toolError({ argv: runc('resume', id), exitCode: 1, lastLines: result.stderr });
      }
    },

    /** Anonymous memory that it holds, in bytes, and how many processes it has: none when it has just ended. */
    async usage(id: string): Promise<{ memoryBytes: number; processes: number }> {
      const argv = runc('events', '--stats', id);
      const { stdout, stderr, exitCode } = await run(argv, { accept: [1] });
      if (exitCode === 1 && /is not running|does not exist/.test(stderr)) return { memoryBytes: 0, processes: 0 };
      if (exitCode === 1) throw toolError({ argv, exitCode, lastLines: stderr });
      const { data } = JSON.parse(stdout) as RuncEvent;
      const raw = data.memory?.raw ?? {};
      const memoryBytes = raw['total_rss'] ?? raw['anon'] ?? data.memory?.usage?.usage ?? 0;
      return { memoryBytes, processes: data.pids?.current ?? 0 };
    },

    /** The process ids in it, as the node sees them. */
    async processes(id: string): Promise<number[]> {
      const { stdout } = await run(runc('ps', '--format', 'json', id));
      return (JSON.parse(stdout) as number[] | null) ?? [];
    },

    /** @returns what makes the argv that runs a command in it; who calls that gives it its input and output. */
    async inside(id: string): Promise<Inside> {
      const way = await wayInto(root, id);
      return (options, argv) => [...way.through, 'runc', '--root', way.root, 'exec', ...options, id, ...argv];
    },

    /**
     * Begins to dump it; its pages come on the `socket`, and criu's config must hold `PAGES_OPTIONS`. The tree is killed
     * when the dump has ended well, left as it was otherwise: which of the two is the action script's to say. Never kill
     * what this returns while it dumps: break its page connection instead.
     */
    dump: (id: string, order: DumpOrder): RunningTool => beginDump(id, order, []),

    /**
     * Begins to dump the memory alone, as it is at one moment, of one that runs on; as `dump` in all else. What is dumped
     * after it can build on it when it has ended well. One that has failed may have made the kernel forget what had changed:
     * then the next one must build on nothing.
     */
    preDump: (id: string, order: DumpOrder): RunningTool => beginDump(id, order, ['--pre-dump']),

    /**
     * Waits for a dump that was told to roll back and whose pipes are broken. One that hangs is woken, then interrupted, and
     * never killed: it would leave its parasite behind.
     * @throws when it is still there, with what its programs do.
     */
    async dumpEnds(id: string, dump: RunningTool, cgroup: string): Promise<void> {
      const ended = dump.ended.then(
        () => true,
        () => true,
      );
      if (await within(DUMP_ENDS_MS, ended)) return;
      const workDir = criuWorkDir(directory, id);
      const belonging = { mark: `${DUMP_VARIABLE}=${id}`, workDir };
      signalMarked(belonging, 'SIGCONT');
      // To trace a process that is frozen may last until it is thawed; it is to run on in any case.
      thawProcessesIn(cgroup);
      const used = cpuUse(findMarked(belonging));
      if (await within(DUMP_ENDS_MS, ended)) return;
      interruptHung(findMarked(belonging), used);
      if (await within(DUMP_ENDS_MS, ended)) return;
      const programs = findMarked(belonging).map(({ pid, program }) => `${program} (${pid}) in ${waitsIn(pid)}`);
      const last = lastLogLine(join(workDir, DUMP_LOG));
      throw new Error(`criu does not let go of ${id}: ${programs.join(', ')}; the last line of its log: ${last}`);
    },

    restores: createRestores({ root, runc, flagsOf, env }),

    /** The init of what was restored, written when all of it ran; undefined when it never came to that. */
    restoredPid(bundle: string): number | undefined {
      try {
        return Number(readFileSync(join(bundle, RESTORED), 'utf8'));
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return undefined;
        throw error;
      }
    },

    /** Removes the marker that a dump which was rolled back leaves behind: with it, runc believes a dump exists. */
    clearDumpMarker(id: string): void {
      rmSync(join(root, id, 'checkpoint'), { force: true });
    },
  };
}

/** Whether it comes about in time. */
async function within(limitMs: number, wanted: Promise<boolean>): Promise<boolean> {
  const late = new AbortController();
  const timeout = sleep(limitMs, false, { signal: late.signal }).catch(() => false);
  const result = await Promise.race([wanted, timeout]);
  late.abort();
  return result;
}

interface RuncEvent {
  readonly data: {
    readonly memory?: { readonly usage?: { readonly usage: number }; readonly raw?: Record<string, number> };
    readonly pids?: { readonly current?: number };
  };
}

/** Its version, for example "1.1.15". @throws `tool` when it is missing. */
export async function runcVersion(): Promise<string> {
  const { stdout } = await run(['runc', '--version']);
  return /runc version (\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '';
}
