import assert from 'node:assert/strict';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { progressLine } from '../../../src/cli/progress.js';
import { bytesText, jsonText, msText, table } from '../../../src/cli/text.js';
import { MigrationPhase } from '../../../src/gen/cnvm/v1/migration.js';

describe('what people read', () => {
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
    const progress = { phase: MigrationPhase.HAND_OVER, bytesDone: 0n, bytesTotal: 0n, bytesPerSecond: 0n, phaseMs: 3 };
    assert.equal(progressLine(progress, 80), '[>] hand over (3 ms)');
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
