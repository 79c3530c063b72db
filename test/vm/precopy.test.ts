/** Memory in rounds between machines whose kernels tell which pages change: what is done without being asked for. */
import assert from 'node:assert/strict';
import { assertGoesOn, HELD, holding, move } from './rounds.js';

const MIB = 1024 * 1024;
/** Of all the memory; what the last round moves was written while the round before it went. */
const LAST_PART_MAX = 0.25;

describe('pre-copy between whole machines', () => {
  it('by default memory moves in rounds, the last one moves little, and every byte is right', async () => {
    const before = await holding();
    const { code, error, memoryMode, rounds, steps } = await move('node1', 'node2');
    assert.deepEqual([code, memoryMode], [0, 'MEMORY_MODE_PRE_COPY'], `${error}\n${steps.join('\n')}`);
    await assertGoesOn('node2', before);
    assert.ok(rounds.length >= 3, `two rounds and the last one: ${JSON.stringify(rounds)}`);
    assert.deepEqual(rounds.map(({ frozen }) => frozen ?? false).indexOf(true), rounds.length - 1);
    const [first, last] = [Number(rounds[0]?.bytes), Number(rounds.at(-1)?.bytes)];
    assert.ok(first >= HELD.heldMib * MIB, `the first round moves all of it, and moved ${first} bytes`);
    assert.ok(last < first * LAST_PART_MAX, `the last round of ${JSON.stringify(rounds)}`);
  });
});
