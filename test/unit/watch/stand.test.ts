import assert from 'node:assert/strict';
import { viewOf } from '../../../src/mesh/elsewhere.js';
import type { WatchedCnvm, WatchedMigration } from '../../../src/watch/happenings.js';
import { type Known, stand } from '../../../src/watch/stand.js';
import { watchedCnvm, watchedMigration } from './samples.js';

const claim = (name: string, node: string, epoch: number, state = 'running') =>
  viewOf({ name, node, epoch, state, address: '10.100.101.111', image: 'base@sha256:aa' });

function standOf(elsewhere: Known['elsewhere'], words: Record<string, (WatchedCnvm | WatchedMigration)[]>) {
  const split = Object.entries(words).map(([node, all]) => {
    const migrations = all.flatMap((one) => ('id' in one ? [[one.id, one] as const] : []));
    const cnvms = all.flatMap((one) => ('id' in one ? [] : [one]));
    return [node, { cnvms, migrations: new Map(migrations) }] as const;
  });
  return stand({ node: 'node1', own: undefined, others: [], elsewhere, words: new Map(split) });
}

describe('how the mesh stands', () => {
  it('has the owner that this node goes by, and the state by the owner’s own word', () => {
    const { cnvms } = standOf([claim('web', 'node2', 4)], {
      node2: [watchedCnvm('web', { owner: 'node2', epoch: 4, state: 'frozen' })],
      node3: [watchedCnvm('web', { owner: 'node3', epoch: 4, state: 'in-doubt' })],
    });
    assert.deepEqual([cnvms.get('web')?.owner, cnvms.get('web')?.state], ['node2', 'frozen']);
  });

  it('does not take a word of an older epoch, nor that of a node that owns nothing', () => {
    const { cnvms } = standOf([claim('web', 'node2', 4)], {
      node2: [watchedCnvm('web', { owner: 'node2', epoch: 3, state: 'in-doubt' })],
      node3: [watchedCnvm('mine', { owner: 'node3', epoch: 9 })],
    });
    assert.equal(cnvms.get('web')?.state, 'running');
    assert.ok(!cnvms.has('mine'));
  });

  it('has what is here unless another one has it at a higher epoch', () => {
    const own = (epoch: number) => ({ node1: [watchedCnvm('web', { owner: 'node1', epoch, state: 'frozen' })] });
    assert.equal(standOf([claim('web', 'node2', 4)], own(3)).cnvms.get('web')?.owner, 'node2');
    assert.equal(standOf([claim('web', 'node2', 4)], own(4)).cnvms.get('web')?.owner, 'node1');
  });

  it('has a migration by its source’s word, by the target’s when that says nothing, and by nobody else’s', () => {
    const [source, target] = [watchedMigration({ phase: 'release' }), watchedMigration({ phase: 'activate' })];
    const phaseOf = (words: Record<string, WatchedMigration[]>) =>
      [...standOf([], words).migrations.values()][0]?.phase;
    assert.equal(phaseOf({ node1: [source], node2: [target] }), 'release');
    assert.equal(phaseOf({ node2: [target], node1: [source] }), 'release');
    assert.equal(phaseOf({ node2: [target] }), 'activate');
    const handingOver = watchedMigration({ phase: 'hand-over' });
    assert.equal(phaseOf({ node1: [handingOver], node2: [target] }), 'activate', 'the target restores already');
    assert.equal(phaseOf({ node1: [{ ...handingOver, outcome: 'aborted' }], node2: [target] }), 'hand-over');
    assert.equal(phaseOf({ node3: [source] }), undefined);
  });

  it('keeps the latest 50 of the migrations that have ended, and every one that runs', () => {
    const ended = Array.from({ length: 60 }, (_, at) =>
      watchedMigration({ id: `e${at}`, outcome: 'succeeded', startTime: new Date(at * 1000).toISOString() }),
    );
    const running = watchedMigration({ id: 'running', startTime: new Date(0).toISOString() });
    const ids = [...standOf([], { node1: [...ended, running] }).migrations.keys()];
    assert.equal(ids.length, 51);
    assert.ok(ids.includes('running') && ids.includes('e59') && !ids.includes('e9'));
  });
});
