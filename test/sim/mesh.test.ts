/** The simulated mesh, small and with several seeds. `npm run sim` has the large ones. */
import assert from 'node:assert/strict';
import { notFlat } from './flat.js';
import { agreed, allSay, claimsAgreed, upNodes } from './look.js';
import { plotOf } from './plot.js';
import { churn, demand, grow, measure, split, stayQuiet } from './scenarios.js';
import { whom } from './world.js';

const SEEDS = [1, 2, 3];
const SKEW = 0.02;

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
      const { world } = grow({ seed, nodes: 30, loss: 0.05, skew: SKEW });
      demand(world, 'all know all', 30_000, () => agreed(world));
      assert.equal(stayQuiet(world, 60_000).falseDeaths, 0);
    });

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
    });

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
    });
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

  it('costs a node no more in a mesh of 50 than in one of 5', () => {
    const figures = [5, 50].map((nodes) => measure({ seed: 1, nodes, loss: 0.01, skew: SKEW }, 20_000));
    assert.deepEqual(notFlat(figures), []);
    const svg = plotOf(figures);
    assert.equal(svg.match(/<circle/g)?.length, 4);
    assert.doesNotMatch(svg, /NaN|undefined/);
  }).timeout(60_000);
});
