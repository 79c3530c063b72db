/**
 * The hand-over as a model: both sides, what each has on disk, what really runs, and a network that loses, repeats, delays
 * and reorders. Either daemon dies between any two steps, and writes fail, as often as the bounds allow.
 * Invariant: what a side decides is decided by the daemon's own functions (`migration/protocol.ts`); only the order of
 * acts is told again here, one step for each that can be interrupted, in the order of `migrate.ts` and `receive.ts`.
 */
import type { SourceState, TargetState } from '../../src/migration/journal.js';
import type { Standing } from '../../src/migration/peer-port.js';
import * as protocol from '../../src/migration/protocol.js';
import type { Model } from './explore.js';

/** The epoch at which the source owns it when the migration begins. */
const EPOCH = 1;

type Message =
  | 'offer'
  | 'offer-ok'
  | 'collect'
  | 'collected'
  | 'hand-over'
  | 'answer-running'
  | 'answer-returned'
  | 'query'
  | `standing-${Standing}`
  | 'cancel'
  | 'release';

type SourceStep =
  | 'offer'
  | 'await-offer'
  | 'note-begun'
  | 'note-frozen'
  | 'freeze'
  | 'await-collected'
  | 'note-handing-over'
  | 'hand-over'
  | 'await-answer'
  | 'await-standing'
  | 'keep-epoch'
  | 'thaw'
  | 'call-off'
  | 'note-kept'
  | 'await-pages'
  | 'note-released'
  | 'forget'
  | 'destroy'
  | 'send-release'
  | 'note-settled'
  | 'done'
  | 'down';

type TargetStep =
  | 'idle'
  | 'note-receiving'
  | 'receiving'
  | 'note-activating'
  | 'restore'
  | 'keep-record'
  | 'note-running'
  | 'paging'
  | 'note-complete'
  | 'lose'
  | 'note-lost'
  | 'running'
  | 'undo-restore'
  | 'note-returned'
  | 'undo-receive'
  | 'note-cancelled'
  | 'done'
  | 'down';

export interface HandOver {
  readonly source: {
    readonly at: SourceStep;
    readonly journal: SourceState | 'none';
    readonly process: 'running' | 'frozen' | 'gone';
    readonly record: number | 'none';
    readonly settled: boolean;
  };
  readonly target: {
    readonly at: TargetStep;
    readonly journal: TargetState | 'none';
    /** What the living daemon says, where its disk took no more. */
    readonly said: TargetState | 'none';
    /** `restoring`: a program that outlived its daemon may yet bring it to run. */
    readonly process: 'none' | 'restoring' | 'running';
    /** All of its memory is here; what runs without is held back by its guard, and ended when its daemon dies. */
    readonly whole: boolean;
    readonly record: number | 'none';
    readonly collected: boolean;
  };
  readonly network: readonly Message[];
  /** What may still go wrong. */
  readonly left: { readonly sourceCrashes: number; readonly targetCrashes: number; readonly failures: number };
}

/** What the model takes from the daemon; a test puts a fault in the place of one. */
export interface Decisions {
  readonly sourceRecovery: typeof protocol.sourceRecovery;
  readonly targetRecovery: typeof protocol.targetRecovery;
  readonly afterQuery: typeof protocol.afterQuery;
  readonly mayCancel: typeof protocol.mayCancel;
  readonly afterPages: typeof protocol.afterPages;
  /** Whether its memory follows when it runs at the target. */
  readonly postCopy: boolean;
  /** Whether a daemon that starts ends what outlived its predecessor, before it looks at what runs. */
  readonly endsOrphans: boolean;
  /** Whether silence after the hand-over makes the source take it back. */
  readonly thawsOnSilence: boolean;
  /** Whether "running" is durable before it is said. */
  readonly notesBeforeSaying: boolean;
}

export const DAEMON: Decisions = {
  ...protocol,
  postCopy: false,
  endsOrphans: true,
  thawsOnSilence: false,
  notesBeforeSaying: true,
};

export interface Bounds {
  readonly sourceCrashes: number;
  readonly targetCrashes: number;
  /** Acts and writes that fail, at either side. */
  readonly failures: number;
}

type Steps = (readonly [string, HandOver])[];

export function handOverModel(bounds: Bounds, decisions: Decisions = DAEMON): Model<HandOver> {
  return {
    start: {
      source: { at: 'offer', journal: 'none', process: 'running', record: EPOCH, settled: false },
      target: {
        at: 'idle',
        journal: 'none',
        said: 'none',
        process: 'none',
        whole: true,
        record: 'none',
        collected: false,
      },
      network: [],
      left: bounds,
    },
    steps: (state) => [
      ...sourceSteps(state, decisions),
      ...targetSteps(state, decisions),
      ...deliveries(state, decisions),
      ...crashes(state),
    ],
    wrong,
    settled,
  };
}

function wrong({ source, target }: HandOver): string | undefined {
  if (source.process === 'running' && target.process === 'running') return 'two copies run';
  const told = target.said === 'lost';
  if (source.process === 'gone' && target.process === 'running' && !target.whole)
    return 'the memory that it needs is gone';
  if (source.process === 'gone' && target.process !== 'running' && !told) return 'no copy can be brought back';
  if (source.process === 'running' && target.record !== 'none') return 'the target claims what the source runs';
  if (target.journal === 'running' && target.process !== 'running') return 'the target has promised what does not run';
  if (source.settled && source.journal === 'kept' && source.process !== 'running')
    return 'the source has told an end, and it does not run';
  return undefined;
}

function settled({ source, target }: HandOver): boolean {
  const ended = source.at === 'done' && ['idle', 'done', 'running'].includes(target.at);
  const here = source.process === 'running' && target.process === 'none' && target.record === 'none';
  const there = target.process === 'running' && source.process === 'gone' && source.record === 'none';
  const lost = target.journal === 'lost' && target.process === 'none' && source.process === 'gone';
  // What it says, not what is on a disk that took no more: the next daemon reads that, and comes to the same.
  return (
    ended && source.settled && (here || there || lost) && target.said !== 'receiving' && target.said !== 'activating'
  );
}

function sourceSteps(state: HandOver, decisions: Decisions): Steps {
  const { source } = state;
  const go = (at: SourceStep, more: Partial<HandOver['source']> = {}, ...sent: Message[]): HandOver =>
    send({ ...state, source: { ...source, at, ...more } }, ...sent);
  const fails = (at: SourceStep, more: Partial<HandOver['source']> = {}): Steps =>
    state.left.failures === 0 ? [] : [[`source: ${source.at} fails`, spend(go(at, more), 'failures')]];
  const does = (next: HandOver): readonly [string, HandOver] => [`source: ${source.at}`, next];
  // An act that fails before the hand-over rolls back; so does one that is called off by a person.
  switch (source.at) {
    case 'offer':
      return [does(go('await-offer', {}, 'offer'))];
    case 'await-offer':
    case 'await-collected':
      return [['source: gives up', go('thaw')]];
    case 'note-begun':
      return [does(go('note-frozen', { journal: 'begun' })), ...fails('thaw')];
    case 'note-frozen':
      return [does(go('freeze', { journal: 'frozen' })), ...fails('thaw'), ...fails('thaw', { journal: 'frozen' })];
    case 'freeze':
      return [
        does(go('await-collected', { process: 'frozen' }, 'collect')),
        ...fails('thaw'),
        ...fails('thaw', { process: 'frozen' }),
      ];
    case 'note-handing-over':
      return [
        does(go('hand-over', { journal: 'handing-over' })),
        ...fails('thaw'),
        // The worst of failures: it is on disk all the same.
        ...fails('thaw', { journal: 'handing-over' }),
      ];
    case 'hand-over':
      return [does(go('await-answer', {}, 'hand-over'))];
    case 'await-answer':
      return [['source: hears nothing', decisions.thawsOnSilence ? go('thaw') : go('await-standing', {}, 'query')]];
    case 'await-standing':
      return [['source: still hears nothing', go('hand-over')]];
    case 'keep-epoch':
      return [does(go('thaw', { record: EPOCH + 2 })), ...fails('thaw')];
    case 'thaw':
      return [does(go('call-off', { process: 'running' }))];
    case 'call-off':
      return [does(go('note-kept', {}, 'cancel'))];
    case 'note-kept':
      if (source.journal === 'none') return [does(go('done', { settled: true }))];
      return [does(go('done', { journal: 'kept', settled: true })), ...fails('done', { settled: true })];
    case 'await-pages':
      return [['source: asks whether all is there', go('await-pages', {}, 'query')]];
    case 'note-released':
      return [does(go('forget', { journal: 'released' })), ...fails('forget')];
    case 'forget':
      return [does(go('destroy', { record: 'none' }))];
    case 'destroy':
      return [does(go('send-release', { process: 'gone' }))];
    case 'send-release':
      return [does(go('note-settled', {}, 'release'))];
    case 'note-settled':
      return [does(go('done', { journal: 'released', settled: true }))];
    case 'down':
      return [['source: starts', restartSource(state, decisions)]];
    case 'done':
      return [];
  }
}

function restartSource(state: HandOver, { sourceRecovery }: Decisions): HandOver {
  const { source } = state;
  const at = (step: SourceStep, more: Partial<HandOver['source']> = {}): HandOver => ({
    ...state,
    source: { ...source, at: step, ...more },
  });
  if (source.journal === 'none') return at('done', { settled: true });
  switch (sourceRecovery(source.journal, source.process === 'running')) {
    case 'nothing':
      return at('done', { settled: true });
    case 'thaw':
      return at('thaw');
    case 'ask':
      return at('hand-over');
    case 'clear':
      return at('forget');
  }
}

function targetSteps(state: HandOver, decisions: Decisions): Steps {
  const { target } = state;
  const go = (at: TargetStep, more: Partial<HandOver['target']> = {}, ...sent: Message[]): HandOver =>
    send({ ...state, target: { ...target, at, ...more } }, ...sent);
  const note = (at: TargetStep, journal: TargetState, ...sent: Message[]): HandOver =>
    go(at, { journal, said: journal }, ...sent);
  const fails = (at: TargetStep, more: Partial<HandOver['target']> = {}): Steps =>
    state.left.failures === 0 ? [] : [[`target: ${target.at} fails`, spend(go(at, more), 'failures')]];
  const does = (next: HandOver): readonly [string, HandOver] => [`target: ${target.at}`, next];
  switch (target.at) {
    case 'note-receiving':
      return [does(note('receiving', 'receiving', 'offer-ok')), ...fails('undo-receive')];
    case 'receiving':
      return [['target: the source is silent', go('undo-receive')]];
    case 'note-activating':
      return [
        does(note('restore', 'activating')),
        ...fails('undo-receive'),
        ...fails('undo-receive', { journal: 'activating' }),
      ];
    case 'restore':
      return [
        does(go('keep-record', { process: 'running', whole: !decisions.postCopy })),
        ...fails('undo-restore'),
        ...fails('undo-restore', { process: 'running', whole: !decisions.postCopy }),
      ];
    case 'keep-record':
      return [does(go('note-running', { record: EPOCH + 1 })), ...fails('undo-restore')];
    case 'note-running': {
      if (!target.whole) return [does(note('paging', 'paging', 'answer-running')), ...fails('undo-restore')];
      const early = decisions.notesBeforeSaying
        ? []
        : [['target: says too early', send(state, 'answer-running')] as const];
      return [...early, does(note('running', 'running', 'answer-running')), ...fails('undo-restore')];
    }
    case 'paging': {
      const gives = state.source.process === 'frozen' && state.source.at !== 'down';
      const comes = ['target: all of its memory has come', go('note-complete', { whole: true })] as const;
      return [...(gives ? [comes] : []), ['target: waits no longer', go('lose')]];
    }
    case 'note-complete':
      return [does(note('running', 'running')), ...fails('running', { said: 'running' })];
    case 'lose':
      return [does(go('note-lost', { process: 'none' }))];
    case 'note-lost':
      return [does(note('done', 'lost'))];
    case 'undo-restore':
      return [does(go('note-returned', { process: 'none', record: 'none' }))];
    case 'note-returned':
      return [does(note('done', 'returned', 'answer-returned'))];
    case 'undo-receive':
      return [does(go('note-cancelled', { process: 'none' }))];
    case 'note-cancelled':
      return [does(note('done', 'cancelled')), ...fails('done', { said: 'cancelled' })];
    case 'down':
      return [...orphanSteps(state, decisions), ['target: starts', restartTarget(state, decisions)]];
    default:
      return orphanSteps(state, decisions);
  }
}

/** A restore that outlived its daemon ends when it likes, well or not. */
function orphanSteps(state: HandOver, { postCopy }: Decisions): Steps {
  const { target } = state;
  if (target.process !== 'restoring') return [];
  const ends = (process: 'none' | 'running'): HandOver => ({ ...state, target: { ...target, process } });
  // Its memory would have come through the daemon that died, and its guard lets nothing run on without.
  if (postCopy) return [['target: an orphan fails', ends('none')]];
  return [
    ['target: an orphan brings it to run', ends('running')],
    ['target: an orphan fails', ends('none')],
  ];
}

function restartTarget(state: HandOver, decisions: Decisions): HandOver {
  const { target } = state;
  const process = target.process === 'restoring' && decisions.endsOrphans ? 'none' : target.process;
  const at = (step: TargetStep): HandOver => ({
    ...state,
    target: { ...target, at: step, process, said: target.journal },
  });
  if (target.journal === 'none') return at('idle');
  switch (decisions.targetRecovery(target.journal, process === 'running' && target.whole)) {
    case 'keep':
      if (target.journal === 'paging') return at('note-complete');
      return at(target.journal === 'running' ? 'running' : 'keep-record');
    case 'lose':
      return at('lose');
    case 'give-back':
      return at(process === 'restoring' ? 'note-returned' : 'undo-restore');
    case 'forget':
      return at('undo-receive');
    case 'nothing':
      return at('done');
  }
}

/** Every message in the network may arrive now. It stays there, and may arrive again; one that never does is lost. */
function deliveries(state: HandOver, decisions: Decisions): Steps {
  return state.network.flatMap((message): Steps => {
    const next = arrive(state, message, decisions);
    return next === undefined ? [] : [[`${message} arrives`, next]];
  });
}

function arrive(state: HandOver, message: Message, decisions: Decisions): HandOver | undefined {
  const { source, target } = state;
  const sourceAt = (at: SourceStep): HandOver => ({ ...state, source: { ...source, at } });
  const targetAt = (at: TargetStep, more: Partial<HandOver['target']> = {}): HandOver => ({
    ...state,
    target: { ...target, at, ...more },
  });
  if (message.startsWith('standing-'))
    return onStanding(state, message.slice('standing-'.length) as Standing, decisions);
  switch (message) {
    case 'offer':
      return target.at === 'idle' && target.journal === 'none' ? targetAt('note-receiving') : undefined;
    case 'offer-ok':
      return source.at === 'await-offer' ? sourceAt('note-begun') : undefined;
    case 'collect':
      return target.at === 'receiving' ? send(targetAt('receiving', { collected: true }), 'collected') : undefined;
    case 'collected':
      return source.at === 'await-collected' ? sourceAt('note-handing-over') : undefined;
    case 'hand-over':
      return target.at === 'receiving' && target.collected ? targetAt('note-activating') : undefined;
    case 'answer-running':
      if (source.at !== 'await-answer') return undefined;
      return sourceAt(decisions.postCopy ? 'await-pages' : 'note-released');
    case 'answer-returned':
      return source.at === 'await-answer' ? sourceAt('keep-epoch') : undefined;
    case 'query':
      return target.at === 'down'
        ? undefined
        : send(state, `standing-${target.said === 'none' ? 'unknown' : target.said}`);
    case 'cancel':
      return target.at === 'receiving' && decisions.mayCancel(target.said === 'none' ? 'unknown' : target.said)
        ? targetAt('undo-receive')
        : undefined;
    case 'release':
      return undefined;
    default:
      return undefined;
  }
}

function onStanding(state: HandOver, standing: Standing, decisions: Decisions): HandOver | undefined {
  const { source } = state;
  const { afterQuery, afterPages, postCopy } = decisions;
  if (source.at === 'await-pages') {
    const known = afterPages({ standing, reason: '', epoch: EPOCH + 1 });
    return known === undefined ? undefined : { ...state, source: { ...source, at: 'note-released' } };
  }
  if (source.at !== 'await-standing') return undefined;
  const known = afterQuery({ standing, reason: '', epoch: EPOCH + 2 }, EPOCH + 1);
  const at =
    known === undefined
      ? 'hand-over'
      : known.kind === 'returned'
        ? 'keep-epoch'
        : postCopy
          ? 'await-pages'
          : 'note-released';
  return { ...state, source: { ...source, at } };
}

function crashes(state: HandOver): Steps {
  const { source, target, left } = state;
  const found: Steps = [];
  if (left.sourceCrashes > 0 && source.at !== 'down') {
    const down = { ...state, source: { ...source, at: 'down', settled: false } } as const;
    found.push(['source: dies', spend(down, 'sourceCrashes')]);
  }
  if (left.targetCrashes > 0 && target.at !== 'down') {
    const ends = target.process === 'running' && !target.whole;
    const process = target.at === 'restore' ? 'restoring' : ends ? 'none' : target.process;
    const down = { ...state, target: { ...target, at: 'down', process, collected: false } } as const;
    found.push(['target: dies', spend(down, 'targetCrashes')]);
  }
  return found;
}

function send(state: HandOver, ...messages: readonly Message[]): HandOver {
  if (messages.every((message) => state.network.includes(message))) return state;
  return { ...state, network: [...new Set([...state.network, ...messages])].sort() };
}

function spend(state: HandOver, what: keyof HandOver['left']): HandOver {
  return { ...state, left: { ...state.left, [what]: state.left[what] - 1 } };
}
