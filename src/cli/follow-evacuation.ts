/**
 * Follows an evacuation to its summary. Invariant: when the daemon that does it ends in the middle, what is followed is what the
 * next one goes on with; nothing is begun a second time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError } from '../base/errors.js';
import type { EvacuateRequest, EvacuationEvent, StopEvacuationResponse } from '../gen/cnvm/v1/evacuation.js';
import { type Connection, call, messages } from './connect.js';
import { evacuationCode } from './evacuation-text.js';
import { EXIT } from './exit-codes.js';

export interface Pauses {
  /** Between two tries to find it again. */
  readonly againMs: number;
  /** A daemon that is silent for so long is not waited for any more. */
  readonly silentMsMax: number;
}

/** systemd starts a daemon that has died again within seconds; it then looks at what was left, and asks its peers. */
const PAUSES: Pauses = { againMs: 1_000, silentMsMax: 120_000 };

export interface Telling {
  readonly show: (event: EvacuationEvent) => void;
  /** A line for people, beside the events. */
  readonly say: (line: string) => void;
}

/** @returns the exit code. @throws the daemon's own error, or `Unreachable`. */
export async function followEvacuation(
  connection: Connection,
  request: EvacuateRequest,
  { show, say }: Telling,
  pauses: Pauses = PAUSES,
): Promise<number> {
  const place = request.node === '' ? '' : ` ${request.node}`;
  const interrupt = onInterrupt(connection, request, say);
  let wanted = request;
  let begun = request.followOnly;
  let silentSince: number | undefined;
  try {
    for (;;) {
      const stream = connection.evacuations.evacuate(wanted);
      interrupt.leave = () => stream.cancel();
      try {
        for await (const { event } of messages(connection, stream)) {
          if (event === undefined) continue;
          begun = begun || event.event?.$case === 'started';
          silentSince = undefined;
          show(event);
          if (event.event?.$case === 'summary') return evacuationCode(event.event.value);
        }
        return EXIT.failed;
      } catch (error) {
        if (interrupt.left && request.dryRun) return EXIT.interrupted;
        if (interrupt.left) {
          say('left; nothing new begins, what moves is finished. Look: cnvm migrations');
          return EXIT.failed;
        }
        if (hasEnded(error) && wanted !== request) {
          say('it has ended meanwhile. What is where by now: cnvm ls --all. What moved: cnvm migrations');
          return EXIT.failed;
        }
        if (!begun || request.dryRun || !isSilent(error)) throw error;
        silentSince ??= performance.now();
        if (performance.now() - silentSince > pauses.silentMsMax) {
          say(`when its daemon is back it goes on, until its deadline. Follow it: cnvm evacuate${place} --follow`);
          throw error;
        }
        if (wanted === request)
          say('its daemon does not answer; when it is back the evacuation goes on (Ctrl-C twice: leave)');
        wanted = { ...request, to: [], followOnly: true };
        await sleep(pauses.againMs, undefined, { signal: interrupt.gone }).catch(() => undefined);
      }
    }
  } finally {
    interrupt.stop();
  }
}

const isSilent = (error: unknown): boolean => error instanceof CnvmError && error.kind === 'unavailable';
const hasEnded = (error: unknown): boolean => error instanceof CnvmError && error.kind === 'state';

/**
 * The first Ctrl-C lets nothing new begin and waits for what moves, the second does not wait. What only asks how it would be
 * has begun nothing: what runs is another's.
 */
function onInterrupt(connection: Connection, { node, dryRun }: EvacuateRequest, say: (line: string) => void) {
  const gone = new AbortController();
  const state = { asked: false, left: false, leave: (): void => undefined, gone: gone.signal };
  const handle = () => {
    if (state.asked || dryRun) {
      state.left = true;
      gone.abort();
      state.leave();
      return;
    }
    state.asked = true;
    say('nothing new begins; what moves is finished (Ctrl-C again does not wait for it)');
    call<StopEvacuationResponse>(connection, (done) => connection.evacuations.stopEvacuation({ node }, done)).catch(
      (error: unknown) => say(error instanceof Error ? error.message : String(error)),
    );
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, handle);
  return Object.assign(state, {
    stop() {
      for (const signal of signals) process.off(signal, handle);
    },
  });
}
