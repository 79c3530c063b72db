import assert from 'node:assert/strict';
import { CASES, QUICK_CASES } from '../../../../scripts/lib/bench/cases.js';
import type { Load } from '../../../../scripts/lib/bench/load.js';
import { pageOf } from '../../../../scripts/lib/bench/page.js';
import { plotOf } from '../../../../scripts/lib/bench/plot.js';
import { caseResult, caseTable, labRatios, ratioTable } from '../../../../scripts/lib/bench/report.js';

const teleport = (gapMs: number) => ({
  ...{ gapMs, freezeMs: gapMs - 10, totalMs: gapMs * 2, memoryBytes: 2 ** 20, rssMibOverIdle: gapMs / 10 },
  cpuS: { source: 0.5, target: 0.25 },
  freezeParts: [
    { name: 'dump', ms: 40 },
    { name: 'dump', ms: 2 },
  ],
});
const still = (mib: number): Load => ({ mib, dirtyMibPerS: 0, processes: mib === 0 ? 0 : 1 });
const beside = (mib: number) =>
  caseResult(
    still(mib),
    [teleport(90), teleport(100), teleport(130)],
    [{ checkpointMs: 150, restoreMs: 100 }],
    [{ checkpointMs: 100, transferMs: 20, restoreMs: 80 }],
  );
const alone = (load: Load) => caseResult(load, [teleport(100)], [], []);

describe('the report of the benchmark', () => {
  it('has the ratios of the medians, each of its own case, and null for what was not measured', () => {
    assert.deepEqual(labRatios([beside(0)]), {
      ...{ gapVsPodman: 0.4, gapVsShell: 0.5, gapVsPodmanAt256MiB: null, gapVsShellAt256MiB: null },
      daemonRssMiBOverIdle: null,
    });
    const { gapVsPodman, gapVsShellAt256MiB, daemonRssMiBOverIdle } = labRatios([beside(256), beside(1024)]);
    assert.deepEqual([gapVsPodman, gapVsShellAt256MiB, daemonRssMiBOverIdle], [null, 0.5, 13]);
    const dirty = alone({ mib: 1024, dirtyMibPerS: 10, processes: 1 });
    assert.equal(labRatios([dirty]).daemonRssMiBOverIdle, null);
    assert.match(ratioTable({ a: 0.123, b: null }), /^a: 0.12\n$/);
  });

  it('adds up the parts of a freeze that come twice, and tells what each GiB cost', () => {
    const table = caseTable(beside(256));
    assert.match(table, /dump +42 +42/);
    assert.match(table, /shell: all three +200/);
    assert.match(table, /0.50 s at the source \(2.00 s per GiB\), 0.25 s at the target \(1.00 s per GiB\)/);
    assert.doesNotMatch(caseTable(alone(still(0))), /podman|shell|per GiB/);
  });

  it('draws every round once', () => {
    const picture = plotOf([beside(0), alone({ mib: 16, dirtyMibPerS: 1, processes: 20 })]);
    assert.equal(picture.match(/<circle/g)?.length, 3 + 3 + 1 + 1 + 1 + 1);
    assert.match(picture, /16 MiB, 1 MiB\/s dirtied, 20 processes/);
    assert.doesNotMatch(picture, /NaN|undefined|Infinity/);
  });

  it('is a page with every case, and nothing that was not measured', () => {
    const figures = { stream: undefined, overlay: undefined, disk: undefined, freeze: undefined };
    const cases = [beside(0), beside(256), alone({ mib: 16, dirtyMibPerS: 1, processes: 20 })];
    const shown = {
      command: 'scripts/bench',
      machine: '2 cores',
      plot: 'figures.svg',
      cases,
      ratios: { ...labRatios(cases) },
    };
    const page = pageOf({ ...figures, ...shown });
    assert.match(page, /\| 256 MiB, 0 MiB\/s dirtied, 1 process \| 3 \| 100 \(90–130\) \| 130 \|/);
    assert.match(page, /`gapVsShell` \| 0.50 \| at most 0.6/);
    assert.match(page, /\| 16 MiB, 1 MiB\/s dirtied, 20 processes \| 0.06 \| 32.00 \(32.00–32.00\) \|/);
    assert.doesNotMatch(page, /NaN|undefined|null|Infinity|tunnel|daemonRss/);
    const columns = (line: string) => line.split(' | ').length;
    for (const table of page.split('\n\n').filter((text) => text.startsWith('|')))
      assert.equal(new Set(table.trim().split('\n').map(columns)).size, 1, table);
    const disk = { freezeMs: [500, 600], lastPassMs: [100, 120], totalMs: [9000, 9100] };
    const ratios = { freezeFullDiskVsEmpty: 1 };
    const result = { files: 10, mib: 1, full: disk, empty: disk, ratios };
    const other = pageOf({ ...figures, ...shown, cases: [], plot: undefined, machine: '', disk: result, ratios });
    assert.match(other, /\| 10 files, 1 MiB \| 550 \(500–600\) \| 110 \(100–120\) \|/);
    assert.doesNotMatch(other, /NaN|undefined|figures.svg|A teleport/);
  });

  it('is of each case once, and what compares is in both', () => {
    const names = CASES.map(({ load }) => JSON.stringify(load));
    assert.equal(new Set(names).size, names.length);
    for (const { load, beside } of QUICK_CASES)
      assert.ok(beside && names.includes(JSON.stringify(load)), JSON.stringify(load));
  });
});
