/**
 * Memory that comes while the cnvm runs at the source, told by the target: the mirror of `precopy.ts`. Invariant: what is
 * built on is whole; after a round that broke nothing is left to build on, for it may have taken pages from the one before.
 */
import { abortable } from '../base/abortable.js';
import { messageOf, refused } from '../base/errors.js';
import type { PageSink } from './bulk.js';
import type { RoundOrder } from './peer-port.js';
import type { TargetRun } from './receive.js';
import type { TakenOrder } from './round-orders.js';

/** Page images are as large as the pages; the rest is small but for deleted files that were still open. */
const IMAGES_SPARE_BYTES = 1024 * 1024 * 1024;
/** A source that lives asks for the next step at once; one that is silent for this long is given up. */
export const PATIENCE_MS = 30_000;

/** The images as they come, from round to round. */
export interface Memory {
  /** The directory of them all; undefined before there is one. */
  rootDir: string | undefined;
  /** Those of the last whole round; 0 and '' when there is none. */
  round: number;
  imagesDir: string;
  /** Every round that has left something. */
  readonly left: Set<number>;
}

/** Where the last dump comes to. */
export interface OpenImages {
  readonly imagesDir: string;
  /** Undefined when they come after it. */
  readonly pages: PageSink | undefined;
}

/** Takes rounds until the source asks for what comes after them. @throws when it is silent, or has given up. */
export async function takeRounds(run: TargetRun): Promise<void> {
  if (run.memoryMode !== 'pre-copy') return;
  for (;;) {
    const order = await nextOrder(run);
    if (order === undefined) {
      run.orders.close();
      return;
    }
    await takeRound(run, order);
  }
}

/** Undefined when the source goes on without another one. */
async function nextOrder({ orders, steps }: TargetRun): Promise<TakenOrder | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const waitMs = steps.patient(PATIENCE_MS);
    const why = refused('unavailable', `the source has been silent for ${waitMs / 1000} s between rounds`);
    timer = setTimeout(() => reject(why), waitMs);
  });
  try {
    return await Promise.race([orders.next(), steps.asked('prepare').then(() => undefined), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether it went well only its answer says: one that breaks is the source's to try again. */
async function takeRound(run: TargetRun, order: TakenOrder): Promise<void> {
  const { report, memory, signal } = run;
  if (report.migration.phase !== 'precopy') report.phase('precopy');
  report.round({ number: order.round, bytesTotal: 0, dirtyBytesPerSecond: 0 });
  let open: OpenImages | undefined;
  let bytes = 0;
  try {
    const over = AbortSignal.any([signal, order.over]);
    // The link may have been cut, and is whole again for the calls of the source alone.
    await run.source.link.reach(over);
    open = await openImages(run, order, (count) => {
      bytes += count;
    });
    await abortable(open.pages?.complete ?? Promise.resolve(), over);
    memory.round = order.round;
    memory.imagesDir = open.imagesDir;
    if (order.parent === 0) await dropAllBut(run, [order.round]);
    order.answer({ bytes, broken: '' });
  } catch (error) {
    open?.pages?.close();
    // What still writes must have ended before its directory goes.
    await open?.pages?.complete.catch(() => undefined);
    signal.throwIfAborted();
    memory.round = 0;
    await dropAllBut(run, []);
    order.answer({ bytes, broken: messageOf(error) });
  }
}

/**
 * Afterwards a page server waits for the pages of that round, or of the last dump, unless they come after it.
 * @throws when it cannot build on its parent.
 */
export async function openImages(
  run: TargetRun,
  { round, parent }: RoundOrder,
  onBytes: (count: number) => void = () => undefined,
): Promise<OpenImages> {
  const { ports, source, report, memoryBytes, memory } = run;
  const { id } = report.migration;
  if (parent !== 0 && parent !== memory.round) {
    const have = memory.round === 0 ? 'none is whole here' : `the last whole one here is ${memory.round}`;
    throw refused('state', `round ${round} builds on ${parent}, and ${have}`);
  }
  memory.rootDir ??= await ports.bulk.openImages(id, memoryBytes * 2 + IMAGES_SPARE_BYTES);
  if (round > 0) memory.left.add(round);
  const imagesDir = round === 0 ? memory.rootDir : await ports.bulk.openRound(id, round);
  const parentDir = parent === 0 ? undefined : memory.imagesDir;
  const count = (bytes: number) => {
    report.bytes(bytes);
    onBytes(bytes);
  };
  if (run.memoryMode === 'post-copy') return { imagesDir, pages: undefined };
  const pages = ports.bulk.takePages(imagesDir, source.link.tunnel(id, 'pages', round), count, parentDir);
  return { imagesDir, pages };
}

async function dropAllBut({ memory, ports, report }: TargetRun, kept: readonly number[]): Promise<void> {
  for (const round of [...memory.left].filter((one) => !kept.includes(one))) {
    await ports.bulk.closeRound(report.migration.id, round);
    memory.left.delete(round);
  }
}
