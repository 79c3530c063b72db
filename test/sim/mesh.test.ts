/** The simulated mesh, small and with several seeds. `npm run sim` has the large ones. */
import assert from 'node:assert/strict';
import { OBJECTIONS_MAX } from '../../src/mesh/swim/settings.js';
import { faultsOf } from './faults.js';
import { agreed, allSay, claimsAgreed, upNodes } from './look.js';
import { plotOf } from './plot.js';
import { churn, demand, grow, measure, split } from './scenarios.js';
import { createWorld, whom } from './world.js';

const SEEDS = [1, 2, 3];
const SKEW = 0.02;
/** It has no clock but its own, and all that a busy machine does to it is to make it wait. */
const SLOW_MS = 120_000;

describe('a simulated mesh', () => {
  it('is the same for the same seed, to the last byte', () => {
    const history = () => {
      const { world } = grow({ seed: 5, nodes: 8, loss: 0.05, skew: SKEW });
      world.pass(20_000);
      return [world.messages(), ...world.nodes.map(({ bytesOut }) => bytesOut)];
    };
    assert.deepEqual(history(), history());
  });

  for (const seed of SEEDS) {
    it(`of 30 that lose one message in twenty: all know all, and nobody is wrongly dead (seed ${seed})`, () => {
      const { world, mistakes } = grow({ seed, nodes: 30, loss: 0.05, skew: SKEW });
      demand(world, 'all know all', 30_000, () => agreed(world));
      world.pass(60_000);
      assert.equal(mistakes.deaths, 0);
    }).timeout(SLOW_MS);

    it(`of 30 whose messages take up to a third of a second: the same (seed ${seed})`, () => {
      const { world, mistakes } = grow({ seed, nodes: 30, loss: 0.02, skew: SKEW, delayMs: [20, 330] });
      demand(world, 'all know all', 30_000, () => agreed(world));
      world.pass(60_000);
      assert.equal(mistakes.deaths, 0);
    }).timeout(SLOW_MS);

    it(`of 20 whose nodes die and come back, some with an old disk: each cnvm runs once, with its owner (seed ${seed})`, () => {
      const story = grow({ seed, nodes: 20, loss: 0.02, skew: SKEW });
      const { world, ownership } = story;
      demand(world, 'all know all', 30_000, () => agreed(world));
      for (const node of [...world.nodes, ...world.nodes]) ownership.make(node);
      demand(world, 'all know all cnvms', 30_000, () => claimsAgreed(world));
      churn(story, 60_000);
      demand(world, 'all are there again', 60_000, () => agreed(world) && claimsAgreed(world));
      ownership.judgeAll();
      assert.deepEqual(ownership.wrong(), []);
      assert.deepEqual(ownership.wrongStarts, []);
    }).timeout(SLOW_MS);

    it(`of 12 that is cut in two until each side is dead to the other, and all start anew meanwhile: heals (seed ${seed})`, () => {
      const { world, ownership } = grow({ seed, nodes: 12 });
      demand(world, 'all know all', 30_000, () => agreed(world));
      for (const node of world.nodes) ownership.make(node);
      world.pass(5_000);
      const ms = split(world, () => {
        for (const node of world.nodes) {
          world.kill(node);
          ownership.comeBack(node);
          world.pass(500);
        }
        for (const name of ownership.owners.keys()) ownership.move(name);
        world.pass(20_000);
      });
      assert.ok(ms < 20_000, `${ms} ms`);
      demand(world, 'all know all cnvms', 20_000, () => claimsAgreed(world));
      ownership.judgeAll();
      assert.deepEqual(ownership.wrong(), []);
    }).timeout(SLOW_MS);
  }

  it('a node that dies is dead to all, and one that leaves has left and is not called back', () => {
    const { world } = grow({ seed: 4, nodes: 15 });
    demand(world, 'all know all', 30_000, () => agreed(world));
    const [dies, leaves] = upNodes(world);
    assert.ok(dies !== undefined && leaves !== undefined);
    world.kill(dies);
    world.run(leaves, { kind: 'leave' });
    world.pass(2_000);
    world.kill(leaves);
    const ms = demand(world, 'the dead one is dead', 60_000, () => allSay(world, dies.name, ['dead']));
    assert.ok(ms > 2_000, 'too soon to have been suspected first');
    assert.ok(allSay(world, leaves.name, ['left']));
    world.begin(leaves, [whom(upNodes(world)[0] ?? leaves)]);
    demand(world, 'it is back', 30_000, () => allSay(world, leaves.name, ['alive']));
  });

  for (const [clock, revision] of [
    ['an hour', 1_780_000_000_000 - 3_600_000],
    ['to 1970', 5_000],
  ] as const)
    it(`a node that comes back with its clock set back ${clock} is heard all the same`, () => {
      const { world, ownership } = grow({ seed: 8, nodes: 10 });
      demand(world, 'all know all', 30_000, () => agreed(world));
      const [back, seed] = world.nodes;
      assert.ok(back !== undefined && seed !== undefined);
      for (const node of world.nodes) ownership.make(node);
      demand(world, 'all know all cnvms', 30_000, () => claimsAgreed(world));
      world.kill(back);
      ownership.owners.delete([...back.records.keys()][0] ?? '');
      back.records.clear();
      world.begin(back, [whom(seed)], revision);
      const cardKnown = () =>
        upNodes(world).every(
          ({ swim, name }) =>
            name === back.name || swim?.members.get(back.name)?.cardRevision === back.swim?.self.cardRevision,
        );
      const ms = demand(world, 'all know what it has now', 300_000, () => claimsAgreed(world) && cardKnown());
      assert.ok(ms < 180_000, `${ms} ms`);
      assert.ok(agreed(world));
    }).timeout(SLOW_MS);

  it('one of whom a liar says numbers far above its own, and then that it is dead, lives', () => {
    const { world } = grow({ seed: 9, nodes: 6 });
    demand(world, 'all know all', 30_000, () => agreed(world));
    const [victim, dupe, liar] = world.nodes;
    assert.ok(victim !== undefined && dupe !== undefined && liar !== undefined);
    const { name } = victim;
    let said = victim.swim?.self.incarnation ?? 0;
    const lie = (state: 'alive' | 'suspect') => {
      const word = { kind: 'state' as const, name, state, incarnation: said, by: liar.name };
      world.run(dupe, {
        ...{ kind: 'asked', ask: 0, from: liar.name, message: { kind: 'gossip', incarnation: 1, words: [word] } },
      });
    };
    // One after the other, so that the victim hears of the last one only.
    for (let count = 0; count < 8; count += 1) {
      said += OBJECTIONS_MAX;
      lie('alive');
    }
    assert.equal(dupe.swim?.members.get(name)?.incarnation, said);
    lie('suspect');
    world.pass(120_000);
    assert.ok(agreed(world));
    assert.ok((victim.swim?.self.incarnation ?? 0) > said);
  }).timeout(SLOW_MS);

  it('one who joins tells of itself, and not of all that it was told', () => {
    const { world } = grow({ seed: 6, nodes: 40 });
    demand(world, 'all know all', 30_000, () => agreed(world));
    const [joins, seed] = world.nodes;
    assert.ok(joins !== undefined && seed !== undefined);
    world.kill(joins);
    world.pass(60_000);
    const before = joins.bytesOut;
    world.begin(joins, [whom(seed)]);
    demand(world, 'it is back', 30_000, () => agreed(world));
    world.pass(10_000);
    // Passing on each of 39 cards of some 300 B eight times would be 90 KB.
    const bytes = joins.bytesOut - before;
    assert.ok(bytes < 40_000, `${bytes} B`);
  }).timeout(SLOW_MS);

  it('two meshes that never met are one soon after somebody has come who knows both', () => {
    const world = createWorld({ seed: 7, nodes: 21 });
    const [comes] = world.nodes;
    const sides = [world.nodes.slice(1, 11), world.nodes.slice(11)];
    for (const side of sides) for (const node of side) world.begin(node, side.slice(0, 1).map(whom));
    world.pass(20_000);
    assert.ok(upNodes(world).every(({ swim }) => swim?.alive === 10));
    assert.ok(comes !== undefined);
    world.begin(
      comes,
      sides.flatMap((side) => side.slice(0, 1).map(whom)),
    );
    const ms = demand(world, 'all know all', 60_000, () => agreed(world));
    assert.ok(ms < 5_000, `${ms} ms`);
  }).timeout(SLOW_MS);

  it('costs a node no more in a mesh of 50 than in one of 5', () => {
    const figures = [5, 50].map((nodes) => measure({ seed: 1, nodes, loss: 0.01, skew: SKEW }, 20_000));
    assert.deepEqual(faultsOf(figures), []);
    const svg = plotOf(figures);
    assert.equal(svg.match(/<circle/g)?.length, 4);
    assert.doesNotMatch(svg, /NaN|undefined/);
  }).timeout(SLOW_MS);
});
