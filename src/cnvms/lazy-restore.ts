/**
 * A restore whose memory comes after it. Invariant: from the moment at which the cnvm can run until all of its memory is
 * here, somebody holds back what waits for a page: criu while it brings them, the guard when criu ends. So it runs with its
 * own memory or not at all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstCriuError, startLazyPages } from '../tools/criu.js';
import { startGuard } from '../tools/guard.js';
import type { RunningTool } from '../tools/run.js';
import type { LazyMemory } from './machine.js';

export interface LazyOrder {
  readonly imagesDir: string;
  /** The same as for the restore itself: its programs meet there. */
  readonly workDir: string;
  readonly cgroup: string;
  /** Says "complete" when all is here, whoever is left to know it. */
  readonly marker: string;
  /** Runs it. When this throws nothing of it runs. */
  readonly restore: () => Promise<{ networkMs: number }>;
  /** Ends all of it. */
  readonly end: () => Promise<void>;
  /** Takes the stream on which the pages are asked for. */
  readonly takeRequests: (stream: Duplex) => void;
}

/** criu reads the images first. */
const LISTENS_MS = 10_000;
const POLL_MS = 5;
const COMPLETE = 'complete\n';

/** Whether all of the memory came, as a guard that outlived us may have written. */
export const isComplete = (marker: string): boolean => existsSync(marker) && readFileSync(marker, 'utf8') === COMPLETE;

/** Afterwards it runs, and its memory comes. @throws `tool` with nothing of it running. */
export async function restoreLazily(order: LazyOrder): Promise<LazyMemory> {
  const { imagesDir, workDir, marker, cgroup } = order;
  const socket = join(workDir, 'lazy-pages.socket');
  await rm(socket, { force: true });
  await writeFile(marker, 'incomplete\n');
  const pages = startLazyPages(imagesDir, workDir);
  pages.socket.on('error', () => undefined);
  let over = false;
  const ended = pages.ended.finally(() => {
    over = true;
  });
  ended.catch(() => undefined);
  let networkMs: number;
  try {
    const guard = await startGuard({ pid: pages.pid, cgroup, marker });
    void guardOn(guard);
    order.takeRequests(pages.socket);
    await listens(socket, ended);
    ({ networkMs } = await order.restore());
  } catch (error) {
    await order.end();
    pages.kill('SIGKILL');
    await ended.catch(() => undefined);
    throw error;
  }

  /** A guard that is ended from outside is followed by another; one that cannot be had ends the cnvm. */
  async function guardOn(guard: RunningTool): Promise<void> {
    await guard.ended.catch(() => undefined);
    if (!over && !isComplete(marker)) {
      await startGuard({ pid: pages.pid, cgroup, marker }).then(guardOn, () => pages.socket.destroy());
    }
  }

  const complete = ended.then(
    () => undefined,
    async (error: unknown) => {
      // The guard has done so already, if it lived.
      await order.end();
      throw lastWords(error, join(workDir, 'lazy-pages.log'));
    },
  );
  complete.catch(() => undefined);
  return { networkMs, complete, breakOff: () => pages.socket.destroy() };
}

async function listens(socket: string, ended: Promise<unknown>): Promise<void> {
  const died = ended.then(() => {
    throw new Error('criu lazy-pages ended before the restore');
  });
  died.catch(() => undefined);
  for (let waited = 0; !existsSync(socket); waited += POLL_MS) {
    if (waited > LISTENS_MS) throw new Error('criu lazy-pages does not listen');
    await Promise.race([sleep(POLL_MS), died]);
  }
}

function lastWords(error: unknown, log: string): Error {
  const said = existsSync(log) ? firstCriuError(readFileSync(log, 'utf8')) : undefined;
  return new Error(`the rest of its memory did not come${said === undefined ? '' : `: ${said}`}`, { cause: error });
}
