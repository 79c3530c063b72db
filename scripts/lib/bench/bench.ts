/**
 * The benchmark: teleports and podman's checkpoints and restores of the same processes, in turn on one machine.
 * Invariant: it ends with its lab down, whatever happens.
 */
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { type Lab, openLab } from '../lab.js';
import { freezeTable, measureFreeze } from './freeze-part.js';
import { type PodmanRound, startPodmanSide } from './podman-side.js';
import { type Result, resultOf, roundText, tableOf } from './report.js';
import { measureStream, streamTable } from './stream-part.js';
import { startTeleportSide, type TeleportRound } from './teleport-side.js';

/** The cnvm goes to and fro between the first two; its client is on the third. */
const NODES = 3;
const ENDS = ['node1', 'node2'] as const;
const CLIENT = 'node3';
const ROUNDS = 10;
const QUICK_ROUNDS = 3;
const ROUNDS_MAX = 1000;

const HELP = `Usage: scripts/bench [--quick | --rounds N] [--part PART]... [--json] [--lab NAME]

Measures in one run, in turn, on this machine:
  teleport  the silence that a TCP client on a third node hears while an idle cnvm of the base image teleports
  podman    what "container checkpoint --export" and "container restore --import" take for the same processes on a
            node, the transfer between machines not counted

  stream    a migration's tunnel beside a bare TLS and a bare TCP socket, between two processes, straight and behind
            10 ms of delay in each direction; needs no lab
  freeze    how long a cnvm that writes all the time stands still with pre-copy, with much and with little memory, and
            with stop-and-copy; one round, between two emulated machines (scripts/vmlab): ratios only; only when asked for

Brings up a lab of its own and takes it down at the end. A first round of each of the first two is not counted.

  --part NAME  only this part, "teleport" (with podman), "stream" or "freeze"; may be given more than once; the first two
               without it

  --rounds N   rounds of each; ${ROUNDS} without it
  --quick      ${QUICK_ROUNDS} rounds
  --json       the last line on standard output is one JSON object with every figure; without it, a table
  --lab NAME   the lab's name; "bench" without it

Exit codes: 0 measured, 1 failed or interrupted, 2 wrong usage.
`;

interface Usage {
  readonly rounds: number;
  readonly json: boolean;
  readonly lab: string;
  readonly parts: readonly Part[];
}

const PARTS = ['teleport', 'stream', 'freeze'] as const;
/** The others take emulated machines. */
const USUAL_PARTS: readonly Part[] = ['teleport', 'stream'];
type Part = (typeof PARTS)[number];

/** @returns undefined when help is asked for. @throws on wrong usage. */
function readUsage(): Usage | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      lab: { type: 'string', default: 'bench' },
      part: { type: 'string', multiple: true, default: [...USUAL_PARTS] },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.quick && values.rounds !== undefined) throw new Error('--quick and --rounds exclude each other');
  const rounds = values.quick ? QUICK_ROUNDS : Number(values.rounds ?? ROUNDS);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new Error(`--rounds takes a number from 1 to ${ROUNDS_MAX}`);
  }
  const wrong = values.part.find((part) => !PARTS.some((known) => known === part));
  if (wrong !== undefined) throw new Error(`there is no part "${wrong}"; there are ${PARTS.join(', ')}`);
  return { rounds, json: values.json, lab: values.lab, parts: PARTS.filter((part) => values.part.includes(part)) };
}

/** In turn, so that what else the machine does meanwhile falls on both alike. */
async function measure(lab: Lab, rounds: number, signal: AbortSignal): Promise<Result> {
  say('starting what is measured ...');
  const podman = await startPodmanSide(lab, ENDS[0]);
  signal.throwIfAborted();
  const teleport = await startTeleportSide(lab, ENDS, CLIENT);
  const teleports: TeleportRound[] = [];
  const podmans: PodmanRound[] = [];
  try {
    for (let number = 0; number <= rounds; number += 1) {
      const ours = await teleport.round();
      signal.throwIfAborted();
      const theirs = await podman.round();
      signal.throwIfAborted();
      say(number === 0 ? `${roundText(number, ours, theirs)} (not counted)` : roundText(number, ours, theirs));
      // The first of each also fills caches: criu's of the kernel, the files of every program.
      if (number === 0) continue;
      teleports.push(ours);
      podmans.push(theirs);
    }
  } finally {
    await teleport.close();
  }
  return resultOf(teleports, podmans);
}

/** Each part's figures and table; their ratios in one. */
async function run({ rounds, json, lab, parts }: Usage, signal: AbortSignal): Promise<void> {
  const teleport = parts.includes('teleport') ? await inLab(lab, rounds, signal) : undefined;
  const stream = parts.includes('stream') ? await measureStream(rounds, signal, say) : undefined;
  const freeze = parts.includes('freeze') ? await measureFreeze(lab, signal, say) : undefined;
  const ratios = { ...teleport?.ratios, ...stream?.ratios, ...freeze?.ratios };
  const more = { ...(stream && { stream }), ...(freeze && { freeze: freeze.moves }) };
  const tables = [teleport && tableOf(teleport), stream && streamTable(stream), freeze && freezeTable(freeze)];
  if (json) process.stdout.write(`${JSON.stringify({ ...teleport, ...more, ratios })}\n`);
  else process.stdout.write(tables.filter(Boolean).join('\n'));
}

async function inLab(name: string, rounds: number, signal: AbortSignal): Promise<Result> {
  const lab = openLab(name, true);
  await lab.down();
  try {
    signal.throwIfAborted();
    await lab.up(NODES, '--with-podman');
    signal.throwIfAborted();
    say(await machineText(lab));
    return await measure(lab, rounds, signal);
  } finally {
    await lab.down();
  }
}

async function machineText(lab: Lab): Promise<string> {
  const versions = 'criu --version | head -n 1; runc --version | head -n 1; podman --version';
  const tools = (await lab.must(ENDS[0], ['sh', '-c', versions])).trim().replaceAll('\n', ', ');
  return `${cpus().length} cores, Linux ${release()}, ${tools}; load ${loadavg()[0]?.toFixed(1)}`;
}

async function main(): Promise<number> {
  let usage: Usage | undefined;
  try {
    usage = readUsage();
  } catch (error) {
    say(`${wordsOf(error)}; see scripts/bench --help`);
    return 2;
  }
  if (usage === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interrupt.abort(new Error(`stopped by ${signal}`)));
  try {
    await run(usage, interrupt.signal);
    return 0;
  } catch (error) {
    // A program of ours that the same Ctrl-C has ended is not what went wrong.
    say(`the benchmark broke: ${wordsOf(interrupt.signal.aborted ? interrupt.signal.reason : error)}`);
    return 1;
  }
}

function say(text: string): void {
  process.stderr.write(`[o] ${text}\n`);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

process.exitCode = await main();
