/** Who follows what they have begun, and is interrupted, or loses the daemon on the way: what is said then, and what is ended. */
import assert from 'node:assert/strict';
import { callOrLeave } from '../../src/cli/call-or-leave.js';
import { followEvacuation } from '../../src/cli/follow-evacuation.js';
import { followMigration } from '../../src/cli/follow-migration.js';
import { CreateCnvmRequest } from '../../src/gen/cnvm/v1/cnvm.js';
import { Compression, MigrationMode, OnSlow } from '../../src/gen/cnvm/v1/migration.js';
import { assertAtRest, eventually, NAME, testMesh } from './support.js';

const QUIET = { json: false, quiet: true };
const order = (target: string, dryRun = false) => ({
  ...{ name: NAME, target, landing: '', mode: MigrationMode.UNSPECIFIED, dryRun, maxDowntimeMs: 300, postCopy: false },
  ...{ onSlow: OnSlow.UNSPECIFIED, strict: false, bandwidth: 0n, compress: Compression.UNSPECIFIED },
});
const evacuation = (dryRun: boolean) => ({
  ...{ node: '', to: [], parallel: 0, deadlineMs: 0, dryRun, reason: '', followOnly: false },
});
/** As Ctrl-C, to which the test runner would listen, too. */
const interrupt = () => void process.emit('SIGTERM');

describe('a command that is interrupted', () => {
  const mesh = testMesh(['node1', 'node2', 'node3']);
  const node = (name: string) => mesh().node(name);
  /** A move that is followed, and stands still in its dump. */
  async function followed() {
    await node('node1').create(NAME);
    const held = node('node1').host.plan.hold('dump.held');
    const moving = node('node1').ask((at) => followMigration(at, order('node2'), QUIET));
    await held.reached;
    return { held, moving };
  }

  it('calls off what it has begun, and no other', async () => {
    const { held, moving } = await followed();
    interrupt();
    held.goOn();
    assert.equal(await moving, 130);
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('and does not wait for what it has called off knows no end', async () => {
    const { held, moving } = await followed();
    interrupt();
    interrupt();
    assert.equal(await moving.finally(held.goOn), 3);
    await eventually('an end of it', async () =>
      (await node('node1').migrations()).every(({ outcome }) => outcome !== 'running'),
    );
  });

  it('does not say that what it wanted was called off when it is done all the same', async () => {
    const held = node('node1').host.plan.hold('machine.boot');
    const request = CreateCnvmRequest.fromPartial({ name: NAME, image: 'base' });
    const making = node('node1').ask((at) => callOrLeave(at, (done) => at.cnvms.createCnvm(request, done)));
    await held.reached;
    interrupt();
    await assert.rejects(making, { code: 'in-doubt', message: /goes on/ }).finally(held.goOn);
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });

  it('that only asks what would happen leaves alone what does happen', async () => {
    await node('node1').create(NAME);
    const held = node('node1').host.plan.hold('bulk.serveDisk');
    const moving = node('node1').teleport(NAME, 'node2');
    await held.reached;
    const asking = node('node1').ask((at) => followMigration(at, order('node3', true), QUIET));
    interrupt();
    const code = await asking.finally(held.goOn);
    const ended = await moving;
    assert.equal(ended.outcome, 'succeeded', ended.error);
    assert.equal(code, 130);
    await assertAtRest(mesh(), NAME, 'node2', 2);
  });

  it('that only asks how a node would be emptied does not end that it is emptied', async () => {
    for (const name of ['cnvm-1', 'cnvm-2']) await node('node1').create(name);
    const held = node('node1').host.plan.hold('bulk.serveDisk');
    const leaving = node('node1').evacuate({ parallel: 1 });
    await held.reached;
    const nothing = { show: () => undefined, say: () => undefined };
    const asking = node('node1').ask((at) => followEvacuation(at, evacuation(true), nothing));
    interrupt();
    const code = await asking.finally(held.goOn);
    assert.equal((await leaving).end, 'empty');
    assert.equal(code, 130);
  });

  it('says that it knows no end when the node that moves a cnvm for it is lost', async () => {
    await node('node1').create(NAME);
    const { plan } = node('node1').host;
    plan.at('dump.held', 'before', () => {
      node('node1').crash();
      return new Promise<never>(() => undefined);
    });
    await assert.rejects(
      node('node3').ask((at) => followMigration(at, order('node2'), QUIET)),
      { code: 'in-doubt', message: /cannot reach node1.* was on its way/ },
    );
    await node('node1').begin();
    await assertAtRest(mesh(), NAME, 'node1', 1);
  });
});
