/** The matrix: a failure before and after every step, on either side, and the promised node runs it. */
import assert from 'node:assert/strict';
import type { MeshNode, MeshOfDaemons } from './mesh-of-daemons.js';
import type { Moment, Step } from './plan.js';
import { assertAtRest, ownName, testMesh } from './support.js';

interface Row {
  readonly mode: 'hot' | 'cold';
  readonly at: 'node1' | 'node2';
  readonly step: Step;
  readonly moments?: readonly Moment[];
  /** The visit that fails; a step of both passes is visited twice. */
  readonly from?: number;
  readonly times?: number;
  /** The source's kernel does not tell which pages change: there are no rounds. */
  readonly roundless?: boolean;
  /** Runs at the source as before; came back after the hand-over; runs at the target all the same. */
  readonly end: 'kept' | 'returned' | 'moved';
}

const BOTH: readonly Moment[] = ['before', 'after'];
const BEFORE: readonly Moment[] = ['before'];

const ROWS: readonly Row[] = [
  { mode: 'hot', at: 'node2', step: 'machine.expect', end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'bulk.serveDisk', moments: BEFORE, end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'bulk.pullDisk', end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'bulk.openImages', end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'bulk.openImages', moments: BEFORE, end: 'moved' },
  { mode: 'hot', at: 'node2', step: 'bulk.openImages', roundless: true, end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'machine.cpuMs', end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'bulk.openRound', end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'bulk.openRound', end: 'moved' },
  { mode: 'hot', at: 'node2', step: 'bulk.openRound', from: 2, end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'machine.preDump', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'machine.preDump', times: 2, end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'preDump.taken', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'preDump.taken', times: 2, end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'machine.freeze', end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'machine.dump', end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'dump.held', end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'bulk.takePages', end: 'moved' },
  { mode: 'hot', at: 'node2', step: 'bulk.takePages', from: 2, end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'bulk.takePages', roundless: true, end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'bulk.serveDisk', from: 2, moments: BEFORE, end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'bulk.pullDisk', from: 2, end: 'kept' },
  { mode: 'hot', at: 'node1', step: 'bulk.watchDisk', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'bulk.changes', end: 'moved' },
  { mode: 'hot', at: 'node2', step: 'machine.assemble', end: 'kept' },
  { mode: 'hot', at: 'node2', step: 'machine.restore', times: 2, end: 'returned' },
  { mode: 'hot', at: 'node2', step: 'machine.restore', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'overlay.unwire', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'overlay.setBehind', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'dump.commit', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'machine.destroy', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'machine.erase', end: 'moved' },
  { mode: 'hot', at: 'node1', step: 'bulk.sweep', end: 'moved' },
  { mode: 'hot', at: 'node2', step: 'bulk.sweep', end: 'moved' },
  { mode: 'cold', at: 'node2', step: 'machine.expect', end: 'kept' },
  { mode: 'cold', at: 'node2', step: 'bulk.pullDisk', end: 'kept' },
  { mode: 'cold', at: 'node1', step: 'machine.halt', end: 'kept' },
  { mode: 'cold', at: 'node1', step: 'bulk.serveDisk', from: 2, moments: BEFORE, end: 'kept' },
  { mode: 'cold', at: 'node2', step: 'bulk.pullDisk', from: 2, end: 'kept' },
  { mode: 'cold', at: 'node2', step: 'machine.assemble', end: 'kept' },
  { mode: 'cold', at: 'node2', step: 'machine.boot', end: 'returned' },
  { mode: 'cold', at: 'node1', step: 'machine.destroy', end: 'moved' },
  { mode: 'cold', at: 'node1', step: 'machine.erase', end: 'moved' },
  { mode: 'cold', at: 'node1', step: 'bulk.sweep', end: 'moved' },
  { mode: 'cold', at: 'node2', step: 'bulk.sweep', end: 'moved' },
];

describe('a step that fails', () => {
  const mesh = testMesh(['node1', 'node2'], 'all');
  const name = ownName(mesh);

  for (const row of ROWS) {
    for (const moment of row.moments ?? BOTH) {
      const { mode, at, step, from = 1, times = 1, end } = row;
      const which = `${row.roundless ? ', without rounds' : ''}${from > 1 ? `, visit ${from}` : ''}${times > 1 ? `, ${times} times` : ''}`;
      it(`${mode}, ${moment} ${step} on ${at}${which}: ${end}, and then it goes`, async () => {
        await inOneMesh(mesh(), name(), row, moment);
      });
    }
  }
});

async function inOneMesh(mesh: MeshOfDaemons, name: string, row: Row, moment: Moment): Promise<void> {
  const [node1, node2] = [mesh.node('node1'), mesh.node('node2')];
  const { plan } = mesh.node(row.at).host;
  for (const { host } of mesh.nodes) {
    host.track(row.roundless !== true);
    // The last pass of the disk has something to do.
    host.writeLogs();
  }
  await node1.create(name);
  node1.host.remember(name, 'mine', 'kept');
  node1.host.write(name, '/root/diary', 'monday');
  const { from = 1, times = 1 } = row;
  plan.fail(row.step, moment, { from, times });
  const ended = await node1.teleport(name, 'node2', row.mode);
  assert.deepEqual(plan.unmet(), [], 'the failure did not happen');
  plan.clear();
  if (row.end === 'moved') {
    assert.equal(ended.outcome, 'succeeded', ended.error);
    if (row.mode === 'hot') assert.equal(node2.host.recall(name, 'mine'), 'kept');
    await checkMoved(mesh, name, row);
    await moves(node2, node1, name);
  } else {
    assert.equal(ended.outcome, 'aborted', ended.error);
    assert.equal(ended.location, 'node1');
    assert.match(ended.error, /runs on node1 as before$/);
    await assertAtRest(mesh, name, 'node1', row.end === 'returned' ? 3 : 1);
    if (row.mode === 'hot') assert.equal(node1.host.recall(name, 'mine'), 'kept');
    await moves(node1, node2, name);
  }
}

/** Nothing that goes wrong after it runs there counts; what could not be cleared goes when the daemon starts anew. */
async function checkMoved(mesh: MeshOfDaemons, name: string, row: Row): Promise<void> {
  const [_node1, node2] = [mesh.node('node1'), mesh.node('node2')];
  assert.equal(node2.host.stateOf(name), 'running');
  const node = mesh.node(row.at);
  await node.stop();
  await node.begin();
  await Promise.all(mesh.nodes.map((one) => one.hearsAll()));
  await assertAtRest(mesh, name, 'node2', 2);
}

async function moves(from: MeshNode, to: MeshNode, name: string): Promise<void> {
  const mine = from.host.recall(name, 'mine');
  const ended = await from.teleport(name, to.name, 'hot');
  assert.equal(ended.outcome, 'succeeded', ended.error);
  assert.equal(to.host.stateOf(name), 'running');
  assert.equal(to.host.recall(name, 'mine'), mine);
  assert.equal(to.host.filesOf(name)?.['/root/diary'], 'monday');
}
