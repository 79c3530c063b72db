/** Cases as tests: each with the same migration once more at its end, before a cnvm and its witnesses. */
import { type Case, titleOf } from './cases.js';
import { answers } from './faults.js';
import { gateDaemon, installInstruments } from './instruments.js';
import { openStage, play, playOnce, type Stage } from './play.js';
import { collectResults } from './results.js';

const ENDS = ['node1', 'node2'] as const;
const START_MS = 60_000;

/** Call it within `describe`: both ends can be stopped at any moment. */
export function withGates(): void {
  const all = (act: (node: string) => Promise<void>) => Promise.all(ENDS.map(act));
  before(async function () {
    this.timeout(START_MS);
    await all((node) => gateDaemon(node, true));
    await all(answers);
  });
  beforeEach(async () => void (await all(installInstruments)));
  after(async function () {
    this.timeout(START_MS);
    await all((node) => gateDaemon(node, false));
    await all(answers);
  });
}

/**
 * Call it within `describe`. `each`: a cnvm of its own for each case. `all`: one for all of them, which goes on from where
 * the case before has left it; only after a failure there is a new one.
 */
export function describeCases(cases: readonly Case[], share: 'each' | 'all', removed: () => Promise<void>): void {
  const results = collectResults();
  let stage: Stage | undefined;
  const close = async () => {
    await stage?.close();
    stage = undefined;
  };
  withGates();
  afterEach(async function () {
    this.timeout(START_MS);
    if (share === 'all' && this.currentTest?.state !== 'failed') return;
    await close();
    await removed();
  });
  after(async function () {
    this.timeout(START_MS);
    console.log(`${results.table()}\n\n${results.counts()}\n`);
    await close();
    await removed();
  });

  for (const one of cases) {
    it(`${titleOf(one)}, and then it goes`, async () => {
      stage ??= await openStage('node1');
      await playOne(stage, one, results);
    });
  }
}

/** The case, and then the same migration. */
export async function playOne(stage: Stage, one: Case, results: ReturnType<typeof collectResults>): Promise<void> {
  await results.of(one, async () => {
    const said = await play(stage, one);
    await playOnce(stage);
    return said.outcome.replace('MIGRATION_OUTCOME_', '').toLowerCase();
  });
}
