import assert from 'node:assert/strict';
import fc from 'fast-check';
import { applied } from '../../../src/cli/follow-mesh.js';
import { shared, topScreen, topText } from '../../../src/cli/top-text.js';
import { eventText, type Mesh, standingText } from '../../../src/cli/watch-text.js';
import { CnvmState } from '../../../src/gen/cnvm/v1/cnvm.js';
import { MemoryMode, MigrationMode, MigrationOutcome, MigrationPhase } from '../../../src/gen/cnvm/v1/migration.js';
import { NodeState } from '../../../src/gen/cnvm/v1/node.js';
import { WatchEventType, type WatchedCnvm, type WatchedMigration } from '../../../src/gen/cnvm/v1/watch.js';

const NOW = new Date('2026-01-01T12:00:10Z');
const member = (name: string, state: NodeState, self = false) => ({
  ...{ name, state, self, endpoint: `${name}:7443`, overlayAddress: '10.100.0.1', version: '0.1.0', cpus: 2 },
  ...{ loadCenti: 150, memoryTotalBytes: 2n ** 33n, memoryAvailableBytes: 2n ** 32n, cordoned: !self },
});
const cnvm: WatchedCnvm = {
  ...{ name: 'web', address: '10.100.101.111', owner: 'node1', epoch: 3n, state: CnvmState.RUNNING },
  ...{ image: 'base@sha256:aa', conflict: '' },
};
const migration: WatchedMigration = {
  ...{ id: 'm', name: 'web', source: 'node1', target: 'node2', mode: MigrationMode.HOT, error: '' },
  ...{ memoryMode: MemoryMode.PRE_COPY, outcome: MigrationOutcome.RUNNING, phase: MigrationPhase.PRECOPY, phases: [] },
  ...{ startTime: new Date('2026-01-01T12:00:00Z'), endTime: undefined, freezeMs: 0, totalMs: 0 },
  ...{ memoryBytes: 2n ** 20n, diskBytes: 0n },
  progress: {
    ...{ phase: MigrationPhase.PRECOPY, bytesDone: 2n ** 20n, bytesTotal: 2n ** 21n, bytesPerSecond: 1024n },
    ...{ phaseMs: 5, round: 2, pagesDone: 1n, dirtyBytesPerSecond: 0n, expectedDowntimeMs: 80, leftMs: 0n },
  },
};
const mesh: Mesh = {
  node: 'node1',
  members: [member('node2', NodeState.SUSPECT), member('node1', NodeState.ALIVE, true)],
  cnvms: [
    cnvm,
    { ...cnvm, name: 'db', owner: 'node2', state: CnvmState.STOPPED, conflict: 'node1 and node2 claim it' },
  ],
  migrations: [
    migration,
    {
      ...migration,
      id: 'old',
      outcome: MigrationOutcome.SUCCEEDED,
      endTime: NOW,
      freezeMs: 205,
      totalMs: 1_000,
      progress: undefined,
    },
  ],
};

describe('cnvm top', () => {
  it('has the nodes, the cnvms, what moves with its figures, and what has moved with its downtime', () => {
    const text = topText(mesh, NOW);
    assert.match(text, /^cnvm top at node1, 2026-01-01 12:00:10 UTC: 2 nodes, 2 cnvms, 1 migrations\n/);
    assert.match(text, /node1 \* +alive +1 +1\.50 +2 +4\.0 GiB of 8\.0 GiB/);
    assert.match(text, /node2 +suspect, cordoned +1 /);
    assert.match(text, /db +stopped +node2 .*\(!\) node1 and node2 claim it/);
    assert.match(
      text,
      /web: node1 -> node2, copy the memory while it runs, 10\.0 s\n {2}\[#{12}\.{12}\] 1\.0 MiB of 2\.0 MiB/,
    );
    assert.match(text, /1\.0 KiB\/s, round 2, downtime 80 ms/);
    assert.match(text, /LATELY\n12:00:10 {2}web node1 -> node2: succeeded, downtime 205 ms/);
  });

  it('fits the terminal, whatever its size and however much there is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 0, max: 100 }),
        (rows, columns, count) => {
          const cnvms = Array.from({ length: count }, (_, at) => ({ ...cnvm, name: `cnvm-${at}` }));
          const lines = topScreen({ ...mesh, cnvms }, NOW, { rows, columns });
          assert.ok(lines.length <= rows, `${lines.length} lines on ${rows}`);
          for (const line of lines) assert.ok(line.length < columns || line === '', line);
        },
      ),
    );
  });

  it('says how much it left out', () => {
    const cnvms = Array.from({ length: 50 }, (_, at) => ({ ...cnvm, name: `cnvm-${at}` }));
    const lines = topScreen({ ...mesh, cnvms }, NOW, { rows: 24, columns: 80 });
    assert.equal(lines.length, 24);
    assert.ok(lines.some((line) => /^\.\.\. \d+ more$/.test(line)));
    assert.ok(
      lines.some((line) => line.startsWith('web: node1 -> node2')),
      'what moves stays',
    );
  });

  it('takes rows from the longest part first', () => {
    assert.deepEqual(shared([1, 4, 30, 2], 20), [1, 4, 13, 2]);
    assert.deepEqual(shared([1, 4], 20), [1, 4]);
    assert.deepEqual(shared([3, 3], 0), [0, 0]);
  });
});

describe('what happens, in words', () => {
  const time = new Date('2026-01-01T12:00:00Z');
  const said = (type: WatchEventType, subject: Parameters<typeof eventText>[0]['subject'], from = '') =>
    eventText({ time, type, subject, from })?.replace(/^\d\d:\d\d:\d\d {2}\w+ +/, '');

  it('is a line for what people want to know, and none for the rest', () => {
    const web = { $case: 'cnvm', value: cnvm } as const;
    const node = { $case: 'member', value: member('node2', NodeState.DEAD) } as const;
    const move = {
      $case: 'migration',
      value: { ...migration, outcome: MigrationOutcome.ABORTED, error: 'no room' },
    } as const;
    assert.equal(said(WatchEventType.CNVM_MOVED, web, 'node9'), 'web moved from node9 to node1, epoch 3');
    assert.equal(said(WatchEventType.CNVM_STARTED, web), 'web started on node1');
    assert.equal(said(WatchEventType.MEMBER_DEAD, node), 'node2 dead');
    assert.equal(said(WatchEventType.MEMBER_CHANGED, node), undefined);
    assert.equal(said(WatchEventType.MIGRATION_PROGRESS, move), undefined);
    assert.equal(said(WatchEventType.MIGRATION_ENDED, move), 'web node1 -> node2: aborted: no room');
    assert.equal(said(WatchEventType.UNSPECIFIED, undefined), undefined, 'from a newer daemon');
  });

  it('begins with how it stands', () => {
    const text = standingText(mesh);
    assert.match(text, /^seen from node1: 2 nodes \(1 suspect, 1 alive\), 2 cnvms, 1 migrations under way\n/);
    assert.match(text, / {2}web on node1, running\n/);
    assert.match(text, / {2}web node1 -> node2: copy the memory while it runs\n/);
  });

  it('applied to how it stood is how it stands', () => {
    const at = { time, from: '' };
    const moved = { ...cnvm, owner: 'node2' };
    const next = applied(mesh, { ...at, type: WatchEventType.CNVM_MOVED, subject: { $case: 'cnvm', value: moved } });
    assert.deepEqual(next.cnvms[0], moved);
    assert.equal(next.cnvms.length, 2);
    const less = applied(next, { ...at, type: WatchEventType.CNVM_REMOVED, subject: { $case: 'cnvm', value: moved } });
    assert.deepEqual(
      less.cnvms.map(({ name }) => name),
      ['db'],
    );
  });
});
