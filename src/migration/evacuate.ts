/**
 * An evacuation, told by the node that empties itself. Invariant: each cnvm is moved by the rules of every migration, a few at
 * a time, and has one result at the end; when time is up or somebody ends it, what moves is finished and nothing begins.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/errors.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import { createAttempts, endOfMove } from './attempts.js';
import {
  type BiddingPeer,
  type Bids,
  busyWords,
  type Candidate,
  type CandidatePorts,
  candidateOf,
  type Given,
  gatherBids,
  placeAll,
} from './candidates.js';
import {
  type EvacuateOrder,
  type EvacuationEvent,
  type EvacuationResult,
  type EvacuationSummary,
  endOf,
} from './evacuation.js';
import { MAX_DOWNTIME_MS, type MigrateOrder, type MigrationEvent } from './migration.js';

export interface EvacuationPorts extends CandidatePorts {
  readonly node: string;
  readonly overlayNetwork: string;
  readonly facts: () => Promise<NodeFacts>;
  /** What is here. */
  readonly records: () => readonly CnvmRecord[];
  /** The names of all that something is being done to: they come, go, are made or removed, or are in doubt. */
  readonly locked: () => readonly string[];
  /** Those of them that are in doubt, and who was told to take each. */
  readonly doubts: () => readonly { readonly name: string; readonly target: string }[];
  /** Whom it asks now. @param to their names; none: whoever may take something of a node like this. */
  readonly peers: (to: readonly string[], own: NodeFacts) => readonly BiddingPeer[];
  readonly migrate: (order: MigrateOrder) => AsyncIterable<MigrationEvent>;
}

/** Between two looks at what others do here. */
const LOOK_MS = 200;
/** A bid is old after this time, and as soon as a move has ended. */
const FRESH_MS = 300;
/** A candidate's size and state are looked at again after this time. */
const SIZE_MS = 10_000;
/** A peer that was silent for less than this may be about to answer: its daemon starts anew, or a packet was lost. */
const SILENT_MS = 10_000;

interface Move extends Given {
  readonly done: Promise<void>;
}

type Tell = (event: EvacuationEvent) => void;

/** @param signal ends it: nothing begins any more. @returns what runs it to its end, once, and how many move meanwhile. */
export function createEvacuation(ports: EvacuationPorts, order: EvacuateOrder, tell: Tell, signal: AbortSignal) {
  const began = performance.now();
  const attempts = createAttempts();
  const moving = new Map<string, Move>();
  const results = new Map<string, EvacuationResult>();
  const seen = new Set<string>();
  const sizes = new Map<string, { readonly candidate: Candidate; readonly atMs: number }>();
  const answeredMs = new Map<string, number>();
  /** In doubt before this began: by a daemon before us, or by a person. To whom. */
  const handed = new Map<string, string>();
  let asked: Bids | undefined;
  let trouble = '';

  const timeIsUp = () => performance.now() - began >= order.deadlineMs;
  const over = () => (signal.aborted ? 'stopped' : timeIsUp() ? 'deadline' : undefined);
  const say = (text: string) => tell({ kind: 'step', text });

  function end(name: string, result: Partial<EvacuationResult> & Pick<EvacuationResult, 'outcome'>): void {
    const none = { target: '', tries: attempts.tries(name), reasons: attempts.said(name), freezeMs: 0, totalMs: 0 };
    const whole: EvacuationResult = { name, ...none, ...result };
    results.set(name, whole);
    tell({ kind: 'result', result: whole });
  }

  const doubtful = (name: string) => attempts.doubtful(name) ?? handed.get(name);

  /** What others do here, and nobody may touch. */
  const others = () => ports.locked().filter((name) => !moving.has(name));

  /** Those that may be moved now. */
  function free(): CnvmRecord[] {
    const locked = new Set(ports.locked());
    const here = ports.records();
    for (const { name } of here) seen.add(name);
    const found = here.filter(({ name }) => !results.has(name) && !moving.has(name) && !locked.has(name));
    for (const { name } of found) handed.delete(name);
    for (const { name, target } of ports.doubts()) handed.set(name, target);
    return found;
  }

  /** What is here no more without our doing: its target has said that it took it, or a person was quicker. */
  function noteGone(): void {
    const here = new Set([...ports.records().map(({ name }) => name), ...ports.locked(), ...moving.keys()]);
    for (const name of seen) {
      if (here.has(name) || results.has(name)) continue;
      const target = doubtful(name);
      end(name, target === undefined ? { outcome: 'gone' } : { outcome: 'moved', target });
    }
  }

  async function sized(record: CnvmRecord): Promise<Candidate> {
    const known = sizes.get(record.name);
    if (known !== undefined && performance.now() - known.atMs < SIZE_MS) return { ...known.candidate, record };
    const candidate = await candidateOf(ports, record);
    sizes.set(record.name, { candidate, atMs: performance.now() });
    return candidate;
  }

  async function bids(own: NodeFacts): Promise<Bids> {
    if (asked !== undefined && performance.now() - asked.askedMs < FRESH_MS) return asked;
    const now = await gatherBids(ports.peers(order.to, own));
    for (const node of now.bids.keys()) answeredMs.set(node, now.askedMs);
    asked = now;
    return now;
  }

  /** Whether a little time may help: somebody is busy, left alone, or about to answer. */
  function mayWait(name: string, { bids: all, silent, askedMs }: Bids): boolean {
    const given = [...moving.values()];
    const busy = [...all].some(([node, bid]) => busyWords(node, bid, askedMs, given) !== undefined);
    const back = [...silent.keys()].some((node) => performance.now() - (answeredMs.get(node) ?? began) < SILENT_MS);
    return busy || back || attempts.waits(name);
  }

  /** Afterwards as many move as may, and those that can go nowhere have their result. */
  async function beginMoves(): Promise<void> {
    while (moving.size < order.parallel && over() === undefined) {
      const records = free();
      if (records.length === 0) return;
      const candidates = await Promise.all(records.map(sized));
      const source = await ports.facts();
      const now = await bids(source);
      const given = [...moving.values()];
      const { overlayNetwork } = ports;
      const { against } = attempts;
      const { places, stay } = placeAll({ candidates, asked: now, given, source, overlayNetwork, against });
      const [first] = places;
      const candidate = candidates.find(({ record }) => record.name === first?.[0]);
      if (first === undefined || candidate === undefined) {
        // What moves may come back, and leave its place to another.
        if (moving.size === 0) for (const [name, why] of stay) if (!mayWait(name, now)) giveUp(name, why, now);
        return;
      }
      begin(candidate, first[1]);
    }
  }

  /** What keeps one look from its end may be gone at the next. */
  function notNow(error: unknown): void {
    const words = `nothing begins for a moment: ${messageOf(error)}`;
    if (words !== trouble) say(words);
    trouble = words;
  }

  function giveUp(name: string, why: readonly string[], { silent }: Bids): void {
    const mute = [...silent].map(([node, error]) => `${node} does not answer: ${error}`);
    end(name, { outcome: 'stayed', reasons: [...new Set([...why, ...mute, ...attempts.said(name)])] });
  }

  function begin(candidate: Candidate, target: string): void {
    const { name } = candidate.record;
    attempts.begin(name);
    tell({ kind: 'moving', name, target });
    const done = move(name, target).finally(() => {
      moving.delete(name);
      sizes.delete(name);
      asked = undefined;
    });
    moving.set(name, { candidate, target, begunMs: performance.now(), done });
  }

  async function move(name: string, target: string): Promise<void> {
    const ended = await endOfMove(ports.migrate(orderFor(name, target)));
    const { freezeMs, totalMs } = ended;
    switch (attempts.note(name, target, ended)) {
      case 'moved':
        end(name, { outcome: 'moved', target, freezeMs, totalMs });
        return;
      case 'stay':
        end(name, { outcome: 'stayed' });
        return;
      case 'wait':
        say(`${name} is in doubt: ${ended.error}; it is waited for`);
        return;
      case 'elsewhere':
        say(`not to ${target}: ${ended.error}`);
        return;
      case 'later':
        say(`${name} is tried again: ${ended.error}`);
        return;
    }
  }

  function last(): void {
    const locked = new Set(ports.locked());
    const why =
      over() === 'deadline' ? 'time was up before it could go' : 'the evacuation was ended before it could go';
    for (const { name } of ports.records()) {
      if (results.has(name)) continue;
      const target = doubtful(name);
      const reasons = [...attempts.said(name), why];
      if (target !== undefined && locked.has(name)) end(name, { outcome: 'in-doubt', target, reasons });
      else end(name, { outcome: 'stayed', reasons });
    }
  }

  async function run(): Promise<EvacuationSummary> {
    const { parallel, deadlineMs, dryRun } = order;
    const started = { node: ports.node, cnvms: free().length, parallel, deadlineMs, dryRun };
    tell({ kind: 'started', started });
    for (;;) {
      noteGone();
      await beginMoves().catch(notNow);
      if (moving.size === 0 && (over() !== undefined || (free().length === 0 && others().length === 0))) break;
      await Promise.race([...[...moving.values()].map(({ done }) => done), sleep(LOOK_MS)]);
    }
    noteGone();
    last();
    const all = [...results.values()];
    return { node: ports.node, end: endOf(all, over()), results: all, totalMs: performance.now() - began, dryRun };
  }

  return { run, moving: () => moving.size };
}

/** Hot when it runs, as it is when it is stopped. */
export function orderFor(name: string, target: string, dryRun = false): MigrateOrder {
  const plain = { landing: undefined, mode: undefined, strict: false, bandwidth: 0, postCopy: false } as const;
  const ways = { maxDowntimeMs: MAX_DOWNTIME_MS, onSlow: 'stop-copy', compress: 'auto', evacuation: true } as const;
  return { name, target, dryRun, ...plain, ...ways };
}
