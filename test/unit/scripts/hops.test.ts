import assert from 'node:assert/strict';
import { type Hop, hopFigures, hopTable } from '../../../scripts/lib/hops.js';

const hop = (freezeMs: number, clientGapMs: number): Hop => ({
  from: 'node1',
  to: 'node2',
  freezeMs,
  clientGapMs,
  memoryBytes: 2 ** 20,
  diskBytes: 2 ** 19,
  totalMs: 1_500,
});

describe('the figures of a demo', () => {
  it('are of every hop, with how many there were in a minute', () => {
    const figures = hopFigures([hop(300, 410), hop(100, 200), hop(200, 900)], 9_000);
    assert.deepEqual(figures?.freezeMs, { median: 200, min: 100, p90: 300, p99: 300, max: 300 });
    assert.deepEqual([figures?.clientGapMs.median, figures?.clientGapMs.max], [410, 900]);
    assert.equal(figures?.hopsPerMinute, 20);
  });

  it('are none when there was no hop', () => assert.equal(hopFigures([], 0), undefined));

  it('stand in columns that do not run into each other', () => {
    const hops = [hop(300, 410), hop(100, 200)];
    const figures = hopFigures(hops, 6_000);
    assert.ok(figures !== undefined);
    const lines = hopTable(hops, figures).split('\n');
    assert.match(lines[0] ?? '', /hop +frozen ms +client gap ms +moved +total s$/);
    assert.match(lines[1] ?? '', /node1 -> node2 +300 +410 +1\.5 MiB +1\.50$/);
    assert.equal(lines.length, 5);
    assert.match(lines[4] ?? '', /median 305, least 200, most 410 ms; 20\.0 hops a minute$/);
  });
});
