/**
 * What is to go wrong on a fake host, and when. Invariant: a planned thing happens as often as was planned and not once
 * more; what was never reached can be asked for, so that a test of a failure cannot pass without the failure.
 */
import { CnvmError } from '../../src/base/errors.js';
import type { Machine } from '../../src/cnvms/machine.js';
import type { Bulk } from '../../src/migration/bulk.js';
import type { JournalEntry } from '../../src/migration/journal.js';

export type Step =
  | `machine.${keyof Machine}`
  | `bulk.${keyof Bulk}`
  | `dump.${'held' | 'commit' | 'rollBack'}`
  /** Between its memory being taken and being sent, and when the target has it. */
  | 'preDump.taken'
  | 'preDump.rollBack'
  /** A part of a memory that comes late is about to be asked for. */
  | 'pages.ask'
  /** Whether a port of the node is free. */
  | 'ports.look'
  /** What the host has, for whoever asks the node about it. */
  | 'host.facts'
  /** The journal is about to say so. */
  | `journal.${JournalEntry['state']}`
  /** It runs, and no packet has been let in yet. */
  | 'restore.unheard'
  | `overlay.${'setBehind' | 'unwire' | 'prepareKey' | 'changeKey'}`;
export type Moment = 'before' | 'after';

interface Planned {
  readonly step: Step;
  readonly moment: Moment;
  readonly act: () => void | Promise<void>;
  /** The visit from which on it happens; 1 is the first. */
  from: number;
  times: number;
}

export type Plan = ReturnType<typeof createPlan>;

export function createPlan() {
  let planned: Planned[] = [];

  return {
    /** Does `act` at the step, `times` times, from its visit number `from` on. */
    at(
      step: Step,
      moment: Moment,
      act: () => void | Promise<void>,
      { from = 1, times = 1 }: { from?: number; times?: number } = {},
    ): void {
      planned.push({ step, moment, act, from, times });
    },
    /** Makes the step fail as a host's program does. */
    fail(step: Step, moment: Moment, often: { from?: number; times?: number } = {}): void {
      this.at(step, moment, () => Promise.reject(brokenAt(step)), often);
    },
    /** Holds the first visit at the step. @returns when it is there, and what lets it go on. */
    hold(step: Step, moment: Moment = 'before'): { readonly reached: Promise<void>; readonly goOn: () => void } {
      let goOn: () => void = () => undefined;
      const free = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const reached = new Promise<void>((resolve) => {
        this.at(step, moment, async () => {
          resolve();
          await free;
        });
      });
      return { reached, goOn };
    },
    /** The host is at the step. */
    async reach(step: Step, moment: Moment): Promise<void> {
      for (const one of planned.filter((candidate) => candidate.step === step && candidate.moment === moment)) {
        one.from -= 1;
        if (one.from > 0 || one.times === 0) continue;
        one.times -= 1;
        await one.act();
      }
    },
    /** What was planned and has not happened as often as it should. */
    unmet: (): string[] => planned.filter(({ times }) => times > 0).map(({ step, moment }) => `${moment} ${step}`),
    clear(): void {
      planned = [];
    },
  };
}

function brokenAt(step: Step): CnvmError {
  const message = `${step} is broken`;
  return new CnvmError('tool', message, { tool: { argv: [step], exitCode: 1, lastLines: message } });
}
