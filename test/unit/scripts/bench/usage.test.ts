import assert from 'node:assert/strict';
import { CASES } from '../../../../scripts/lib/bench/cases.js';
import { readUsage } from '../../../../scripts/lib/bench/usage.js';

const usage = (...args: string[]) => {
  const read = readUsage(args);
  assert.ok(read);
  return read;
};
const casesIn = ({ cases }: ReturnType<typeof usage>) => cases.map(({ one, rounds }) => [one.load.mib, rounds]);

describe('what the benchmark is asked for', () => {
  it('is everything, ten times, when nothing is said', () => {
    const { parts, cases, minutes } = usage();
    assert.deepEqual([...parts.values()], [10, 10, 10, 10, 10]);
    assert.equal(cases.length, CASES.length);
    assert.equal(minutes, undefined);
    assert.equal(readUsage(['--help']), undefined);
  });

  it('is less with --quick, and no emulated machine', () => {
    const { parts, cases } = usage('--quick');
    assert.equal(parts.has('freeze'), false);
    assert.deepEqual([...parts.values()], [3, 3, 3, 3]);
    assert.equal(cases.length, 2);
  });

  it('gives a case and a part its own rounds, and the rest of the cases those of all', () => {
    const asked = usage(
      '--case',
      'idle=6',
      '--case',
      '256:0:1=5',
      '--case',
      'all',
      '--part',
      'teleport=2',
      '--part',
      'disk',
    );
    assert.deepEqual(
      [...asked.parts],
      [
        ['teleport', 2],
        ['disk', 10],
      ],
    );
    assert.deepEqual(casesIn(asked).slice(0, 3), [
      [0, 6],
      [256, 5],
      [16, 2],
    ]);
    assert.equal(asked.cases.length, CASES.length);
    assert.deepEqual(casesIn(usage('--case', 'idle', '--rounds', '4')), [[0, 4]]);
    assert.equal(usage('--minutes', '38').minutes, 38);
  });

  it('is refused when it is wrong', () => {
    for (const wrong of [
      ['--part', 'x'],
      ['--case', 'x'],
      ['--rounds', '0'],
      ['--case', 'idle=0'],
      ['--minutes', 'x'],
    ])
      assert.throws(() => readUsage(wrong), Error, wrong.join(' '));
  });
});
