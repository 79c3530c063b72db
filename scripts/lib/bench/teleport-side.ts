/**
 * Our side of the benchmark: a cnvm of the base image that teleports to and fro between two nodes, and what a client on a
 * third node sees of it. The client is on neither end, so no packet of its reaches the cnvm by a short cut; and it is a
 * node, so its way to the cnvm changes by the news of the move, as every client's does. The client hears a number every
 * 5 ms: its gap is up to that much longer than the cnvm was away.
 * Invariant: a teleport that fails, or a number that is lost, fails the benchmark.
 */
import type { Lab } from '../lab.js';
import { openNumberStream } from '../number-stream.js';
import { expectSshd } from './expect-sshd.js';
import { INSTALL_NUMBERS } from './install-numbers.js';

export interface TeleportRound {
  readonly gapMs: number;
  readonly freezeMs: number;
  readonly totalMs: number;
  readonly freezeParts: readonly { readonly name: string; readonly ms: number }[];
}

const NAME = 'bench.gonkulator.io';
const ADDRESS = '10.100.101.120';
/** So many numbers after the teleport has ended show that the silence is over: half a second of them. */
const NUMBERS_AFTERWARDS = 100;

/** Afterwards the cnvm runs on the first of `ends`, and its numbers come to `clientNode`. */
export async function startTeleportSide(lab: Lab, ends: readonly [string, string], clientNode: string) {
  let [here, there] = ends;
  await lab.must(here, ['cnvm', 'create', NAME, '--address', ADDRESS]);
  await lab.must(here, ['cnvm', 'exec', NAME, '--', 'sh'], INSTALL_NUMBERS);
  const stream = await openNumberStream(lab, clientNode, ADDRESS);

  async function round(): Promise<TeleportRound> {
    stream.reset();
    const lines = (await lab.must(here, ['teleport', '--json', NAME, there])).trim().split('\n');
    const { ended } = JSON.parse(lines.at(-1) ?? '{}') as { ended?: Omit<TeleportRound, 'gapMs'> };
    if (ended === undefined) throw new Error(`the teleport ended without a word: ${lines.at(-1)}`);
    await stream.more(NUMBERS_AFTERWARDS);
    const gapMs = stream.gapMs();
    [here, there] = [there, here];
    await expectSshd(lab, clientNode, ADDRESS);
    const { freezeMs, totalMs, freezeParts } = ended;
    return { gapMs, freezeMs, totalMs, freezeParts };
  }

  return { round, close: () => stream.close() };
}
