/** Cases as tests: a cnvm and its witnesses for each, and the same migration once more at the end. */

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
  });
}

/** Call it within `describe`. */
export function describeCases(cases: readonly Case[]): void {
  const results = collectResults();
  let stage: Stage | undefined;
  withGates();
  afterEach(async () => {
    await stage?.close();
    stage = undefined;
  });
  after(() => console.log(results.table()));

  for (const one of cases) {
    it(`${titleOf(one)}, and then it goes`, async () => {
      const opened = await openStage('node1');
      stage = opened;
      await results.of(one, async () => {
        const said = await play(opened, one);
        await playOnce(opened);
        return said.outcome;
      });
    });
  }
}
