/**
 * The benchmark's part "disk": how long a cnvm stands still that has many files and writes all the time, beside one that has
 * none of them and writes the same, in turn between the same two nodes. Invariant: what was written is all there after each
 * move, or the benchmark fails; it ends with its lab down.
 */
import { type Lab, openLab } from '../lab.js';
import { ratioOfMedians, spreadOf } from './statistics.js';

interface DiskFigures {
  readonly freezeMs: readonly number[];
  /** What the last pass of the disk took of it; it overlaps the dump. */
  readonly lastPassMs: readonly number[];
  readonly totalMs: readonly number[];
}

export interface DiskResult {
  readonly files: number;
  readonly mib: number;
  readonly full: DiskFigures;
  readonly empty: DiskFigures;
  readonly ratios: { readonly freezeFullDiskVsEmpty: number };
}

/** When it was not measured. */
export const NO_DISK_RATIOS = { freezeFullDiskVsEmpty: null };

const FILES = 100_000;
/** With `--quick`. */
const FILES_QUICK = 10_000;
/** 100,000 of them are 2 GiB. */
const FILE_BYTES = 21_475;
const FILES_A_DIRECTORY = 100;
/** Written by one command, well within its time limit. */
const FILES_AT_ONCE = 10_000;
const KINDS = ['full', 'empty'] as const;
type Kind = (typeof KINDS)[number];
const ENDS = ['node1', 'node2'] as const;
const nameOf = (kind: Kind) => `${kind}.gonkulator.io`;
/** Gigabytes in small files take minutes on a machine that has something else to do. */
const SLOWNESS = 10;

const FILL = `
import os, sys
first, count = int(sys.argv[1]), int(sys.argv[2])
for number in range(first, first + count):
    directory = '/srv/files/%d' % (number // ${FILES_A_DIRECTORY})
    os.makedirs(directory, exist_ok=True)
    with open('%s/%d' % (directory, number), 'wb') as file:
        file.write(os.urandom(${FILE_BYTES}))
`;

/**
 * A megabyte a second: a log that grows, and blocks of files that stay, in turn. Each block says which turn has written it, and
 * the log has a line a turn; who is asked compares them with what it remembers.
 */
const WRITER = `
import os, time
TURN_S, FILES, BLOCK = 0.05, 64, 52 * 1024
os.makedirs('/srv/written', exist_ok=True)
turn, last, begun = 0, {}, time.monotonic()
log = open('/srv/written/log', 'w', buffering=1)
def right():
    for number, written in last.items():
        with open('/srv/written/%d' % number, 'rb') as file:
            if file.read() != written.to_bytes(8, 'little') * (BLOCK // 8):
                return False
    return [int(line) for line in open('/srv/written/log')] == list(range(1, turn + 1))
while True:
    turn += 1
    with open('/srv/written/%d' % (turn % FILES), 'wb') as file:
        file.write(turn.to_bytes(8, 'little') * (BLOCK // 8))
    last[turn % FILES] = turn
    log.write('%d\\n' % turn)
    if os.path.exists('/srv/ask'):
        with open('/srv/answer.new', 'w') as file:
            file.write('%d %s' % (os.getpid(), 'right' if right() else 'wrong'))
        os.rename('/srv/answer.new', '/srv/answer')
        os.unlink('/srv/ask')
    time.sleep(max(0, begun + turn * TURN_S - time.monotonic()))
`;
const START = `setsid python3 -c "$0" >/dev/null 2>&1 </dev/null & for _ in $(seq 300); do [ -e /srv/written/log ] && exit 0; sleep 0.1; done; exit 1`;
const ASK = `rm -f /srv/answer; : >/srv/ask; for _ in $(seq 600); do [ -e /srv/answer ] && exec cat /srv/answer; sleep 0.1; done; exit 1`;

/** @param name of a lab of its own, which is down afterwards. @throws when a move fails, or has lost what was written. */
export async function measureDisk(
  name: string,
  { rounds, quick }: { readonly rounds: number; readonly quick: boolean },
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<DiskResult> {
  const files = quick ? FILES_QUICK : FILES;
  const lab = openLab(name, true, 'namespaces', SLOWNESS);
  await lab.down();
  try {
    signal.throwIfAborted();
    await lab.up(ENDS.length);
    for (const kind of KINDS) {
      signal.throwIfAborted();
      await start(lab, kind, kind === 'full' ? files : 0);
    }
    const moves: Record<Kind, Move[]> = { full: [], empty: [] };
    // The first of each warms caches, and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const [here, there] = round % 2 === 0 ? ENDS : ([ENDS[1], ENDS[0]] as const);
      for (const kind of KINDS) {
        signal.throwIfAborted();
        const move = await moveOnce(lab, kind, here, there);
        say(`disk, round ${round}, ${kind}: frozen ${textOf(move)}${round === 0 ? ' (not counted)' : ''}`);
        if (round > 0) moves[kind].push(move);
      }
    }
    const [full, empty] = [figuresOf(moves.full), figuresOf(moves.empty)];
    const ratios = { freezeFullDiskVsEmpty: ratioOfMedians(full.freezeMs, empty.freezeMs) };
    return { files, mib: Math.round((files * FILE_BYTES) / 2 ** 20), full, empty, ratios };
  } finally {
    await lab.down();
  }
}

async function start(lab: Lab, kind: Kind, files: number): Promise<void> {
  const inside = (...command: string[]) => lab.must(ENDS[0], ['cnvm', 'exec', nameOf(kind), '--', ...command]);
  await lab.must(ENDS[0], ['cnvm', 'create', nameOf(kind)]);
  for (let first = 0; first < files; first += FILES_AT_ONCE) {
    await inside('python3', '-c', FILL, String(first), String(Math.min(FILES_AT_ONCE, files - first)));
  }
  await inside('sh', '-c', START, WRITER);
}

interface Move {
  readonly freezeMs: number;
  readonly lastPassMs: number;
  readonly totalMs: number;
  /** Of the freeze; some overlap. */
  readonly parts: Ended['freezeParts'];
}

interface Ended {
  readonly freezeMs: number;
  readonly totalMs: number;
  readonly freezeParts: readonly { readonly name: string; readonly ms: number }[];
}

async function moveOnce(lab: Lab, kind: Kind, here: string, there: string): Promise<Move> {
  const before = await ask(lab, kind, here);
  const lines = (await lab.must(here, ['teleport', '--json', nameOf(kind), there])).trim().split('\n');
  const { ended } = JSON.parse(lines.at(-1) ?? '{}') as { ended?: Ended };
  if (ended === undefined) throw new Error(`the teleport ended without a word: ${lines.at(-1)}`);
  const after = await ask(lab, kind, there);
  if (after !== before) throw new Error(`${nameOf(kind)} said "${before}" before its move, and then "${after}"`);
  const { freezeMs, totalMs, freezeParts } = ended;
  const lastPassMs = freezeParts.find(({ name }) => name === 'last of the disk')?.ms ?? Number.NaN;
  return { freezeMs, lastPassMs, totalMs, parts: freezeParts };
}

/** Its process, which finds all that it has written. */
async function ask(lab: Lab, kind: Kind, node: string): Promise<string> {
  const answer = await lab.must(node, ['cnvm', 'exec', nameOf(kind), '--', 'sh', '-c', ASK]);
  if (!answer.endsWith(' right')) throw new Error(`${nameOf(kind)} does not find what it has written: "${answer}"`);
  return answer;
}

function figuresOf(moves: readonly Move[]): DiskFigures {
  return {
    freezeMs: moves.map(({ freezeMs }) => freezeMs),
    lastPassMs: moves.map(({ lastPassMs }) => lastPassMs),
    totalMs: moves.map(({ totalMs }) => totalMs),
  };
}

function textOf({ freezeMs, parts, totalMs }: Move): string {
  const where = parts.map(({ name, ms }) => `${name} ${ms.toFixed(0)}`).join(', ');
  return `${freezeMs.toFixed(0)} ms (${where}); in all ${(totalMs / 1000).toFixed(1)} s`;
}

/** Lines for people, each ended. */
export function diskTable({ files, mib, full, empty }: DiskResult): string {
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(40)}${cells.map((cell) => cell.padStart(9)).join('')}\n`;
  const line = (name: string, ms: readonly number[]) => {
    const { median, min, max } = spreadOf(ms);
    return row(
      name,
      [median, min, max].map((figure) => figure.toFixed(0)),
    );
  };
  const part = (name: string, { freezeMs, lastPassMs, totalMs }: DiskFigures) =>
    line(`${name}: frozen`, freezeMs) + line('  last of the disk', lastPassMs) + line(`${name}: in all`, totalMs);
  const head = row('1 MiB/s written, ms', ['median', 'min', 'max']);
  return head + part(`${files} files, ${mib} MiB`, full) + part('empty disk', empty);
}
