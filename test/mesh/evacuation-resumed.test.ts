/** An evacuation whose daemon ends in the middle, and one that cannot hear what came of a cnvm. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { followEvacuation } from '../../src/cli/follow-evacuation.js';
import type { EvacuationEvent } from '../../src/gen/cnvm/v1/evacuation.js';
import { assertAtRest, eventually, NAME, testMesh } from './support.js';

const names = (count: number) => Array.from({ length: count }, (_, index) => `cnvm-${index + 10}`);

/** Machines that have much else to do, and 30 s until a silent target is in doubt. */
const LONG_MS = 120_000;
/** A target whose source has died keeps the images of what it runs until it is told, or for a minute. */
const SETTLED_MS = 80_000;
const AGAIN = { againMs: 100, silentMsMax: 60_000 };

describe('an evacuation that is cut short', function () {
  this.timeout(LONG_MS);
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const node = (name: string) => mesh().node(name);
  const intentOf = (name: string) => join(node(name).stateDir, 'evacuation.json');

  async function createAll(all: readonly string[]): Promise<void> {
    for (const name of all) {
      await node('node1').create(name);
      node('node1').host.remember(name, 'mine', name);
    }
  }

  /** Each is at one peer, by one move, with all that it remembers. */
  async function assertAllMoved(all: readonly string[]): Promise<void> {
    for (const name of all) {
      const owner = ['node2', 'node3'].find((peer) => node(peer).host.stateOf(name) === 'running') ?? 'nobody';
      // What was cut short is settled with its target beside the rest.
      const atRest = () => assertAtRest(mesh(), name, owner, 2);
      await eventually(
        'it to be at rest',
        () =>
          atRest().then(
            () => true,
            () => false,
          ),
        SETTLED_MS,
      ).catch(() => undefined);
      await atRest();
      assert.equal(node(owner).host.recall(name, 'mine'), name);
    }
  }

  it('by the death of its daemon goes on with the next one, and so does who follows it', async () => {
    const all = names(6);
    await createAll(all);
    const { plan } = node('node1').host;
    // One has gone by then, one is being moved.
    const dead = new Promise<void>((resolve) => {
      const die = () => {
        node('node1').crash();
        resolve();
        return new Promise<never>(() => undefined);
      };
      plan.at('dump.commit', 'before', die, { from: 2 });
    });
    const events: NonNullable<EvacuationEvent['event']>[] = [];
    const said: string[] = [];
    const show = ({ event }: EvacuationEvent) => void (event === undefined || events.push(event));
    const request = { node: 'node1', to: [], parallel: 2, deadlineMs: 90_000, dryRun: false, reason: 'a new kernel' };
    const following = node('node3').ask((at) =>
      followEvacuation(at, { ...request, followOnly: false }, { show, say: (line) => void said.push(line) }, AGAIN),
    );
    await dead;
    await eventually('its caller has seen that', () => said.length > 0, 30_000);
    await node('node1').begin();
    assert.equal(await following, 0, JSON.stringify(said));
    const last = events.at(-1);
    assert.ok(last?.$case === 'summary');
    assert.match(said.join(), /when it is back the evacuation goes on/);
    const steps = events.flatMap((event) => (event.$case === 'step' ? [event.value] : []));
    assert.match(steps.join('\n'), /goes on where the daemon before was ended; local .* asked for it/);
    const begun = events.flatMap((event) => (event.$case === 'started' ? [event.value.deadlineMs] : []));
    assert.equal(begun[0], 90_000);
    assert.ok((begun[1] ?? 90_000) < 90_000, 'it has no more time than it had');
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    await assertAllMoved(all);
    assert.equal(existsSync(intentOf('node1')), false);
    assert.match(await node('node1').cordonWords(), /^a new kernel \(by local/);
    const acts = readFileSync(join(node('node1').stateDir, 'audit.log'), 'utf8');
    assert.match(acts, /"act":"resume-evacuation"/);
  });

  it('by the death of its daemon in the moment of a hand-over moves nothing twice', async () => {
    const all = names(4);
    await createAll(all);
    const dead = new Promise<void>((resolve) => {
      const die = () => {
        node('node1').crash();
        resolve();
      };
      node('node2').host.plan.at('machine.restore', 'before', die);
    });
    void node('node3')
      .evacuate({ node: 'node1', to: ['node2'] })
      .catch(() => undefined);
    await dead;
    await node('node1').begin();
    const { end } = await node('node3').evacuate({ node: 'node1', followOnly: true });
    assert.equal(end, 'empty');
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    for (const name of all) await assertAtRest(mesh(), name, 'node2', 2);
  });

  it('by an orderly end of its daemon goes on, too', async () => {
    const all = names(3);
    await createAll(all);
    const { reached, goOn } = node('node2').host.plan.hold('machine.assemble');
    const first = node('node1').evacuate({ to: ['node2'], parallel: 1, deadlineMs: 90_000 });
    await reached;
    const stopping = node('node1').stop();
    goOn();
    const { end, steps } = await first;
    assert.equal(end, 'stopped');
    assert.match(steps.join('\n'), /the next daemon goes on with it/);
    await stopping;
    await node('node1').begin();
    await eventually('it is empty', () => !existsSync(intentOf('node1')), 60_000);
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    for (const name of all) await assertAtRest(mesh(), name, 'node2', 2);
  });

  it('does not go on when its time is up meanwhile', async () => {
    await node('node1').create(NAME);
    await node('node1').cordon('', 'smoke');
    await node('node1').stop();
    const since = new Date(Date.now() - 60_000).toISOString();
    const intent = { to: [], parallel: 2, deadlineMs: 59_000, reason: 'smoke', by: 'ann', since };
    writeFileSync(intentOf('node1'), JSON.stringify(intent));
    await node('node1').begin();
    await assert.rejects(node('node1').evacuate({ followOnly: true }), /node1 is not being evacuated, or not any more/);
    assert.equal(existsSync(intentOf('node1')), false);
    await assertAtRest(mesh(), NAME, 'node1', 1);
    assert.match(await node('node1').cordonWords(), /^smoke/);
  });

  it('ends when its machine is up again that it was for, and the cordon with it', async () => {
    const all = names(2);
    await createAll(all);
    const first = node('node2').host.plan.hold('machine.assemble');
    void node('node3')
      .evacuate({ node: 'node1', to: ['node2'], parallel: 1, reason: 'its machine goes down' })
      .catch(() => undefined);
    await first.reached;
    node('node1').crash();
    first.goOn();
    const again = node('node2').host.plan.hold('machine.assemble');
    await node('node1').begin();
    await again.reached;
    const lifting = node('node1').uncordon('', 'its machine goes down');
    again.goOn();
    assert.equal(await lifting, true);
    assert.equal(existsSync(intentOf('node1')), false);
    const { end } = await node('node1').evacuate();
    assert.equal(end, 'empty');
  });
});

describe('a cnvm that is in doubt when a node is emptied', function () {
  this.timeout(LONG_MS);
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const node = (name: string) => mesh().node(name);

  it('is told as such, and is moved by nobody else', async () => {
    await node('node1').create('other');
    await node('node1').create(NAME, { labels: { at: 'node2' } });
    const { reached, goOn } = node('node2').host.plan.hold('machine.restore');
    const leaving = node('node1').evacuate({ to: ['node2'], parallel: 1, deadlineMs: 5_000 });
    await reached;
    // Its target takes it, and cannot say so.
    mesh().cut('node1', 'node2');
    goOn();
    const { end, results, summary } = await leaving;
    assert.equal(end, 'deadline');
    const doubtful = summary.results.find(({ target }) => target === 'node2');
    assert.equal(results[doubtful?.name ?? ''], 'in-doubt node2', JSON.stringify(results));
    const name = doubtful?.name ?? '';
    assert.equal(node('node1').host.stateOf(name), 'frozen');
    assert.equal(node('node2').host.stateOf(name), 'running');
    mesh().heal('node1', 'node2');
    await eventually('its target is heard', async () => (await node('node1').doubts()).length === 0, 60_000);
    await assertAtRest(mesh(), name, 'node2', 2);
  });

  it('from before is told as such, too, and has gone when its target says so', async () => {
    await node('node1').create(NAME);
    const restore = node('node2').host.plan.hold('machine.restore');
    void node('node1')
      .teleport(NAME, 'node2')
      .catch(() => undefined);
    await restore.reached;
    node('node1').crash();
    node('node2').crash();
    await node('node1').begin();
    const early = await node('node1').evacuate({ deadlineMs: 300 });
    assert.deepEqual([early.end, early.results], ['deadline', { [NAME]: 'in-doubt node2' }]);
    await node('node1').uncordon();
    const late = node('node1').evacuate({ deadlineMs: 60_000 });
    await node('node2').begin();
    // The hand-over was never finished there: it comes back, and is moved on, once.
    assert.equal((await late).end, 'empty');
    const owner = ['node2', 'node3'].find((peer) => node(peer).host.stateOf(NAME) === 'running') ?? 'nobody';
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    await assertAtRest(mesh(), NAME, owner, 4);
  });
});
