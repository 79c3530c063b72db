/** A real teleport as a third node sees it. */
import assert from 'node:assert/strict';
import { create, eventually, lab, mustTeleport, NAME } from './support.js';

const OUT = '/tmp/watched.jsonl';

interface Line {
  readonly snapshot?: { readonly node: string; readonly members: readonly object[] };
  readonly event?: {
    readonly type: string;
    readonly cnvm?: { readonly name: string; readonly state: string; readonly owner: string };
    readonly migration?: { readonly phase: string; readonly outcome: string; readonly freezeMs: number };
  };
}

describe('the watch on real nodes', () => {
  beforeEach(async () => {
    await lab.must('node3', ['sh', '-c', `cnvm watch --json >${OUT} 2>&1 & echo $! >${OUT}.pid`]);
    await eventually('a snapshot', async () => (await lines()).length > 0, 60_000);
  });
  afterEach(async () => {
    await lab.must('node3', ['sh', '-c', `kill "$(cat ${OUT}.pid)"; rm -f ${OUT} ${OUT}.pid`]);
  });

  async function lines(): Promise<Line[]> {
    // What is read has lost its last line break: with one more, a whole last line is one.
    const text = await lab.must('node3', ['sh', '-c', `cat ${OUT}; echo`]);
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  }
  const has = (type: string) =>
    eventually(type, async () => (await lines()).some(({ event }) => event?.type === type), 60_000);

  it('tells at a third node of each phase of a teleport, and of its downtime', async () => {
    await create('node1');
    await has('WATCH_EVENT_TYPE_CNVM_CREATED');
    const ended = await mustTeleport('node1', 'node2');
    await has('WATCH_EVENT_TYPE_MIGRATION_ENDED');
    await has('WATCH_EVENT_TYPE_CNVM_MOVED');
    const migrations = (await lines()).flatMap(({ event }) => event?.migration ?? []);
    const phases = new Set(migrations.map(({ phase }) => phase.replace('MIGRATION_PHASE_', '')));
    for (const phase of ['NEGOTIATE', 'SEED', 'FREEZE', 'HAND_OVER', 'ACTIVATE', 'RELEASE'])
      assert.ok(phases.has(phase), phase);
    const last = migrations.at(-1);
    assert.equal(last?.outcome, 'MIGRATION_OUTCOME_SUCCEEDED');
    assert.equal(last?.freezeMs, ended.freezeMs);
    const states = (await lines()).flatMap(({ event }) => (event?.cnvm?.name === NAME ? [event.cnvm.state] : []));
    await eventually('the cnvm as running at node2', async () =>
      (await lines()).some(({ event }) => event?.cnvm?.owner === 'node2' && event.cnvm.state === 'CNVM_STATE_RUNNING'),
    );
    assert.ok(states.includes('CNVM_STATE_FROZEN') || states.includes('CNVM_STATE_ARRIVING'), states.join(' '));
    const top = await lab.must('node1', ['cnvm', 'top', '--once']);
    assert.match(top, new RegExp(`${NAME} +running +node2`));
    assert.match(top, /LATELY\n.*node1 -> node2: succeeded, downtime/);
  });
});
