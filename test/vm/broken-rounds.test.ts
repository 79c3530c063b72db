/** What breaks in a round of memory, between whole machines: a round at the most, as src/migration/README.md promises. */
import assert from 'node:assert/strict';
import type { Answer } from '../../scripts/lib/memory-holder.js';
import { eventually, lab, mend } from '../host/support.js';
import {
  assertGoesOn,
  atSecondPageServer,
  atSecondRound,
  holding,
  KILL_DAEMON,
  killCriuInSecondRound,
  move,
} from './rounds.js';

const daemonAnswers = (node: string): Promise<void> =>
  eventually(`the daemon of ${node}`, async () => (await lab.run(node, ['cnvm', 'nodes', '--json'])).code === 0);

/** The same once more, from where it is. */
async function thenItGoes(before: Answer): Promise<void> {
  const { code, error, memoryMode } = await move('node1', 'node2');
  assert.deepEqual([code, memoryMode], [0, 'MEMORY_MODE_PRE_COPY'], error);
  await assertGoesOn('node2', before);
}

describe('a round of memory that breaks', () => {
  afterEach(async () => {
    await Promise.all([mend('node1', 'runc', 'criu'), mend('node2', 'criu')]);
  });

  it('the link is lost in the second round: it costs that round alone', async () => {
    const before = await holding();
    // Every connection to the other node, at once, as when a machine between them forgets them.
    await atSecondRound('node1', 'ss -K -t state established "( sport = :7443 or dport = :7443 )" >/dev/null');
    const { code, error, rounds, steps } = await move('node1', 'node2');
    const said = steps.join('\n');
    assert.equal(code, 0, `${error}\n${said}`);
    assert.equal(steps.filter((step) => /^round \d+ broke/.test(step)).length, 1, said);
    assert.match(said, /round 2 broke/);
    const numbers = rounds.map(({ number }) => number);
    assert.ok(numbers.includes(1) && !numbers.includes(2) && numbers.includes(3), JSON.stringify(rounds));
    await assertGoesOn('node2', before);
  });

  it("the target's page server dies in the second round: it costs that round alone", async () => {
    const before = await holding();
    await atSecondPageServer('node2', 'kill -KILL $$');
    const { code, error, steps } = await move('node1', 'node2');
    const said = steps.join('\n');
    assert.equal(code, 0, `${error}\n${said}`);
    assert.equal(steps.filter((step) => /^round \d+ broke/.test(step)).length, 1, said);
    await assertGoesOn('node2', before);
  });

  it("the source's criu dies in the second round: it costs that round alone", async () => {
    const before = await holding();
    await killCriuInSecondRound('node1');
    const { code, error, steps } = await move('node1', 'node2');
    assert.equal(code, 0, `${error}\n${steps.join('\n')}`);
    assert.equal(steps.filter((step) => /^round \d+ broke/.test(step)).length, 1, steps.join('\n'));
    await assertGoesOn('node2', before);
  });

  it("the source's daemon is killed in the second round: it runs on there, and then it goes", async () => {
    const before = await holding();
    await atSecondRound('node1', KILL_DAEMON);
    await move('node1', 'node2');
    await mend('node1', 'runc');
    await daemonAnswers('node1');
    await assertGoesOn('node1', before);
    await thenItGoes(before);
  });

  it("the target's daemon is killed in the second round: it runs on at the source, and then it goes", async () => {
    const before = await holding();
    await atSecondPageServer('node2', KILL_DAEMON);
    const { code, error } = await move('node1', 'node2');
    assert.equal(code, 1, error);
    assert.match(error, /runs on node1 as before/);
    await mend('node2', 'criu');
    await daemonAnswers('node2');
    await assertGoesOn('node1', before);
    await thenItGoes(before);
  });
});
