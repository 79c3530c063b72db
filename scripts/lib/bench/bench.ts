/**
 * The benchmark: teleports, podman's checkpoints and restores, and the shell's pipeline of the same processes, in turn on
 * one machine; and its other parts, one after another.
 * Invariant: it ends with its labs down, whatever happens, and what was measured by then is told.
 */
import { writeFile } from 'node:fs/promises';
import { cpus, loadavg, release } from 'node:os';
import { dirname, relative } from 'node:path';
import { type Lab, openLab } from '../lab.js';
import { diskTable, measureDisk, NO_DISK_RATIOS } from './disk-part.js';
import { freezeTable, measureFreeze, NO_FREEZE_RATIOS } from './freeze-part.js';
import { loadName } from './load.js';
import { measureCase } from './measure-case.js';
import { measureOverlay, NO_OVERLAY_RATIOS, overlayTable } from './overlay-part.js';
import { pageOf } from './page.js';
import { plotOf } from './plot.js';
import { type CaseResult, caseTable, labRatios, ratioTable } from './report.js';
import { measureStream, NO_STREAM_RATIOS, streamTable } from './stream-part.js';
import { HELP, type Part, readUsage, type Usage } from './usage.js';

const NODES = 3;
/** Multiplies how long a command may take: a gigabyte of memory takes its time where something else is done, too. */
const SLOWNESS = 10;
const MINUTE_MS = 60_000;

/**
 * Each part's figures and table; their ratios in one. What breaks is told and leaves its figures out.
 * @returns whether all of it was measured.
 */
async function run({ json, lab, parts, plot, page, cases, quick }: Usage, signal: AbortSignal): Promise<boolean> {
  const faults: string[] = [];
  async function measured<T>(part: Part, act: (rounds: number) => Promise<T>): Promise<T | undefined> {
    const rounds = parts.get(part);
    if (rounds === undefined) return undefined;
    try {
      signal.throwIfAborted();
      return await act(rounds);
    } catch (error) {
      // A program of ours that the same Ctrl-C has ended is not what went wrong.
      faults.push(`${part}: ${wordsOf(signal.aborted ? signal.reason : error)}`);
      say(`the part ${faults.at(-1)}`);
      return undefined;
    }
  }
  const results: CaseResult[] = [];
  let machine = '';
  const learn = (text: string) => {
    machine = text;
    say(text);
  };
  const stream = await measured('stream', (rounds) => measureStream(rounds, signal, say));
  const overlay = await measured('overlay', (rounds) => measureOverlay(lab, rounds, signal, say));
  const disk = await measured('disk', (rounds) => measureDisk(lab, { rounds, quick }, signal, say));
  const freeze = await measured('freeze', () => measureFreeze(lab, signal, say));
  // The longest, and of use also when it is cut short.
  await measured('teleport', () => inLab(lab, cases, { results, learn }, signal));
  const ratios = {
    ...{ ...labRatios(results), ...NO_STREAM_RATIOS, ...stream?.ratios, ...NO_OVERLAY_RATIOS, ...overlay?.ratios },
    ...{ ...NO_DISK_RATIOS, ...disk?.ratios, ...NO_FREEZE_RATIOS, ...freeze?.ratios },
  };
  const drawn = plot !== undefined && results.length > 0;
  if (drawn) await writeFile(plot, plotOf(results));
  if (page !== undefined) {
    const command = ['scripts/bench', ...process.argv.slice(2)].join(' ');
    const picture = drawn ? relative(dirname(page), plot) : undefined;
    const figures = { cases: results, stream, overlay, disk, freeze, ratios };
    await writeFile(page, pageOf({ command, machine, plot: picture, ...figures }));
  }
  if (json) {
    const others = { stream: stream ?? null, overlay: overlay ?? null, disk: disk ?? null };
    const figures = { cases: results, ...others, freeze: freeze?.moves ?? null };
    process.stdout.write(`${JSON.stringify({ ...figures, faults, ratios })}\n`);
    return faults.length === 0;
  }
  const tables = [
    ...results.map(caseTable),
    stream && streamTable(stream),
    overlay && overlayTable(overlay),
    disk && diskTable(disk),
    freeze && freezeTable(freeze),
    ratioTable(ratios),
  ];
  process.stdout.write(tables.filter(Boolean).join('\n'));
  return faults.length === 0;
}

/**
 * @param results where each case's are put as soon as they are there.
 * @param learn told what the machine is.
 * @throws at the end, when one or more have failed.
 */
async function inLab(
  name: string,
  cases: Usage['cases'],
  { results, learn }: { readonly results: CaseResult[]; readonly learn: (text: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const lab = openLab(name, true, 'namespaces', SLOWNESS);
  const failed: string[] = [];
  await lab.down();
  try {
    signal.throwIfAborted();
    await lab.up(NODES, '--with-engines');
    signal.throwIfAborted();
    learn(await machineText(lab));
    for (const { one, rounds } of cases) {
      try {
        results.push(await measureCase(lab, one, rounds, signal, say));
      } catch (error) {
        signal.throwIfAborted();
        failed.push(loadName(one.load));
        say(`${loadName(one.load)}: ${wordsOf(error)}`);
      }
    }
  } finally {
    await lab.down();
  }
  if (failed.length > 0) throw new Error(`these cases failed: ${failed.join('; ')}`);
}

async function machineText(lab: Lab): Promise<string> {
  const versions = "criu --version | sed -n 's/^Version: /criu /p'; runc --version | head -n 1; podman --version";
  const tools = (await lab.must('node1', ['sh', '-c', versions])).trim().replaceAll('\n', ', ');
  return `${cpus().length} cores, Linux ${release()}, ${tools}; load ${loadavg()[0]?.toFixed(1)}`;
}

async function main(): Promise<number> {
  let usage: Usage | undefined;
  try {
    usage = readUsage(process.argv.slice(2));
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
  const { minutes } = usage;
  if (minutes !== undefined)
    setTimeout(() => interrupt.abort(new Error(`${minutes} minutes are over`)), minutes * MINUTE_MS).unref();
  try {
    return (await run(usage, interrupt.signal)) ? 0 : 1;
  } catch (error) {
    say(`the benchmark broke: ${wordsOf(error)}`);
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
