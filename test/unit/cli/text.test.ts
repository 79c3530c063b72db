import assert from 'node:assert/strict';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { progressLine } from '../../../src/cli/progress.js';
import { ageText, bytesText, jsonText, memoryText, msText, table } from '../../../src/cli/text.js';
import { MemoryMode, MemoryRound, MigrationPhase } from '../../../src/gen/cnvm/v1/migration.js';

const round = (frozen: boolean) => MemoryRound.fromPartial({ frozen });
const noRound = { round: 0, pagesDone: 0n, dirtyBytesPerSecond: 0n, expectedDowntimeMs: 0, leftMs: 0n };

describe('what people read', () => {
  it('for how long', () => {
    assert.deepEqual([0, 90_000, 150_000, 3 * 3_600_000, 5 * 86_400_000].map(ageText), [
      '0 s',
      '90 s',
      '2 min',
      '3 h',
      '5 d',
    ]);
  });
  it('bytes and times', () => {
    assert.deepEqual([0, 1023, 1536, 150 * 2 ** 20].map(bytesText), ['0 B', '1023 B', '1.5 KiB', '150 MiB']);
    assert.deepEqual([0, 83.4, 1500, 125_000].map(msText), ['0 ms', '83 ms', '1.5 s', '2 min 5 s']);
  });
  it('tables line up', () =>
    assert.equal(
      table(
        ['A', 'B'],
        [
          ['long', 'x'],
          ['s', ''],
        ],
      ),
      'A     B\nlong  x\ns\n',
    ));
  it('counts are numbers in JSON', () => assert.equal(jsonText({ bytes: 5n }), '{"bytes":5}'));

  it('progress fits every terminal', () => {
    const progress = {
      ...noRound,
      leftMs: 4000n,
      phase: MigrationPhase.SEED,
      bytesDone: 2n ** 29n,
      bytesTotal: 2n ** 30n,
      bytesPerSecond: 2n ** 27n,
      phaseMs: 4000,
    };
    const line = progressLine(progress, 200);
    assert.match(
      line,
      /copy the disk while it runs \(4.0 s\) \[#{12}\.{12}\] 50% 512 MiB of 1.0 GiB, 128 MiB\/s, 4.0 s left/,
    );
    for (const width of [1, 10, 40, 80]) assert.ok(progressLine(progress, width).length < Math.max(width, 1));
  });

  it('progress without a total claims none', () => {
    const nothing = { ...noRound, bytesDone: 0n, bytesTotal: 0n, bytesPerSecond: 0n };
    const progress = { ...nothing, phase: MigrationPhase.HAND_OVER, phaseMs: 3 };
    assert.equal(progressLine(progress, 80), '[>] hand over (3 ms)');
  });
});

describe('the memory’s way', () => {
  it('is told with its round, what is written meanwhile, and the downtime that is expected', () => {
    const progress = {
      ...{ phase: MigrationPhase.PRECOPY, bytesDone: 2n ** 20n, bytesTotal: 2n ** 21n, bytesPerSecond: 2n ** 20n },
      ...{ phaseMs: 2000, round: 2, pagesDone: 256n, dirtyBytesPerSecond: 3n * 2n ** 20n, leftMs: 1000n },
      expectedDowntimeMs: 420,
    };
    assert.match(
      progressLine(progress, 200),
      /while it runs, round 2, written at 3.0 MiB\/s, downtime 420 ms \(2.0 s\) .* 1.0 s left/,
    );
  });

  it('is a word', () => {
    assert.equal(memoryText(MemoryMode.UNSPECIFIED), '-');
    assert.equal(memoryText(MemoryMode.STOP_COPY, [round(true)]), 'stop-copy');
    assert.equal(memoryText(MemoryMode.PRE_COPY, [round(false), round(true)]), 'pre-copy in 1 round');
    assert.equal(
      memoryText(MemoryMode.PRE_COPY, [round(false), round(false), round(false), round(true)]),
      'pre-copy in 3 rounds',
    );
  });
});

describe('exit codes', () => {
  it('say where the cnvm is', () => {
    const codes = (['refused', 'aborted', 'tool', 'stranded', 'in-doubt'] as const).map((code) =>
      exitCodeOf(code, true),
    );
    assert.deepEqual(codes, [2, 1, 1, 3, 3]);
    assert.equal(exitCodeOf('refused', false), 4);
  });
});
