/**
 * Which inodes of an ext4 file system change, by the kernel's own trace. Each change of an inode, by whatever way, is a part of
 * a transaction that begins with the inode (`ext4_journal_start_inode`: also one of extended attributes), or ends with it being
 * marked (`ext4_mark_inode_dirty`: a write, also one through mapped memory, new times, owners, modes, a name more or less, and
 * the directories of these names). Invariant: who asks when nothing changes any more gets each inode that has changed since the
 * trace began, and perhaps others, or no answer: never less.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../base/errors.js';
import { type RunningTool, spawnTool } from './run.js';

/** Where systemd mounts it. */
const INSTANCES = '/sys/kernel/tracing/instances';
const EVENTS = ['ext4_mark_inode_dirty', 'ext4_journal_start_inode'];
/** Of all processors together: some hundred thousand events, while our reader waits for its turn. */
const BUFFER_KIB = 32 * 1024;
const BUFFER_KIB_MIN = 512;
/** More cannot be told quickly, either. */
const INODES_MAX = 500_000;
/** The mark comes at once, unless nobody reads. */
const MARK_WAIT_MS = 2_000;
/** A reader that was ended needs a moment to let go. */
const END_TRIES = 50;
const END_POLL_MS = 20;

export interface InodeTrace {
  /** The inodes that have changed. @throws when some may be missing. */
  changed(): Promise<ReadonlySet<number>>;
  /** Afterwards nothing of it is left. */
  close(): Promise<void>;
}

/**
 * Afterwards every change is seen. @param name of the trace, nobody else's. @param directory whose file system it is; its own
 * time is set, to see whether the trace shows that. @throws when this kernel, or this file system, has no such trace.
 */
export async function traceInodes(name: string, directory: string): Promise<InodeTrace> {
  const { dev, ino } = await stat(directory);
  await demandExt4(dev);
  const place = join(INSTANCES, name);
  const isOn = async (event: string) =>
    (await readFile(join(place, 'events/ext4', event, 'enable'), 'utf8')).startsWith('1');
  const put = (file: string, text: string | number) => writeFile(join(place, file), `${text}\n`);
  await mkdir(place);
  try {
    // One clock for all processors: what is read comes in its order.
    await put('trace_clock', 'mono');
    await put('options/context-info', 0);
    await put('buffer_size_kb', Math.max(BUFFER_KIB_MIN, Math.floor(BUFFER_KIB / availableParallelism())));
    const reader = spawnTool(['cat', join(place, 'trace_pipe')], { pipes: true });
    for (const event of EVENTS) {
      await put(`events/ext4/${event}/filter`, `dev == ${kernelNumber(dev)}`);
      await put(`events/ext4/${event}/enable`, 1);
    }
    const news = readNews(reader);
    const missed = async () => {
      const mark = `mark-${randomUUID()}`;
      const seen = news.see(mark);
      await put('trace_marker', mark);
      return !(await seen);
    };
    const now = new Date();
    await utimes(directory, now, now);
    if ((await missed()) || !news.inodes.has(ino)) throw new Error('the trace shows nothing');
    return {
      // Nothing is written here: that might wait for the disk.
      async changed() {
        if ((await missed()) || !(await Promise.all(EVENTS.map(isOn))).every(Boolean))
          throw new Error('the trace of the disk has missed something');
        if (news.inodes.size > INODES_MAX) throw new Error(`more than ${INODES_MAX} inodes have changed`);
        return news.inodes;
      },
      async close() {
        reader.kill('SIGKILL');
        await endTrace(name);
      },
    };
  } catch (error) {
    await endTrace(name);
    throw error;
  }
}

/** Afterwards there is no such trace. Harmless when there is none. */
export async function endTrace(name: string): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await rmdir(join(INSTANCES, name));
    } catch (error) {
      if (hasErrno(error, 'ENOENT') || hasErrno(error, 'ENOTDIR')) return;
      if (!hasErrno(error, 'EBUSY') || tried === END_TRIES) throw error;
      await sleep(END_POLL_MS);
    }
  }
}

/** What a reader of a trace has told so far; pure but for the reader. */
export function readNews({ stdout, ended }: Pick<RunningTool, 'stdout' | 'ended'>) {
  const inodes = new Set<number>();
  let [whole, rest, awaited] = [true, '', ''];
  let tell: (whole: boolean) => void = () => undefined;
  const fail = () => {
    whole = false;
    tell(false);
  };
  stdout.on('data', (chunk: Uint8Array) => {
    const text = rest + Buffer.from(chunk).toString('latin1');
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    const lines = text.slice(0, end);
    // Whoever has told so many will be asked for nothing any more.
    if (inodes.size <= INODES_MAX) for (const [, ino] of lines.matchAll(/ ino (\d+)/g)) inodes.add(Number(ino));
    if (/\[LOST \d+ EVENTS\]/.test(lines)) fail();
    if (awaited !== '' && lines.includes(awaited)) tell(whole);
  });
  stdout.on('error', fail);
  ended.then(fail, fail);
  return {
    inodes,
    /** Whether all has come that was there before this mark. */
    see(mark: string): Promise<boolean> {
      awaited = mark;
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), MARK_WAIT_MS);
        tell = (well) => {
          clearTimeout(timer);
          resolve(well);
        };
        if (!whole) tell(false);
      });
    },
  };
}

/** Times that lie in memory alone are in no transaction. */
async function demandExt4(device: number): Promise<void> {
  if (!existsSync(INSTANCES)) throw new Error('the kernel shows no traces');
  const number = `${major(device)}:${minor(device)}`;
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const mounts = lines.map((line) => line.split(' ')).filter((words) => words[2] === number);
  const [one] = mounts;
  if (one?.[one.indexOf('-') + 1] !== 'ext4') throw new Error('the file system is not ext4');
  if (mounts.some((words) => /\blazytime\b/.test(words.join(' ')))) throw new Error('its times are written late');
}

const major = (device: number): number => (device >> 8) & 0xfff;
const minor = (device: number): number => (device & 0xff) | ((device >>> 12) & 0xfff00);
const kernelNumber = (device: number): number => major(device) * 2 ** 20 + minor(device);
