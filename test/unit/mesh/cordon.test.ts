import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { itselfOf, openCordon } from '../../../src/mesh/cordon.js';
import { temporary } from '../../support/temporary.js';

describe('a cordon on disk', () => {
  const directory = temporary();
  const file = () => join(directory(), 'cordon.json');

  it('stands until it is lifted, over all daemons, and the first reason counts', async () => {
    let changes = 0;
    const first = openCordon('node1', file(), () => {
      changes += 1;
    });
    first.demandOpen();
    assert.deepEqual([first.words(), first.refusals()], ['', []]);
    await first.set('a new kernel', 'ann');
    assert.equal((await first.set('another reason', 'bob')).reason, 'a new kernel');
    const second = openCordon('node1', file());
    assert.match(second.words(), /^a new kernel \(by ann, since 20/);
    assert.throws(() => second.demandOpen(), /node1 is cordoned: a new kernel/);
    assert.deepEqual(second.refusals(), ['node1 is cordoned: a new kernel']);
    assert.deepEqual([await second.lift(), await second.lift()], [true, false]);
    assert.equal(existsSync(file()), false);
    openCordon('node1', file()).demandOpen();
    assert.equal(changes, 1);
  });

  it('that is set while it is being lifted stands', async () => {
    const cordon = openCordon('node1', file());
    await cordon.set('a new kernel', 'ann');
    const [lifted, { reason }] = await Promise.all([cordon.lift(), cordon.set('a new disk', 'bob')]);
    assert.deepEqual([lifted, reason, cordon.get()?.reason], [true, 'a new disk', 'a new disk']);
    assert.match(openCordon('node1', file()).words(), /^a new disk/);
  });

  it("that the node set for itself gives way to a person's, and not the other way round", async () => {
    const cordon = openCordon('node1', file());
    await cordon.set('no memory', itselfOf('node1'));
    assert.equal((await cordon.set('no disk', itselfOf('node1'))).reason, 'no memory');
    assert.equal((await cordon.set('a new kernel', 'ann (operator)')).by, 'ann (operator)');
    assert.equal((await cordon.set('no memory', itselfOf('node1'))).reason, 'a new kernel');
    assert.match(openCordon('node1', file()).words(), /^a new kernel \(by ann/);
  });

  it('that cannot be read stops the daemon: to guess would be to fill a node that is to be empty', () => {
    writeFileSync(file(), '{"reason":');
    assert.throws(() => openCordon('node1', file()), /does not say why this node is cordoned/);
  });
});
