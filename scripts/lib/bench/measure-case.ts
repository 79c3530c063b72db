/**
 * One case of the benchmark: we, podman and the shell pipeline move the same processes, in turn, so that what else the
 * machine does meanwhile falls on all alike. Invariant: afterwards nothing of it runs in the lab.
 */
import type { Lab } from '../lab.js';
import type { Case } from './cases.js';
import { loadName } from './load.js';
import { type PodmanRound, startPodmanSide } from './podman-side.js';
import { type CaseResult, caseResult, roundText } from './report.js';
import { type ShellRound, startShellSide } from './shell-side.js';
import { startTeleportSide, type TeleportRound } from './teleport-side.js';

/** The cnvm goes to and fro between the first two; its client is on the third. */
const ENDS = ['node1', 'node2'] as const;
const CLIENT = 'node3';
/**
 * Who holds more is there only in its turn. Three that hold it all the time, and the copies that each makes on its way, want
 * memory that a machine, when it is a virtual one itself, must first be given by its host: seconds for each GiB, in whose
 * turn it happens to be.
 */
const ALL_AT_ONCE_MIB = 256;

interface Side<R> {
  round(): Promise<R>;
  close(): Promise<unknown>;
}

export async function measureCase(
  lab: Lab,
  { load, beside }: Case,
  rounds: number,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<CaseResult> {
  say(`${loadName(load)} ...`);
  const closing: (() => Promise<unknown>)[] = [];
  const opened = async <R>(open: () => Promise<Side<R>>): Promise<Side<R>> => {
    const side = load.mib > ALL_AT_ONCE_MIB ? inItsTurn(open) : await open();
    closing.push(() => side.close());
    signal.throwIfAborted();
    return side;
  };
  const teleports: TeleportRound[] = [];
  const podmans: PodmanRound[] = [];
  const shells: ShellRound[] = [];
  try {
    const podman = beside ? await opened(() => startPodmanSide(lab, ENDS[0], load)) : undefined;
    const shell = beside ? await opened(() => startShellSide(lab, ENDS, load)) : undefined;
    const teleport = await opened(() => startTeleportSide(lab, ENDS, CLIENT, load));
    for (let number = 0; number <= rounds; number += 1) {
      const ours = await teleport.round();
      signal.throwIfAborted();
      const theirs = await podman?.round();
      signal.throwIfAborted();
      const plain = await shell?.round();
      signal.throwIfAborted();
      const text = roundText(number, ours, theirs, plain);
      say(number === 0 ? `${text} (not counted)` : text);
      // The first of each also fills caches: criu's of the kernel, the files of every program.
      if (number === 0) continue;
      teleports.push(ours);
      if (theirs !== undefined) podmans.push(theirs);
      if (plain !== undefined) shells.push(plain);
    }
  } finally {
    for (const close of closing.reverse()) await close();
  }
  return caseResult(load, teleports, podmans, shells);
}

function inItsTurn<R>(open: () => Promise<Side<R>>): Side<R> {
  return {
    async round() {
      const side = await open();
      try {
        return await side.round();
      } finally {
        await side.close();
      }
    },
    close: async () => undefined,
  };
}
