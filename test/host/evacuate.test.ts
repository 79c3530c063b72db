import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { openNumberStream, startStreamServer } from '../../scripts/lib/number-stream.js';
import { type CnvmJson, eventually, lab, NODES, waitForSsh, whereIs } from './support.js';

/** As many as the issue is about; few enough for two processors. */
const COUNT = 12;
/** Those that are made at once. */
const AT_ONCE = 3;
/** To take so many away again. */
const CLEAR_MS = 240_000;
const NAMES = Array.from({ length: COUNT }, (_, index) => `evac-${index + 1}`);

interface EventJson {
  readonly event: string;
  readonly moving?: { readonly name: string; readonly target: string };
  readonly summary?: {
    readonly end: string;
    readonly results: readonly { readonly name: string; readonly outcome: string; readonly target: string }[];
  };
}

interface MigrationJson {
  readonly target: string;
  readonly outcome: string;
  readonly phase: string;
}

type Stream = Awaited<ReturnType<typeof openNumberStream>>;

describe('an evacuation', () => {
  let open: Stream[] = [];
  afterEach(async function () {
    this.timeout(CLEAR_MS * lab.slowness);
    for (const stream of open) await stream.close();
    open = [];
    for (const node of NODES) {
      await lab.must(node, ['sv', 'up', 'cnvmd']);
      await eventually(`${node} serves`, async () => (await lab.run(node, ['cnvm', 'uncordon'])).code === 0);
      const here = await lab.json<CnvmJson[]>(node, 'cnvm', 'ls');
      await Promise.all(here.map(({ name }) => lab.must(node, ['cnvm', 'rm', '--force', name])));
    }
  });

  /** A small cnvm, with a connection into it that somebody outside holds. */
  async function ride(name: string): Promise<Stream> {
    const { address } = await lab.json<CnvmJson>('node1', 'cnvm', 'create', name, '--label', 'app=numbers');
    await waitForSsh('node1', address);
    await startStreamServer(lab, 'node1', address);
    return await openNumberStream(lab, 'node1', address);
  }

  /** @param onMove told of each move that begins. */
  async function evacuate(onMove: (move: { name: string; target: string }) => void, ...options: string[]) {
    const child = lab.start('node1', ['cnvm', 'evacuate', '--json', ...options]);
    const closed = once(child, 'close') as Promise<[number]>;
    let last: EventJson | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      last = JSON.parse(line) as EventJson;
      if (last.moving !== undefined) onMove(last.moving);
    }
    const [code] = await closed;
    return { code, summary: last?.summary };
  }

  /** One is at node2, and another one has left for it: whatever of it is there when its daemon dies. */
  async function killOnItsWay(): Promise<void> {
    await eventually('something is on its way to node2', async () => {
      const all = await lab.json<MigrationJson[]>('node1', 'cnvm', 'migrations');
      return all.some(
        ({ target, outcome, phase }) =>
          target === 'node2' && outcome === 'MIGRATION_OUTCOME_RUNNING' && phase !== 'MIGRATION_PHASE_NEGOTIATE',
      );
    });
    await lab.must('node2', ['sv', 'kill', 'cnvmd']);
  }

  it('of twelve cnvms with open connections, a peer’s daemon killed in the middle: it is empty, and no connection is lost', async () => {
    for (let first = 0; first < COUNT; first += AT_ONCE)
      open.push(...(await Promise.all(NAMES.slice(first, first + AT_ONCE).map(ride))));
    let begun = 0;
    let killed: Promise<unknown> = Promise.resolve();
    const { code, summary } = await evacuate(({ target }) => {
      if (target !== 'node2') return;
      begun += 1;
      if (begun === 2) killed = killOnItsWay();
    });
    await killed;
    assert.ok(begun >= 2, `${begun} were sent to node2`);
    assert.equal(code, 0, JSON.stringify(summary));
    assert.equal(summary?.end, 'EVACUATION_END_EMPTY');
    assert.deepEqual(await lab.json<CnvmJson[]>('node1', 'cnvm', 'ls'), []);
    for (const { name, outcome, target } of summary?.results ?? []) {
      assert.equal(outcome, 'EVACUATION_OUTCOME_MOVED', name);
      assert.equal(await whereIs(name), target);
    }
    await Promise.all(open.map((stream) => stream.more(20)));
    assert.deepEqual(
      open.flatMap(({ state }) => state.faults),
      [],
    );
    const no = await lab.run('node1', ['cnvm', 'create', 'new']);
    assert.equal(no.code, 2);
    assert.match(no.stderr, /node1 is cordoned: it is being evacuated/);
    assert.match(await lab.must('node3', ['cnvm', 'nodes']), /node1 .*CORDONED: it is being evacuated/);
  }).timeout(600_000);

  it('that can go nowhere says why, by any node, with exit code 1', async () => {
    await lab.must('node1', ['cnvm', 'create', 'evac-1', '--anti-affinity', 'app=numbers']);
    for (const node of ['node2', 'node3'])
      await lab.must(node, ['cnvm', 'create', `other-${node}`, '--label', 'app=numbers']);
    const plan = await lab.run('node3', ['cnvm', 'evacuate', 'node1', '--dry-run']);
    assert.equal(plan.code, 2);
    assert.match(plan.stdout, /evac-1 stays: evac-1 is not to be beside other-node2, which is on node2; /);
    const { code, stdout } = await lab.run('node2', ['cnvm', 'evacuate', 'node1', '--reason', 'a new kernel']);
    assert.equal(code, 1);
    assert.match(stdout, /node1 is not empty: 1 of 1 stayed; it takes new work again after: cnvm uncordon node1/);
    assert.equal(await whereIs('evac-1'), 'node1');
  });
});
