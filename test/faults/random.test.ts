import assert from 'node:assert/strict';
import { assertNoResidue, removeAll } from '../host/support.js';
import { RANDOM, titleOf } from './cases.js';
import { playOne, withGates } from './describe-cases.js';
import { openStage, type Stage } from './play.js';
import { collectResults } from './results.js';

const COUNT = Number(process.env['CNVM_FAULTS_RANDOM'] ?? '0');
const SEED = Number(process.env['CNVM_FAULTS_SEED'] ?? Date.now() % 1_000_000);
const ONE_MS = 180_000;

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('faults at random', () => {
  withGates();

  (COUNT === 0 ? it.skip : it)(`${COUNT} migrations in a row, seed ${SEED}`, async function () {
    this.timeout(COUNT * ONE_MS);
    const random = randomFrom(SEED);
    const results = collectResults();
    const failures: string[] = [];
    let stage: Stage | undefined;
    for (let count = 1; count <= COUNT; count += 1) {
      const one = RANDOM[Math.floor(random() * RANDOM.length)];
      assert.ok(one !== undefined);
      console.log(`    ${count} of ${COUNT}, seed ${SEED}: ${titleOf(one)}`);
      stage ??= await openStage('node1');
      const failure = await playOne(stage, one, results).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      if (failure === undefined) continue;
      console.log(`      FAILED: ${failure}`);
      failures.push(`${count}: ${titleOf(one)}: ${failure}`);
      await stage.close();
      stage = undefined;
      await removeAll();
    }
    await stage?.close();
    await removeAll();
    await assertNoResidue();
    console.log(`${results.table()}\n\n${results.counts()}\n`);
    assert.deepEqual(failures, [], `seed ${SEED}`);
  });
});
