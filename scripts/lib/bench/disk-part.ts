/**
 * The benchmark's part "disk": the freeze of a cnvm with a full disk beside that of the same one with an empty disk, both of
 * which write all the time. Invariant: it ends with its lab down, whatever happens.
 */
import { once } from 'node:events';
import { type Lab, openLab } from '../lab.js';
import { ratioOfMedians, spreadOf } from './statistics.js';

export interface DiskResult {
  readonly files: number;
  readonly mib: number;
  /** Milliseconds, one figure a round. */
  readonly full: readonly number[];
  readonly empty: readonly number[];
  /** What of the freeze was the disk's. */
  readonly fullLastPass: readonly number[];
  readonly emptyLastPass: readonly number[];
  readonly ratios: { readonly freezeFullDiskVsEmpty: number };
}

/** When it was not measured. */
export const NO_DISK_RATIOS = { freezeFullDiskVsEmpty: null };

interface Size {
  readonly files: number;
  readonly mib: number;
}
const SIZE: Size = { files: 100_000, mib: 2048 };
const QUICK_SIZE: Size = { files: 10_000, mib: 256 };
const FILES_PER_DIRECTORY = 500;
const [FULL, EMPTY] = ['full.gonkulator.io', 'empty.gonkulator.io'] as const;
const ENDS = ['node1', 'node2'] as const;

const fillScript = ({ files, mib }: Size) => `
import os
each = ${Math.floor((mib * 2 ** 20) / files)}
for number in range(${files}):
    place = "/srv/full/%d" % (number // ${FILES_PER_DIRECTORY})
    if number % ${FILES_PER_DIRECTORY} == 0: os.makedirs(place)
    with open("%s/%d" % (place, number), "wb") as file: file.write(os.urandom(each))
`;

/** Some 400 KiB a second, into files old and new. */
const WRITER = `
import os, time
os.makedirs("/srv/written", exist_ok=True)
turn = 0
while True:
    turn += 1
    with open("/srv/written/%d" % (turn % 64), "ab" if turn % 640 >= 64 else "wb") as file: file.write(os.urandom(8192))
    time.sleep(0.02)
`;

/** @param name of a lab of its own, which is down afterwards. @throws when a teleport fails. */
export async function measureDisk(
  name: string,
  { rounds, quick }: { readonly rounds: number; readonly quick: boolean },
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<DiskResult> {
  const lab = openLab(name, true);
  await lab.down();
  const size = quick ? QUICK_SIZE : SIZE;
  try {
    signal.throwIfAborted();
    await lab.up(ENDS.length);
    for (const one of [FULL, EMPTY]) await lab.must(ENDS[0], ['cnvm', 'create', one]);
    say(`disk: ${size.files} files of ${size.mib} MiB in all ...`);
    await lab.must(ENDS[0], ['cnvm', 'exec', FULL, '--', 'python3', '-c', fillScript(size)]);
    for (const one of [FULL, EMPTY]) {
      const start = `setsid python3 -c '${WRITER}' >/dev/null 2>&1 </dev/null & sleep 0.2`;
      await lab.must(ENDS[0], ['cnvm', 'exec', one, '--', 'sh', '-c', start]);
    }
    const found: Record<string, Move[]> = { [FULL]: [], [EMPTY]: [] };
    let [here, there]: [string, string] = [ENDS[0], ENDS[1]];
    // The first of each fills caches, and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      for (const one of [EMPTY, FULL]) {
        signal.throwIfAborted();
        const move = await teleport(lab, one, here, there);
        say(`disk, round ${round}, ${one.split('.')[0]}: frozen ${textOf(move)}`);
        if (round > 0) found[one]?.push(move);
      }
      [here, there] = [there, here];
    }
    return resultOf(size, found[FULL] ?? [], found[EMPTY] ?? []);
  } finally {
    await lab.down();
  }
}

interface Move {
  readonly freezeMs: number;
  readonly lastPassMs: number;
}

const textOf = ({ freezeMs, lastPassMs }: Move) =>
  `${freezeMs.toFixed(0)} ms, of that for the disk ${lastPassMs.toFixed(0)} ms`;

async function teleport(lab: Lab, name: string, here: string, there: string): Promise<Move> {
  // Longer than the lab lets a command take: all of the disk goes.
  const child = lab.start(here, ['teleport', '--json', name, there]);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(child, 'close');
  const lines = said.trim().split('\n');
  const { ended } = JSON.parse(lines.at(-1) ?? '{}') as { ended?: Ended };
  if (ended === undefined) throw new Error(`the teleport of ${name} ended without a word: ${lines.at(-1)}`);
  const lastPass = ended.freezeParts.filter((part) => part.name === 'last of the disk');
  return { freezeMs: ended.freezeMs, lastPassMs: lastPass.reduce((sum, { ms }) => sum + ms, 0) };
}

interface Ended {
  readonly freezeMs: number;
  readonly freezeParts: readonly { readonly name: string; readonly ms: number }[];
}

function resultOf(size: Size, fullMoves: readonly Move[], emptyMoves: readonly Move[]): DiskResult {
  const [full, empty] = [fullMoves, emptyMoves].map((moves) => moves.map(({ freezeMs }) => freezeMs)) as [
    number[],
    number[],
  ];
  return {
    ...{ ...size, full, empty },
    fullLastPass: fullMoves.map(({ lastPassMs }) => lastPassMs),
    emptyLastPass: emptyMoves.map(({ lastPassMs }) => lastPassMs),
    ratios: { freezeFullDiskVsEmpty: ratioOfMedians(full, empty) },
  };
}

/** Lines for people, each ended. */
export function diskTable(result: DiskResult): string {
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(32)}${cells.map((cell) => cell.padStart(9)).join('')}\n`;
  const line = (name: string, figures: readonly number[]) => {
    const { median, min, max } = spreadOf(figures);
    return row(
      name,
      [median, min, max].map((figure) => figure.toFixed(0)),
    );
  };
  return [
    row(`${result.files} files, ${result.mib} MiB, ms`, ['median', 'min', 'max']),
    line('frozen, full disk', result.full),
    line('  last of the disk', result.fullLastPass),
    line('frozen, empty disk', result.empty),
    line('  last of the disk', result.emptyLastPass),
  ].join('');
}
