/** What one member can do to the table of another one by what it says. */
import assert from 'node:assert/strict';
import type { Holding } from '../../../../src/mesh/directory.js';
import { CLAIMS_MAX, MEMBER_CLAIMS_MAX, MEMBERS_MAX, settingsFor } from '../../../../src/mesh/swim/settings.js';
import { newSwim, type Swim } from '../../../../src/mesh/swim/state.js';
import { step } from '../../../../src/mesh/swim/swim.js';
import type { ClaimsWord, MemberRecord } from '../../../../src/mesh/swim/words.js';
import { randomFrom } from '../../../sim/random.js';
import { cardOf } from '../../../sim/world.js';

const claimsOf = (node: number, count: number): Holding[] =>
  Array.from({ length: count }, (_, index) => ({
    ...{ name: `c${node}-${index}`, address: '10.100.1.1', epoch: 1, state: 'running', image: 'base@x' },
  }));

const recordOf = (node: number, count: number, claimsRevision = 1): MemberRecord => ({
  ...{ name: `node${node}`, state: 'alive', incarnation: 1, cardRevision: 1, card: cardOf(node), claimsRevision },
  claims: claimsOf(node, count),
});

function node0(): Swim {
  const swim = newSwim({
    ...{ settings: settingsFor(), random: randomFrom(1), card: cardOf(0), revision: 1, claims: [], known: [] },
  });
  step(swim, { kind: 'begin' }, 0);
  return swim;
}

const push = (swim: Swim, from: string, records: readonly MemberRecord[], words: readonly ClaimsWord[] = []) =>
  step(swim, { kind: 'asked', ask: 1, from, message: { kind: 'push', incarnation: 1, words, records } }, 1);

const ownedBy = (swim: Swim, name: string) => swim.members.get(name)?.claims.size;

describe('a member that claims', () => {
  it('more than a machine has is not believed, at once or step by step', () => {
    const swim = node0();
    push(swim, 'node1', [recordOf(1, MEMBER_CLAIMS_MAX + 1)]);
    assert.equal(ownedBy(swim, 'node1'), 0);
    push(swim, 'node1', [recordOf(1, MEMBER_CLAIMS_MAX, 2)]);
    assert.equal(ownedBy(swim, 'node1'), MEMBER_CLAIMS_MAX);
    const changed = claimsOf(9, 1);
    const word: ClaimsWord = { kind: 'claims', name: 'node1', base: 2, revision: 3, changed, removed: [] };
    push(swim, 'node1', [], [word]);
    assert.equal(ownedBy(swim, 'node1'), MEMBER_CLAIMS_MAX);
    assert.equal(swim.claimsTotal, MEMBER_CLAIMS_MAX);
  });

  it('for others whom it makes up leaves room for those who are there', () => {
    const swim = node0();
    const madeUp = Array.from({ length: 20 }, (_, index) => recordOf(100 + index, MEMBER_CLAIMS_MAX));
    push(swim, 'node1', [recordOf(1, 5), ...madeUp]);
    assert.ok(swim.claimsTotal <= CLAIMS_MAX / 2, `${swim.claimsTotal}`);
    push(swim, 'node2', [recordOf(2, 50)]);
    assert.equal(ownedBy(swim, 'node2'), 50);
    // Fewer than before are always taken.
    push(swim, 'node2', [recordOf(2, 3, 2)]);
    assert.equal(ownedBy(swim, 'node2'), 3);
  });
});

describe('a member of which others have said what it cannot object to', () => {
  it('is what it says itself, from when it is met', () => {
    const swim = node0();
    push(swim, 'node1', [recordOf(1, 0), { ...recordOf(2, 0), state: 'dead', incarnation: 2 ** 51 }]);
    assert.equal(swim.members.get('node2')?.state, 'dead');
    push(swim, 'node2', [recordOf(2, 0)]);
    const met = swim.members.get('node2');
    assert.deepEqual([met?.state, met?.incarnation], ['alive', 1]);
    // Whoever has been met is not set back by an old message of its own.
    push(swim, 'node2', [{ ...recordOf(2, 0), incarnation: 5 }]);
    push(swim, 'node2', [recordOf(2, 0)]);
    assert.equal(swim.members.get('node2')?.incarnation, 5);
  });
});

describe('a flood of members that one makes up', () => {
  it('keeps to the table, and those who are there stay and come', () => {
    const swim = node0();
    push(swim, 'node1', [recordOf(1, 1)]);
    for (let from = 10; from < 3_010; from += 100)
      push(
        swim,
        'node1',
        Array.from({ length: 100 }, (_, index) => recordOf(from + index, 0)),
      );
    assert.equal(swim.members.size, MEMBERS_MAX);
    assert.equal(ownedBy(swim, 'node1'), 1);
    push(swim, 'node2', [recordOf(2, 1)]);
    assert.equal(ownedBy(swim, 'node2'), 1);
    assert.equal(swim.members.size, MEMBERS_MAX);
    assert.equal(swim.alive, MEMBERS_MAX + 1);
    assert.equal(swim.ring.length, MEMBERS_MAX);
  });
});

describe('a card that another one has made up', () => {
  it('is replaced by what its owner says, whatever number it has', () => {
    const swim = node0();
    push(swim, 'node2', [recordOf(2, 0)]);
    const card = { ...cardOf(2), endpoint: '192.0.2.66:1' };
    push(swim, 'node1', [{ ...recordOf(2, 0), card, cardRevision: 1_000 }]);
    const held = () => swim.members.get('node2');
    // By hearsay it is taken, but it is no proof: nothing but a failed call comes of it.
    assert.deepEqual([held()?.card.endpoint, held()?.cardSeen], ['192.0.2.66:1', 1]);
    step(
      swim,
      {
        ...{ kind: 'asked', ask: 1, from: 'node2' },
        message: { kind: 'ping', incarnation: 1, words: [], card: { revision: 1, card: cardOf(2) } },
      },
      2,
    );
    assert.deepEqual([held()?.card.endpoint, held()?.cardRevision], [cardOf(2).endpoint, 1]);
  });
});

describe('who has just come', () => {
  const told = (swim: Swim) => [...swim.queue.entries.values()].map(({ word }) => `${word.kind} ${word.name}`);

  it('does not pass on what the first one tells it of others, but what it hears later', () => {
    const swim = node0();
    push(swim, 'node1', [recordOf(1, 0), recordOf(2, 0), recordOf(3, 0)]);
    assert.equal(swim.alive, 4);
    assert.deepEqual(told(swim), []);
    push(swim, 'node1', [recordOf(4, 0)]);
    assert.deepEqual(told(swim), ['card node4']);
  });

  it('passes on who comes to it itself', () => {
    const swim = node0();
    push(swim, 'node1', [recordOf(1, 0)]);
    push(swim, 'node2', [recordOf(2, 0)]);
    assert.deepEqual(told(swim), ['card node1', 'card node2']);
  });
});
