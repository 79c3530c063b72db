/**
 * Our side of the benchmark: a cnvm of the base image that teleports to and fro between two nodes, and what a client on a
 * third node sees of it. The client is on neither end, so no packet of its reaches the cnvm by a short cut; and it is a
 * node, so its way to the cnvm changes by the news of the move, as every client's does. The client hears a number every
 * 5 ms: its gap is up to that much longer than the cnvm was away.
 * Invariant: a teleport that fails, or a number that is lost, fails the benchmark.
 */
import type { Lab } from '../lab.js';
import { openNumberStream } from '../number-stream.js';
import { type Cost, readCost, resetPeak } from './daemon-cost.js';
import { expectSshd } from './expect-sshd.js';
import { INSTALL_NUMBERS } from './install-numbers.js';
import { type Load, loadCommand } from './load.js';

export interface TeleportRound {
  readonly gapMs: number;
  readonly freezeMs: number;
  readonly totalMs: number;
  /** Of its memory, as it went over the link. */
  readonly memoryBytes: number;
  /** Seconds that the daemon of each end and its programs used. */
  readonly cpuS: { readonly source: number; readonly target: number };
  /** The most that a daemon of the two held above what it held before. */
  readonly rssMibOverIdle: number;
  readonly freezeParts: readonly { readonly name: string; readonly ms: number }[];
}

const NAME = 'bench.gonkulator.io';
const ADDRESS = '10.100.101.120';
/** Holds the largest load beside its services. */
const MEMORY = '2G';
/** So many numbers after the teleport has ended show that the silence is over: half a second of them. */
const NUMBERS_AFTERWARDS = 100;

/** Afterwards the cnvm runs on the first of `ends` with its load, and its numbers come to `clientNode`. */
export async function startTeleportSide(lab: Lab, ends: readonly [string, string], clientNode: string, load: Load) {
  let [here, there] = ends;
  // One whose load did not come, or that broke on its way, is left by who measured before.
  for (const end of ends) await lab.run(end, ['cnvm', 'rm', '--force', NAME]);
  await lab.must(here, ['cnvm', 'create', NAME, '--address', ADDRESS, '--memory', MEMORY]);
  await lab.must(here, ['cnvm', 'exec', NAME, '--', 'sh'], INSTALL_NUMBERS);
  if (load.mib > 0) await lab.must(here, ['cnvm', 'exec', NAME, '--', 'sh'], loadCommand(load));
  const stream = await openNumberStream(lab, clientNode, ADDRESS);

  const costs = () => Promise.all([here, there].map((node) => readCost(lab, node)));

  async function round(): Promise<TeleportRound> {
    await Promise.all(ends.map((node) => resetPeak(lab, node)));
    const before = await costs();
    stream.reset();
    const lines = (await lab.must(here, ['teleport', '--json', NAME, there])).trim().split('\n');
    const { ended } = JSON.parse(lines.at(-1) ?? '{}') as { ended?: Ended };
    if (ended === undefined) throw new Error(`the teleport ended without a word: ${lines.at(-1)}`);
    await stream.more(NUMBERS_AFTERWARDS);
    const gapMs = stream.gapMs();
    const cost = costOf(before, await costs());
    [here, there] = [there, here];
    await expectSshd(lab, clientNode, ADDRESS);
    const { freezeMs, totalMs, freezeParts } = ended;
    return { gapMs, freezeMs, totalMs, freezeParts, memoryBytes: Number(ended.memoryBytes), ...cost };
  }

  return {
    round,
    async close(): Promise<void> {
      await stream.close();
      await lab.must(here, ['cnvm', 'rm', '--force', NAME]);
    },
  };
}

type Ended = Pick<TeleportRound, 'freezeMs' | 'totalMs' | 'freezeParts'> & { readonly memoryBytes: string | number };

function costOf(before: readonly Cost[], after: readonly Cost[]): Pick<TeleportRound, 'cpuS' | 'rssMibOverIdle'> {
  const [source = 0, target = 0] = after.map(({ cpuS }, end) => cpuS - (before[end]?.cpuS ?? 0));
  const over = after.map(({ peakMib }, end) => peakMib - (before[end]?.rssMib ?? 0));
  return { cpuS: { source, target }, rssMibOverIdle: Math.max(...over) };
}
