import assert from 'node:assert/strict';
import type { TargetState } from '../../src/migration/journal.js';
import { afterQuery, sourceRecovery, targetRecovery } from '../../src/migration/protocol.js';
import { explore } from './explore.js';
import { type Bounds, DAEMON, type Decisions, handOverModel } from './hand-over.js';

const BOUNDS: Bounds = { sourceCrashes: 2, targetCrashes: 2, failures: 2 };
/** It has more steps; with one failure less it takes seconds, too. */
const POST_COPY_BOUNDS: Bounds = { ...BOUNDS, failures: 1 };
const STATES_MAX = 1_000_000;

describe('the hand-over, explored', () => {
  it('keeps every rule in every state, and always gets to an end', function () {
    this.timeout(120_000);
    const { states, steps, settled, violation, stuck } = explore(handOverModel(BOUNDS), STATES_MAX);
    assert.equal(violation, undefined, JSON.stringify(violation));
    assert.equal(stuck, undefined, `no way out of: ${stuck?.join(' | ')}`);
    // The figures that the specification names.
    assert.deepEqual({ states, steps, settled }, { states: 48_514, steps: 155_413, settled: 1_999 });
  });

  it('by post-copy: what runs at the target has its memory, is to get it, or has ended and says so', function () {
    this.timeout(120_000);
    const model = handOverModel(POST_COPY_BOUNDS, { ...DAEMON, postCopy: true });
    const { states, steps, settled, violation, stuck } = explore(model, STATES_MAX);
    assert.equal(violation, undefined, JSON.stringify(violation));
    assert.equal(stuck, undefined, `no way out of: ${stuck?.join(' | ')}`);
    assert.deepEqual({ states, steps, settled }, { states: 53_195, steps: 178_925, settled: 1_563 });
  });

  // Each is a fault that somebody could make, and the model must see it.
  const faults: { what: string; change: Partial<Decisions>; finds: RegExp }[] = [
    { what: 'a source that thaws on silence', change: { thawsOnSilence: true }, finds: /two copies run/ },
    { what: 'a restart that leaves a restore going', change: { endsOrphans: false }, finds: /two copies run/ },
    {
      what: 'a restart that takes the journal for the truth about what runs',
      change: { sourceRecovery: (state) => sourceRecovery(state, false) },
      finds: /two copies run/,
    },
    {
      what: 'a restart that thaws what was handed over',
      change: { sourceRecovery: (state, runs) => (state === 'handing-over' ? 'thaw' : sourceRecovery(state, runs)) },
      finds: /two copies run/,
    },
    {
      what: 'a source that takes "receiving" for a no',
      change: {
        afterQuery: (answer, epoch) =>
          afterQuery(answer.standing === 'receiving' ? { ...answer, standing: 'cancelled' } : answer, epoch),
      },
      finds: /two copies run/,
    },
    {
      what: 'a target that gives back what runs',
      change: { targetRecovery: (state, runs) => (state === 'running' ? 'give-back' : targetRecovery(state, runs)) },
      finds: /no copy|does not run/,
    },
    {
      what: 'a target that may call off what it has taken',
      change: {
        targetRecovery: (state: TargetState, runs) => (state === 'activating' ? 'forget' : targetRecovery(state, runs)),
      },
      finds: /the target claims|no copy|two copies/,
    },
    {
      what: 'a target that says "running" before it is durable',
      change: { notesBeforeSaying: false },
      finds: /no copy/,
    },
    {
      what: 'a source that lets the copy go while its memory is needed',
      change: { postCopy: true, afterPages: (answer) => (answer.standing === 'paging' ? 'complete' : 'lost') },
      finds: /memory that it needs is gone/,
    },
    {
      what: 'a target that keeps what has lost its memory',
      change: {
        postCopy: true,
        targetRecovery: (state, runs) => (state === 'paging' ? 'keep' : targetRecovery(state, runs)),
      },
      finds: /promised what does not run|no copy/,
    },
  ];
  for (const { what, change, finds } of faults) {
    it(`finds ${what}`, () => {
      const { violation } = explore(handOverModel(BOUNDS, { ...DAEMON, ...change }), STATES_MAX);
      assert.match(violation?.what ?? 'nothing', finds);
    });
  }
});
