import assert from 'node:assert/strict';
import { NO_WISHES } from '../../../src/cnvms/labels.js';
import { createAttempts, type Ended } from '../../../src/migration/attempts.js';
import { bidFor } from '../../../src/migration/bids.js';
import { createDoor } from '../../../src/migration/door.js';
import { type EvacuationResult, endOf, type MoveEnd, type Next, nextAfter } from '../../../src/migration/evacuation.js';
import { facts, record } from '../../support/samples.js';

const MIB = 1024 * 1024;
const end = (change: Partial<MoveEnd>): MoveEnd => ({ outcome: 'refused', kind: 'state', unasked: false, ...change });

const ENDS: [string, Partial<MoveEnd>, { there: number; all: number }, Next][] = [
  ['went', { outcome: 'succeeded' }, { there: 0, all: 0 }, 'moved'],
  ['was refused', {}, { there: 0, all: 0 }, 'elsewhere'],
  ['was refused as the target is busy', { kind: 'unavailable' }, { there: 0, all: 0 }, 'later'],
  ['was refused before anybody was asked', { unasked: true }, { there: 1, all: 1 }, 'later'],
  ['is refused so for the fourth time', { unasked: true }, { there: 1, all: 4 }, 'stay'],
  ['broke', { outcome: 'aborted' }, { there: 1, all: 1 }, 'later'],
  ['broke twice with one target', { outcome: 'aborted' }, { there: 2, all: 2 }, 'elsewhere'],
  ['broke four times', { outcome: 'aborted' }, { there: 1, all: 4 }, 'stay'],
  ['is in doubt', { outcome: 'in-doubt' }, { there: 0, all: 0 }, 'wait'],
  ['is stranded', { outcome: 'stranded' }, { there: 0, all: 0 }, 'stay'],
];

describe('after a move that', () => {
  for (const [what, change, failed, expected] of ENDS)
    it(`${what}: ${expected}`, () => assert.equal(nextAfter(end(change), failed), expected));
});

describe('an evacuation ends', () => {
  const result = (outcome: EvacuationResult['outcome']): EvacuationResult => ({
    ...{ name: 'a', outcome, target: '', tries: 0, reasons: [], freezeMs: 0, totalMs: 0 },
  });
  it('empty when nothing stayed, whatever came first', () => {
    assert.equal(endOf([], 'deadline'), 'empty');
    assert.equal(endOf([result('moved'), result('gone'), result('would-move')], undefined), 'empty');
  });
  it('with what stayed, and what came first', () => {
    assert.equal(endOf([result('moved'), result('stayed')], undefined), 'stayed');
    assert.equal(endOf([result('in-doubt')], 'deadline'), 'deadline');
    assert.equal(endOf([result('stayed')], 'stopped'), 'stopped');
  });
});

describe('what was tried', () => {
  const broke: Ended = { ...end({ outcome: 'aborted' }), error: 'it broke', freezeMs: 0, totalMs: 0 };

  it('speaks against a node for a moment, and then for ever', () => {
    const attempts = createAttempts();
    assert.equal(attempts.note('a', 'node2', broke), 'later');
    assert.match(attempts.against('a', 'node2').join(), /node2 is left alone for a moment: it broke/);
    assert.equal(attempts.waits('a'), true);
    assert.deepEqual([attempts.against('a', 'node3'), attempts.against('b', 'node2')], [[], []]);
    assert.equal(attempts.note('a', 'node2', broke), 'elsewhere');
    assert.ok(attempts.against('a', 'node2').includes('it broke'));
    assert.deepEqual(attempts.said('a'), ['it broke']);
  });

  it('remembers who was told to take it, until that is known', () => {
    const attempts = createAttempts();
    attempts.note('a', 'node2', { ...broke, outcome: 'in-doubt' });
    assert.equal(attempts.doubtful('a'), 'node2');
    attempts.note('a', 'node3', { ...broke, outcome: 'succeeded' });
    assert.equal(attempts.doubtful('a'), undefined);
  });
});

describe('at the door', () => {
  const coming = (name: string, from: string, memoryBytes = 0) => ({
    ...{ from, memoryBytes, diskBytes: 2 * MIB },
    record: { ...record, name, landing: '/home/cnvm/sneakers/below' },
  });
  const doorOf = (cordoned: string[] = []) =>
    createDoor({ node: 'node2', cordoned: () => cordoned, records: () => [record], arrivalsMax: 2 });

  it('a person is let in beyond the limit, and nobody while it is shut', () => {
    const two = [coming('a', 'node3'), coming('b', 'node3')];
    assert.deepEqual(doorOf().answer(record, false, two), { refusals: [], busy: false });
    assert.deepEqual(doorOf(['shut']).answer(record, false, []), { refusals: ['shut'], busy: false });
    assert.deepEqual(doorOf(['shut']).answer(record, true, two).busy, false);
  });

  it('of those that are evacuated no more come than the limit says, which is no firm no', () => {
    const two = [coming('a', 'node3'), coming('b', 'node3')];
    assert.deepEqual(doorOf().answer(record, true, two.slice(1)), { refusals: [], busy: false });
    const { refusals, busy } = doorOf().answer(record, true, two);
    assert.deepEqual([refusals.join(), busy], ['node2 is busy: 2 are on their way there, of 2 at once', true]);
  });

  it('who is not to be beside another does not come', () => {
    const shy = { ...record, name: 'shy', wishes: { ...NO_WISHES, antiAffinity: ['app=db'] } };
    const db = {
      ...coming('db', 'node3'),
      record: { ...record, name: 'db', wishes: { ...NO_WISHES, labels: { app: 'db' } } },
    };
    assert.match(doorOf().answer(shy, true, [db]).refusals.join(), /shy is not to be beside db, which is on node2/);
    assert.deepEqual(doorOf().answer(shy, false, [db]).refusals, []);
  });

  it('a bid is less what was promised to others', async () => {
    const ports = { facts: async () => facts('node2'), door: doorOf() };
    const all = () => [coming('a', 'node3', 5 * MIB), coming('b', 'node1', 7 * MIB)];
    const bid = await bidFor({ ...ports, coming: all }, 'node1');
    const [before, zone] = [facts('node2'), bid.facts.landingZones[0]];
    assert.equal(bid.facts.memoryAvailableBytes, before.memoryAvailableBytes - 5 * MIB);
    assert.equal(zone?.availableBytes, (before.landingZones[0]?.availableBytes ?? 0) - 2 * MIB);
    assert.deepEqual([bid.arriving, bid.arrivalsMax], [2, 2]);
    assert.deepEqual(
      bid.residents.map(({ name }) => name),
      [record.name, 'a', 'b'],
    );
  });
});
