/** A node that empties itself: where its cnvms go, what is tried again, and what keeps new work away meanwhile. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EvacuationEvent } from '../../src/gen/cnvm/v1/evacuation.js';
import { createPeerClient } from '../../src/rpc/peer-client.js';
import { fixedTrust } from '../../src/rpc/trust.js';
import { assertAtRest, eventually, NAME, ownerBy, testMesh } from './support.js';

const names = (count: number) => Array.from({ length: count }, (_, index) => `cnvm-${index + 10}`);

/** Machines that have much else to do. */
const LONG_MS = 90_000;

describe('an evacuation', function () {
  this.timeout(LONG_MS);
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const node = (name: string) => mesh().node(name);

  it('of twelve cnvms spreads them over both peers, two at a time, with all that they remember', async () => {
    const all = names(12);
    for (const name of all) {
      await node('node1').create(name);
      node('node1').host.remember(name, 'mine', name);
    }
    const moving = new Set<string>();
    let most = 0;
    const count = (event: EvacuationEvent['event']) => {
      if (event?.$case === 'moving') moving.add(event.value.name);
      if (event?.$case === 'result') moving.delete(event.value.name);
      most = Math.max(most, moving.size);
    };
    // Any node can be asked.
    const { end, results } = await node('node3').evacuate({ node: 'node1', onEvent: count });
    assert.equal(end, 'empty', JSON.stringify(results));
    assert.equal(most, 2);
    const at = (peer: string) => all.filter((name) => results[name] === `moved ${peer}`);
    assert.deepEqual([at('node2').length, at('node3').length], [6, 6]);
    for (const peer of ['node2', 'node3'])
      for (const name of at(peer)) {
        await assertAtRest(mesh(), name, peer, 2);
        assert.equal(node(peer).host.recall(name, 'mine'), name);
      }
  });

  it('moves what is stopped as it is, and what runs with its labels', async () => {
    await node('node1').create('stopped', { start: false });
    const wishes = { labels: { tier: 'web' }, affinity: ['tier=db'], antiAffinity: ['tier=web'] };
    await node('node1').create('runs', wishes);
    const { end, results } = await node('node1').evacuate({ to: ['node2'] });
    assert.deepEqual([end, results], ['empty', { runs: 'moved node2', stopped: 'moved node2' }]);
    await assertAtRest(mesh(), 'stopped', 'node2', 2, 'stopped');
    const { labels, affinity, antiAffinity } = (await node('node3').inspect('runs')) ?? {};
    assert.deepEqual({ labels, affinity, antiAffinity }, wishes);
  });

  it('keeps those apart that are not to be together, and says so of the one too many', async () => {
    for (const name of names(3)) await node('node1').create(name, { labels: { app: 'db' }, antiAffinity: ['app=db'] });
    const { end, results, summary } = await node('node1').evacuate();
    assert.equal(end, 'stayed');
    assert.deepEqual(Object.values(results).sort(), ['moved node2', 'moved node3', 'stayed']);
    const stayed = summary.results.find(({ target }) => target === '');
    assert.match(stayed?.reasons.join('; ') ?? '', /is not to be beside cnvm-\d+, which is on node2/);
    assert.match(stayed?.reasons.join('; ') ?? '', /which is on node3/);
  });

  it('rather sends one to where its company is', async () => {
    await node('node3').create('company', { labels: { app: 'db' } });
    await node('node1').create(NAME, { affinity: ['app=db'] });
    assert.deepEqual((await node('node1').evacuate()).results, { [NAME]: 'moved node3' });
  });

  it('tries elsewhere what a target refuses when it is offered', async () => {
    node('node2').host.busyPorts.add('8080/tcp');
    await node('node1').create(NAME, { ports: [{ nodePort: 8080, cnvmPort: 80, protocol: 'tcp' }] });
    const { end, results, steps } = await node('node1').evacuate();
    assert.deepEqual([end, results], ['empty', { [NAME]: 'moved node3' }]);
    assert.match(steps.join('\n'), /not to node2: .*node2 listens on its port 8080\/tcp/);
    await assertAtRest(mesh(), NAME, 'node3', 2);
  });

  it('tries elsewhere what breaks on its way, and it runs on meanwhile', async () => {
    await node('node1').create(NAME);
    node('node1').host.remember(NAME, 'mine', 'kept');
    node('node2').host.plan.fail('machine.assemble', 'before', { times: 9 });
    const { end, results, summary } = await node('node1').evacuate();
    assert.deepEqual([end, results], ['empty', { [NAME]: 'moved node3' }]);
    assert.equal(summary.results[0]?.tries, 2);
    assert.match(summary.results[0]?.reasons.join() ?? '', /machine.assemble is broken; .* runs on node1 as before/);
    assert.equal(node('node3').host.recall(NAME, 'mine'), 'kept');
  });

  it('ends with what can go nowhere, and every reason', async () => {
    await node('node1').create(NAME);
    for (const peer of ['node2', 'node3']) {
      await node(peer).cordon('', `${peer} is full of dust`);
      await assert.rejects(node(peer).create('other'), /full of dust/);
    }
    const { end, results, summary } = await node('node1').evacuate();
    assert.deepEqual([end, results], ['stayed', { [NAME]: 'stayed' }]);
    const why = summary.results[0]?.reasons.join('; ') ?? '';
    for (const peer of ['node2', 'node3'])
      assert.match(why, new RegExp(`${peer} is cordoned: ${peer} is full of dust`));
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('goes on with the others when a peer dies in the middle', async () => {
    const all = names(6);
    for (const name of all) {
      await node('node1').create(name);
      node('node1').host.remember(name, 'mine', name);
    }
    node('node2').host.plan.at(
      'machine.assemble',
      'before',
      () => {
        node('node2').crash();
        return new Promise<never>(() => undefined);
      },
      { from: 2 },
    );
    const { end, results } = await node('node1').evacuate();
    assert.equal(end, 'empty', JSON.stringify(results));
    assert.deepEqual(node('node2').host.plan.unmet(), []);
    assert.ok(Object.values(results).filter((word) => word === 'moved node3').length >= 4, JSON.stringify(results));
    await node('node2').begin();
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    for (const name of all) {
      const [, owner = ''] = (results[name] ?? '').split(' ');
      await assertAtRest(mesh(), name, owner, 2);
      assert.equal(node(owner).host.recall(name, 'mine'), name);
    }
  });

  it('of two nodes at once bounces nothing between them', async () => {
    const [first, second] = [names(4), names(4).map((name) => `other-${name}`)];
    for (const name of first) await node('node1').create(name);
    for (const name of second) await node('node2').create(name);
    const both = await Promise.all([node('node1').evacuate(), node('node2').evacuate()]);
    assert.deepEqual(
      both.map(({ end }) => end),
      ['empty', 'empty'],
    );
    for (const name of [...first, ...second]) await assertAtRest(mesh(), name, 'node3', 2);
  });

  it('of one to which another is on its way waits for that, and moves it on', async () => {
    await node('node2').create(NAME);
    const { reached, goOn } = node('node1').host.plan.hold('machine.restore');
    const coming = node('node2').teleport(NAME, 'node1');
    await reached;
    const leaving = node('node1').evacuate({ to: ['node3'] });
    await eventually('it is cordoned', async () => (await node('node1').cordonWords()) !== '');
    goOn();
    assert.equal((await coming).outcome, 'succeeded');
    assert.deepEqual((await leaving).results, { [NAME]: 'moved node3' });
    await assertAtRest(mesh(), NAME, 'node3', 3);
  });

  it('holds to the limit of arrivals of its target, whoever sends', async () => {
    await node('node3').stop();
    await node('node3').begin([], {}, { arrivals: 1 });
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    for (const name of names(3)) await node('node1').create(name);
    for (const name of names(3)) await node('node2').create(`other-${name}`);
    let most = 0;
    const count = () => {
      const open = node('node3')
        .journal()
        .filter(({ role, settled }) => role === 'target' && !settled).length;
      most = Math.max(most, open);
    };
    node('node3').host.plan.at('machine.assemble', 'before', count, { times: 99 });
    const both = await Promise.all([
      node('node1').evacuate({ to: ['node3'] }),
      node('node2').evacuate({ to: ['node3'] }),
    ]);
    assert.deepEqual(
      both.map(({ end }) => end),
      ['empty', 'empty'],
    );
    assert.equal(most, 1);
    node('node3').host.plan.clear();
  });

  it('as a dry run changes nothing, and says what each target would refuse', async () => {
    node('node2').host.busyPorts.add('8080/tcp');
    node('node3').host.busyPorts.add('8080/tcp');
    await node('node1').create('goes');
    await node('node1').create('stays', { ports: [{ nodePort: 8080, cnvmPort: 80, protocol: 'tcp' }] });
    const { end, results, summary } = await node('node2').evacuate({ node: 'node1', dryRun: true });
    assert.equal(end, 'stayed');
    assert.deepEqual(results, { goes: 'would-move node2', stays: 'stayed' });
    const why = summary.results.find(({ name }) => name === 'stays')?.reasons.join('; ') ?? '';
    assert.match(why, /of node2 listens on its port 8080\/tcp; .*of node3 listens on its port 8080\/tcp/);
    assert.equal(await node('node1').cordonWords(), '');
    for (const name of ['goes', 'stays']) await assertAtRest(mesh(), name, 'node1', 1);
  });

  it('begins nothing after its deadline, and finishes what moves', async () => {
    for (const name of names(3)) await node('node1').create(name);
    const { reached, goOn } = node('node2').host.plan.hold('machine.assemble');
    const leaving = node('node1').evacuate({ to: ['node2'], parallel: 1, deadlineMs: 500 });
    await reached;
    setTimeout(goOn, 600);
    const { end, results } = await leaving;
    assert.equal(end, 'deadline');
    assert.deepEqual(Object.values(results).sort(), ['moved node2', 'stayed', 'stayed']);
    assert.match(await node('node1').cordonWords(), /is being evacuated/);
  });

  for (const way of ['somebody says so', 'nobody follows it any more'] as const) {
    it(`begins nothing more when ${way}, and finishes what moves`, async () => {
      for (const name of names(3)) await node('node1').create(name);
      const { reached, goOn } = node('node2').host.plan.hold('machine.assemble');
      const caller = new AbortController();
      const leaving = node('node3').evacuate({ node: 'node1', to: ['node2'], parallel: 1, signal: caller.signal });
      leaving.catch(() => undefined);
      await reached;
      if (way === 'somebody says so') assert.equal(await node('node2').stopEvacuation('node1'), 1);
      else caller.abort();
      if (way === 'somebody says so') goOn();
      // The news of a caller that has gone takes a moment, and goes by way of another node.
      else setTimeout(goOn, 300);
      if (way === 'somebody says so') assert.equal((await leaving).end, 'stopped');
      else await assert.rejects(leaving);
      await eventually(
        'it may be ended',
        async () =>
          await node('node1')
            .uncordon()
            .then(
              () => true,
              () => false,
            ),
      );
      const owners = await Promise.all(names(3).map((name) => ownerBy(node('node1'), name)));
      assert.deepEqual(owners.sort(), ['node1 at 1', 'node1 at 1', 'node2 at 2']);
    });
  }

  it('is one at a time: who comes second follows it, or is refused', async () => {
    for (const name of names(2)) await node('node1').create(name);
    const { reached, goOn } = node('node2').host.plan.hold('machine.assemble');
    const first = node('node1').evacuate({ to: ['node2'], parallel: 1 });
    await reached;
    await assert.rejects(node('node1').evacuate({ to: ['node3'] }), /is being evacuated already, by local/);
    await assert.rejects(node('node1').uncordon(), /is being evacuated, by local/);
    const second = node('node2').evacuate({ node: 'node1' });
    goOn();
    assert.deepEqual((await second).results, (await first).results);
    assert.match((await second).steps[0] ?? '', /is being evacuated already/);
  });

  it('at the wish of a peer goes on without it, and leaves a line for ever', async () => {
    for (const name of names(2)) await node('node1').create(name);
    const { endpoint, stateDir } = node('node1');
    const client = createPeerClient({ name: 'node1', endpoint: endpoint() }, fixedTrust(node('node3').tls));
    try {
      await client.evacuation.evacuate('node3 smells smoke');
    } finally {
      client.close();
    }
    await eventually(
      'it is empty',
      async () => (await node('node1').list()).every(({ owner }) => owner !== 'node1'),
      10_000,
    );
    assert.match(await node('node1').cordonWords(), /node3 smells smoke \(by node3 \(node\), since /);
    const line = readFileSync(join(stateDir, 'audit.log'), 'utf8').trim().split('\n').at(-1) ?? '';
    const { act, who, node: of, reason } = JSON.parse(line) as Record<string, string>;
    assert.deepEqual([act, who, of, reason], ['evacuate', 'node3 (node)', 'node1', 'node3 smells smoke']);
  });
});

describe('a cordon', () => {
  const mesh = testMesh(['node1', 'node2']);
  const node = (name: string) => mesh().node(name);

  it('keeps new work from a node, also after its daemon has started anew, until it is lifted', async () => {
    await node('node1').create('runs');
    await node('node1').create('stopped', { start: false });
    await node('node2').create('elsewhere');
    const directory = join(node('node1').stateDir, 'a-snapshot');
    await node('node1').snapshot('runs', directory);
    assert.deepEqual(await node('node2').cordon('node1', 'a new kernel'), { node: 'node1', reason: 'a new kernel' });
    const refused = async () => {
      await assert.rejects(node('node1').create('new'), /node1 is cordoned: a new kernel/);
      await assert.rejects(node('node1').start('stopped'), /node1 is cordoned: a new kernel/);
      await assert.rejects(node('node1').restoreFrom(directory, { name: 'clone' }), /is cordoned: a new kernel/);
      const moved = await node('node2').teleport('elsewhere', 'node1');
      assert.deepEqual([moved.outcome, moved.error], ['refused', 'node1 is cordoned: a new kernel']);
      assert.match((await node('node2').plan('elsewhere', 'node1')).refusals.join(), /cordoned: a new kernel/);
      assert.match((await node('node2').cordonOf('node1')) ?? '', /^a new kernel \(by local through node2 \(local\)/);
    };
    await refused();
    node('node1').host.reboot();
    await node('node1').stop();
    await node('node1').begin();
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    // What ran is no new work.
    await eventually('it runs again', () => node('node1').host.stateOf('runs') === 'running');
    await refused();
    assert.equal(await node('node1').uncordon('', 'another reason'), false);
    await refused();
    assert.equal(await node('node1').uncordon('', 'a new kernel'), true);
    assert.equal(await node('node1').uncordon(), false);
    await node('node1').create('new');
    assert.equal((await node('node2').teleport('elsewhere', 'node1')).outcome, 'succeeded');
  });

  it('of a node that nobody knows is refused, with the names of those that there are', async () => {
    await assert.rejects(node('node1').cordon('node9'), /no peer is called node9; the peers of node1 are: node2/);
    await assert.rejects(node('node1').evacuate({ to: ['node9'] }), /no peer is called node9/);
    assert.equal(await node('node1').cordonWords(), '');
  });
});

describe('a strain', function () {
  this.timeout(LONG_MS);
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const node = (name: string) => mesh().node(name);
  const soon = { hold: 0.2, every: 0.05 };

  it('that lasts empties a node whose config says so, and not before', async () => {
    await node('node1').stop();
    await node('node1').begin([], {}, { ...soon, memoryPressureMax: 50, itself: true });
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    await node('node1').create(NAME);
    node('node1').host.press(49);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await assertAtRest(mesh(), NAME, 'node1', 1);
    node('node1').host.press(80);
    await eventually('it is empty', async () => !(await ownerBy(node('node1'), NAME)).startsWith('node1'), 10_000);
    assert.match(await node('node1').cordonWords(), /waited for memory in 80 % .* more than 50 % \(by node1 itself/);
  });

  for (const by of ['itself', 'a person'] as const)
    it(`that has passed ${by === 'itself' ? 'opens the node again' : 'opens no node that a person has shut'}`, async () => {
      await node('node1').stop();
      await node('node1').begin([], {}, { ...soon, memoryPressureMax: 50, itself: true, calm: 0.5 });
      await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
      await node('node1').create(NAME);
      node('node1').host.press(80);
      await eventually('it is empty', async () => !(await ownerBy(node('node1'), NAME)).startsWith('node1'), 30_000);
      assert.match(await node('node1').cordonWords(), /by node1 itself/);
      if (by === 'a person') await node('node1').cordon('', 'a new kernel');
      node('node1').host.press(10);
      const opened = () =>
        node('node1')
          .cordonWords()
          .then((words) => words === '');
      if (by === 'itself') {
        await eventually('it is open', opened, 30_000);
        await node('node1').create('another');
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.match(await node('node1').cordonWords(), /^a new kernel/);
    });

  it('that lasts is seen by the peers, of which one asks the node to empty itself', async () => {
    await node('node1').stop();
    await node('node1').begin([], {}, { ...soon, memoryPressureMax: 50 });
    for (const peer of ['node2', 'node3']) {
      await node(peer).stop();
      await node(peer).begin([], {}, { ...soon, peers: true });
    }
    await Promise.all(mesh().nodes.map((one) => one.hearsAll()));
    await node('node1').create(NAME);
    node('node1').host.press(80);
    await eventually('it is empty', async () => !(await ownerBy(node('node1'), NAME)).startsWith('node1'), 30_000);
    assert.match(await node('node1').cordonWords(), /node2 sees that it is under strain \(by node2 \(node\)/);
    const asked = readFileSync(join(node('node1').stateDir, 'audit.log'), 'utf8')
      .trim()
      .split('\n');
    assert.equal(asked.length, 1);
  });
});
