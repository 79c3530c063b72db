/**
 * How long a cnvm stands still whose process writes all the time: with pre-copy, with much memory and with little, and with
 * stop-and-copy, in one run between the same two emulated machines. Only ratios mean anything: those are many times slower
 * than real ones. Invariant: memory that is not right afterwards, or a move of another kind, fails the benchmark.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, openLab } from '../lab.js';
import { askHolder, endHolder, startHolder } from '../memory-holder.js';

export interface FreezeMove {
  readonly mode: 'pre-copy' | 'stop-copy';
  readonly heldMib: number;
  readonly freezeMs: number;
  readonly totalMs: number;
  /** What moved while it was frozen. */
  readonly lastRoundMib: number;
  readonly rounds: number;
  /** Of the freeze; some overlap. */
  readonly parts: readonly FreezePart[];
}

interface FreezePart {
  readonly name: string;
  readonly ms: number;
}

export interface FreezeResult {
  readonly moves: readonly FreezeMove[];
  readonly ratios: {
    /** With much memory. */
    readonly precopyFreezeVsStopCopy: number;
    readonly precopyFreeze512Vs64: number;
  };
}

/** When it was not measured. */
export const NO_FREEZE_RATIOS = { precopyFreezeVsStopCopy: null, precopyFreeze512Vs64: null };

const NAME = 'freeze.gonkulator.io';
const MUCH_MIB = 512;
const LITTLE_MIB = 64;
const WRITTEN = { writtenMibPerSecond: 5, hotMib: 16 };
const MIB = 1024 * 1024;
/** Of a machine that is no emulated one. */
const DAEMON_UP_MS = 20_000;

interface Ended {
  readonly outcome: string;
  readonly error: string;
  readonly freezeMs: number;
  readonly totalMs: number;
  readonly memoryMode: string;
  readonly freezeParts: readonly FreezePart[];
  readonly memoryRounds?: readonly { readonly bytes: string }[];
}

/** @param name of a lab of its own, which is down afterwards. @throws when anything does not go as it should. */
export async function measureFreeze(
  name: string,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<FreezeResult> {
  const lab = openLab(name, true, 'machines');
  await lab.down();
  try {
    signal.throwIfAborted();
    await lab.up(2);
    await lab.must('node1', ['cnvm', 'create', NAME]);
    const moves: FreezeMove[] = [];
    const moved = async (...step: Parameters<typeof moveOnce>) => {
      signal.throwIfAborted();
      moves.push(await moveOnce(...step));
      say(textOf(moves.at(-1) as FreezeMove));
    };
    await startHolder(lab, 'node1', NAME, { heldMib: MUCH_MIB, ...WRITTEN });
    await moved(lab, 'node1', 'node2', 'pre-copy', MUCH_MIB);
    await withoutRounds(lab, 'node2');
    await moved(lab, 'node2', 'node1', 'stop-copy', MUCH_MIB);
    await endHolder(lab, 'node1', NAME);
    await startHolder(lab, 'node1', NAME, { heldMib: LITTLE_MIB, ...WRITTEN });
    // Its peer takes rounds again, too.
    await withRounds(lab, 'node2');
    await moved(lab, 'node1', 'node2', 'pre-copy', LITTLE_MIB);
    return { moves, ratios: ratiosOf(moves) };
  } finally {
    await lab.down();
  }
}

async function moveOnce(
  lab: Lab,
  from: string,
  to: string,
  mode: FreezeMove['mode'],
  heldMib: number,
): Promise<FreezeMove> {
  const before = await askHolder(lab, from, NAME);
  const { stdout, stderr } = await lab.run(from, ['teleport', '--json', NAME, to]);
  const { ended } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { ended?: Ended };
  if (ended?.outcome !== 'MIGRATION_OUTCOME_SUCCEEDED') throw new Error(`it did not move: ${ended?.error ?? stderr}`);
  const after = await askHolder(lab, to, NAME);
  if (after.verdict !== 'right' || after.pid !== before.pid)
    throw new Error(`its memory is not right: ${after.verdict}`);
  const rounds = ended.memoryRounds ?? [];
  const wanted = `MEMORY_MODE_${mode.toUpperCase().replace('-', '_')}`;
  if (ended.memoryMode !== wanted) throw new Error(`it went by ${ended.memoryMode}, not by ${mode}`);
  const lastRoundMib = Number(rounds.at(-1)?.bytes ?? 0) / MIB;
  const { freezeMs, totalMs, freezeParts: parts } = ended;
  return { mode, heldMib, freezeMs, totalMs, lastRoundMib, rounds: rounds.length, parts };
}

const CONFIG = '/etc/cnvm/cnvmd.yaml';
const withoutRounds = (lab: Lab, node: string) => configured(lab, node, 's/^limits:$/limits:\\n  rounds: 0/');
const withRounds = (lab: Lab, node: string) => configured(lab, node, '/^  rounds: 0$/d');

/** Afterwards the node's daemon is up, with its config changed. What runs there runs on. */
async function configured(lab: Lab, node: string, script: string): Promise<void> {
  await lab.must(node, ['sed', '-i', script, CONFIG]);
  await lab.must(node, ['sv', '-w', '300', 'restart', 'cnvmd']);
  const until = performance.now() + DAEMON_UP_MS * lab.slowness;
  while ((await lab.run(node, ['cnvm', 'nodes', '--json'])).code !== 0) {
    if (performance.now() > until) throw new Error(`the daemon of ${node} does not come up again`);
    await sleep(1_000);
  }
}

function ratiosOf(moves: readonly FreezeMove[]): FreezeResult['ratios'] {
  const [much, stopped, little] = moves.map(({ freezeMs }) => freezeMs);
  return {
    precopyFreezeVsStopCopy: (much ?? Number.NaN) / (stopped ?? Number.NaN),
    precopyFreeze512Vs64: (much ?? Number.NaN) / (little ?? Number.NaN),
  };
}

function textOf({ mode, heldMib, freezeMs, totalMs, lastRoundMib, rounds, parts }: FreezeMove): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const where = parts.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ');
  const last = `${where}; ${lastRoundMib.toFixed(1)} MiB of memory moved meanwhile, ${rounds} rounds`;
  return `${mode}, ${heldMib} MiB held, ${WRITTEN.writtenMibPerSecond} MiB/s written: frozen ${seconds(freezeMs)} (${last}), ${seconds(totalMs)} in all`;
}

/** For people. */
export function freezeTable({ moves }: FreezeResult): string {
  return moves.map((move) => `${textOf(move)}\n`).join('');
}
