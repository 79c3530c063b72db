/**
 * The benchmark: teleports, podman's checkpoints and restores, and the shell's pipeline of the same processes, in turn on
 * one machine.
 * Invariant: it ends with its lab down, whatever happens.
 */
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { type Lab, openLab } from '../lab.js';
import { CASES, type Case, caseOf, QUICK_CASES } from './cases.js';
import { diskTable, measureDisk, NO_DISK_RATIOS } from './disk-part.js';
import { freezeTable, measureFreeze, NO_FREEZE_RATIOS } from './freeze-part.js';
import { measureCase } from './measure-case.js';
import { measureOverlay, NO_OVERLAY_RATIOS, overlayTable } from './overlay-part.js';
import { plotOf } from './plot.js';
import { type CaseResult, caseTable, labRatios, ratioTable } from './report.js';
import { measureStream, NO_STREAM_RATIOS, streamTable } from './stream-part.js';

const NODES = 3;
const ROUNDS = 10;
const QUICK_ROUNDS = 3;
const ROUNDS_MAX = 1000;

const HELP = `Usage: scripts/bench [--quick] [--rounds N] [--part PART]... [--json] [--plot FILE] [--lab NAME]

Measures in one run, in turn, on this machine:
  teleport  the silence that a TCP client on a third node hears while a cnvm teleports; its freeze, what it cost the
            processors, and what the daemons held. Cnvms of 0, 16, 256 and 1024 MiB beside their services, that change
            0, 1, 10 or 50 MiB a second, in 1 or 20 processes. Beside those that change nothing:
            podman, what "container checkpoint --export" and "container restore --import" take for the same processes
            on one node, the transfer between machines not counted; and
            shell, what "runc checkpoint", rsync and "runc restore" take between two nodes
  stream    a migration's tunnel beside a bare TLS and a bare TCP socket, between two processes, straight and behind
            10 ms of delay in each direction; needs no lab
  overlay   one TCP stream between two nodes, through the tunnel and over the bare link
  disk      how long a cnvm stands still that has 100,000 files of 2 GiB in all and writes to its disk all the time, beside
            one that has none of them
  freeze    how long a cnvm that writes all the time stands still with pre-copy, with much and with little memory, and
            with stop-and-copy; one round, between two emulated machines (scripts/vmlab), where ratios alone mean anything

Brings up labs of its own and takes them down at the end. A first round of each but the last is not counted.

  --case CASE  only this case of the part teleport: "idle", or MIB:RATE:PROCESSES, for example 256:10:1; may be given
               more than once. All of them, with ten rounds each, take some hours
  --part NAME  only this part; may be given more than once; all of them without it
  --rounds N   rounds of each; ${ROUNDS} without it, ${QUICK_ROUNDS} with --quick
  --quick      an idle base image and 256 MiB that do not change alone; 10,000 files; without the freeze part
  --plot FILE  draws the gaps and the freezes into an SVG file
  --json       the last line on standard output is one JSON object with every figure and, as "ratios", what the
               figures come to (null: not measured); without it, tables
  --lab NAME   the lab's name; "bench" without it

Exit codes: 0 measured, 1 failed or interrupted, 2 wrong usage.
`;

interface Usage {
  readonly rounds: number;
  readonly quick: boolean;
  readonly plot: string | undefined;
  readonly json: boolean;
  readonly lab: string;
  readonly parts: readonly Part[];
  readonly cases: readonly Case[];
}

const PARTS = ['teleport', 'stream', 'overlay', 'disk', 'freeze'] as const;
/** The other takes a quarter of an hour. */
const QUICK_PARTS: readonly Part[] = ['teleport', 'stream', 'overlay', 'disk'];
type Part = (typeof PARTS)[number];

/** @returns undefined when help is asked for. @throws on wrong usage. */
function readUsage(): Usage | undefined {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      plot: { type: 'string' },
      lab: { type: 'string', default: 'bench' },
      part: { type: 'string', multiple: true },
      case: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds ?? (values.quick ? QUICK_ROUNDS : ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new Error(`--rounds takes a number from 1 to ${ROUNDS_MAX}`);
  }
  const asked: readonly string[] = values.part ?? (values.quick ? QUICK_PARTS : PARTS);
  const wrong = asked.find((part) => !PARTS.some((known) => known === part));
  if (wrong !== undefined) throw new Error(`there is no part "${wrong}"; there are ${PARTS.join(', ')}`);
  const { quick, json, lab, plot } = values;
  const cases = casesOf(values.case, quick);
  return { rounds, quick, json, lab, plot, cases, parts: PARTS.filter((part) => asked.includes(part)) };
}

function casesOf(named: readonly string[] | undefined, quick: boolean): readonly Case[] {
  if (named === undefined) return quick ? QUICK_CASES : CASES;
  return named.map((text) => {
    const found = caseOf(text);
    if (found === undefined) throw new Error(`"${text}" is no case: "idle", or MIB:RATE:PROCESSES`);
    return found;
  });
}

/** Each part's figures and table; their ratios in one. */
async function run({ rounds, quick, json, lab, parts, plot, ...usage }: Usage, signal: AbortSignal): Promise<void> {
  const cases = parts.includes('teleport') ? await inLab(lab, usage.cases, rounds, signal) : [];
  const stream = parts.includes('stream') ? await measureStream(rounds, signal, say) : undefined;
  const overlay = parts.includes('overlay') ? await measureOverlay(lab, rounds, signal, say) : undefined;
  const disk = parts.includes('disk') ? await measureDisk(lab, { rounds, quick }, signal, say) : undefined;
  const freeze = parts.includes('freeze') ? await measureFreeze(lab, signal, say) : undefined;
  const ratios = {
    ...{ ...labRatios(cases), ...NO_STREAM_RATIOS, ...stream?.ratios },
    ...{
      ...NO_OVERLAY_RATIOS,
      ...overlay?.ratios,
      ...NO_DISK_RATIOS,
      ...disk?.ratios,
      ...NO_FREEZE_RATIOS,
      ...freeze?.ratios,
    },
  };
  if (plot !== undefined && cases.length > 0) await writeFile(plot, plotOf(cases));
  if (json) {
    const others = { stream: stream ?? null, overlay: overlay ?? null, disk: disk ?? null };
    const figures = { ...others, freeze: freeze?.moves ?? null };
    process.stdout.write(`${JSON.stringify({ rounds, cases, ...figures, ratios })}\n`);
    return;
  }
  const tables = [
    ...cases.map(caseTable),
    stream && streamTable(stream),
    overlay && overlayTable(overlay),
    disk && diskTable(disk),
    freeze && freezeTable(freeze),
    ratioTable(ratios),
  ];
  process.stdout.write(tables.filter(Boolean).join('\n'));
}

async function inLab(name: string, cases: readonly Case[], rounds: number, signal: AbortSignal): Promise<CaseResult[]> {
  const lab = openLab(name, true);
  await lab.down();
  try {
    signal.throwIfAborted();
    await lab.up(NODES, '--with-podman');
    signal.throwIfAborted();
    say(await machineText(lab));
    const results: CaseResult[] = [];
    for (const one of cases) results.push(await measureCase(lab, one, rounds, signal, say));
    return results;
  } finally {
    await lab.down();
  }
}

async function machineText(lab: Lab): Promise<string> {
  const versions = 'criu --version | head -n 1; runc --version | head -n 1; podman --version';
  const tools = (await lab.must('node1', ['sh', '-c', versions])).trim().replaceAll('\n', ', ');
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
