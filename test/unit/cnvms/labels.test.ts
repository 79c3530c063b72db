import assert from 'node:assert/strict';
import { isMeant, LABELS_MAX, labelOf, NO_WISHES, wishesRefusals } from '../../../src/cnvms/labels.js';
import { parseRecord } from '../../../src/cnvms/store.js';
import { record } from '../../support/samples.js';

describe('labels', () => {
  it('are KEY=value', () => {
    assert.deepEqual(labelOf('tier=web'), ['tier', 'web']);
    assert.deepEqual(labelOf('example.org/tier=1.2_3-a'), ['example.org/tier', '1.2_3-a']);
    assert.deepEqual(labelOf('empty='), ['empty', '']);
    for (const wrong of [
      '',
      '=',
      '=x',
      'tier',
      'a b=c',
      'a=b c',
      'a=b=c',
      '-a=b',
      'a=-b',
      `${'k'.repeat(64)}=v`,
      'a=b\n',
      '__proto__=x',
    ])
      assert.equal(labelOf(wrong), undefined, wrong);
  });

  it('are refused with every reason', () => {
    assert.deepEqual(wishesRefusals(NO_WISHES), []);
    const many = Object.fromEntries(Array.from({ length: LABELS_MAX + 1 }, (_, index) => [`k${index}`, 'v']));
    const found = wishesRefusals({
      labels: { ...many, 'b d': 'x' },
      affinity: ['a=b'],
      antiAffinity: ['a=b', 'wrong'],
    });
    assert.equal(found.length, 4, found.join('\n'));
  });

  it('mean a cnvm that has one of them', () => {
    assert.equal(isMeant({ app: 'db' }, ['app=web', 'app=db']), true);
    assert.equal(isMeant({ app: 'db' }, ['app=web']), false);
    assert.equal(isMeant({}, ['toString=x', 'constructor=']), false);
    assert.equal(isMeant({ app: 'db' }, []), false);
  });

  it('are part of the record that travels, and a record with wrong ones is none', () => {
    const wishes = { labels: { app: 'db' }, affinity: ['app=web'], antiAffinity: ['app=db'] };
    assert.deepEqual(parseRecord(JSON.stringify({ ...record, wishes })), { ...record, wishes });
    const wrong = { ...wishes, affinity: ['no label'] };
    assert.throws(() => parseRecord(JSON.stringify({ ...record, wishes: wrong })), /not a cnvm's record/);
  });
});
