/** Shows a migration's events as they come, and calls it off on Ctrl-C. Decides nothing: the daemon's last word counts. */

import { CnvmError, messageOf } from '../base/errors.js';
import type { AbortMigrationResponse } from '../gen/cnvm/v1/migration.js';
import {
  MemoryMode,
  type MigrateRequest,
  type Migration,
  type MigrationEvent,
  MigrationMode,
  MigrationOutcome,
  type MigrationPlan,
} from '../gen/cnvm/v1/migration.js';
import { type Connection, call, messages } from './connect.js';
import { EXIT } from './exit-codes.js';
import { progressLine } from './progress.js';
import { bytesText, jsonText, memoryText, msText } from './text.js';

export interface FollowOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** @returns the exit code. @throws the daemon's error when it refused; `in-doubt` when it has begun and its end is not heard of. */
export async function followMigration(
  connection: Connection,
  order: MigrateRequest,
  options: FollowOptions,
): Promise<number> {
  const interrupt = onInterrupt(connection, order);
  const screen = createScreen(options);
  let begun = false;
  try {
    const stream = connection.migrations.migrate(order);
    interrupt.detach = () => stream.cancel();
    for await (const { event } of messages(connection, stream)) {
      if (event === undefined) continue;
      begun = true;
      interrupt.begun();
      screen.show(event);
      if (event.event?.$case === 'plan') return planCode(event.event.value);
      if (event.event?.$case === 'ended') return endCode(event.event.value, interrupt.asked);
    }
    return EXIT.failed;
  } catch (error) {
    if (!interrupt.detached) throw begun ? lost(error, order.name) : error;
    if (order.dryRun) return EXIT.interrupted;
    process.stderr.write('[o] left alone; it goes on, or rolls back. Look: cnvm migrations\n');
    return EXIT.unsettled;
  } finally {
    screen.clear();
    interrupt.stop();
  }
}

/** Not refused, whoever was lost on the way to it: what has begun goes on without us, or the next daemon settles it. */
function lost(error: unknown, name: string): CnvmError {
  const remedy = `The daemon settles it when it is back. Look: cnvm migrations, cnvm ls --all`;
  return new CnvmError('in-doubt', `${messageOf(error)}, and ${name} was on its way`, { remedy, cause: error });
}

function planCode(plan: MigrationPlan): number {
  return plan.refusals.length === 0 ? EXIT.ok : EXIT.refused;
}

function endCode({ outcome }: Migration, interrupted: boolean): number {
  switch (outcome) {
    case MigrationOutcome.SUCCEEDED:
      return EXIT.ok;
    case MigrationOutcome.REFUSED:
      return EXIT.refused;
    case MigrationOutcome.STRANDED:
    case MigrationOutcome.IN_DOUBT:
      return EXIT.unsettled;
    default:
      return interrupted ? EXIT.interrupted : EXIT.failed;
  }
}

interface Interrupt {
  asked: boolean;
  detached: boolean;
  detach: () => void;
  /** There is something to call off. */
  begun: () => void;
  stop: () => void;
}

const nothing = (): void => undefined;

/** The first Ctrl-C calls it off, the second leaves it alone. What only asks has nothing to call off: what moves is another's. */
function onInterrupt(connection: Connection, { name, dryRun }: MigrateRequest): Interrupt {
  const state: Interrupt = { asked: false, detached: false, detach: nothing, begun: nothing, stop: nothing };
  let begun = false;
  const callOff = () => {
    call<AbortMigrationResponse>(connection, (done) =>
      connection.migrations.abortMigration({ idOrName: name }, done),
    ).catch((error: unknown) => {
      if (state.detached) return;
      const words = error instanceof CnvmError ? error.message : String(error);
      process.stderr.write(`[o] ${words}\n`);
    });
  };
  state.begun = () => {
    // Who is quick with Ctrl-C means this one all the same.
    if (!begun && state.asked) callOff();
    begun = true;
  };
  const handle = () => {
    if (state.asked || dryRun) {
      state.detached = true;
      state.detach();
      return;
    }
    state.asked = true;
    process.stderr.write('\n[o] calling it off; rolling back (Ctrl-C again leaves it alone)\n');
    if (begun) callOff();
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  state.stop = () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
  return state;
}

/** A line that is redrawn on a terminal; plain lines elsewhere. */
function createScreen({ json, quiet }: FollowOptions) {
  const live = process.stderr.isTTY && !json && !quiet;
  let drawn = false;
  const clear = () => {
    if (drawn) process.stderr.write('\r\u001b[K');
    drawn = false;
  };
  const say = (text: string) => {
    clear();
    if (!quiet) process.stderr.write(`[o] ${text}\n`);
  };
  return {
    clear,
    show(message: MigrationEvent): void {
      if (json) process.stdout.write(`${jsonText(eventJson(message))}\n`);
      const { event } = message;
      if (event?.$case === 'progress' && live) {
        process.stderr.write(`\r\u001b[K${progressLine(event.value, process.stderr.columns || 80)}`);
        drawn = true;
      }
      if (event?.$case === 'step' && !json) say(event.value);
      if (event?.$case === 'plan' && !json) process.stdout.write(planText(event.value));
      if (event?.$case === 'ended') {
        clear();
        if (!json)
          (event.value.outcome === MigrationOutcome.SUCCEEDED ? process.stdout : process.stderr).write(
            endText(event.value),
          );
      }
    },
  };
}

function eventJson({ event }: MigrationEvent): unknown {
  return event === undefined ? {} : { event: event.$case, [event.$case]: event.value };
}

function planText(plan: MigrationPlan): string {
  const hot = plan.mode === MigrationMode.HOT;
  const least = plan.memoryMode === MemoryMode.PRE_COPY ? 'at least ' : '';
  const aim = `expected downtime ${least}${msText(plan.expectedDowntimeMs)}, aims for ${msText(plan.maxDowntimeMs)}`;
  const lines = [
    `${plan.name}: ${plan.source} -> ${plan.target}:${plan.landing} (${hot ? 'hot' : 'cold'})`,
    `memory ${bytesText(Number(plan.memoryBytes))}, disk ${bytesText(Number(plan.diskBytes))}`,
    ...(hot ? [`memory by ${memoryText(plan.memoryMode)}; ${aim}`] : []),
    ...plan.warnings.map((warning) => `warning: ${warning}`),
    ...plan.refusals.map((refusal) => `no: ${refusal}`),
    plan.refusals.length === 0 ? 'it would go' : 'it would be refused; nothing has changed',
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function endText(migration: Migration): string {
  if (migration.outcome !== MigrationOutcome.SUCCEEDED) return `[x] ${migration.error}\n`;
  const { freezeMs, totalMs, memoryBytes, diskBytes, freezeParts, memoryMode, memoryRounds } = migration;
  const parts = freezeParts.map((part) => `${part.name} ${msText(part.ms)}`).join(', ');
  const way = memoryMode === MemoryMode.UNSPECIFIED ? '' : ` by ${memoryText(memoryMode, memoryRounds)}`;
  const moved = `${bytesText(Number(memoryBytes))} of memory${way}, ${bytesText(Number(diskBytes))} of disk`;
  return `${migration.name} runs on ${migration.target}: frozen ${msText(freezeMs)} (${parts}), ${moved}, ${msText(totalMs)} in all\n`;
}
