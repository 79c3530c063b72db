/**
 * A call whose work the daemon does to its end, also without its caller. Invariant: who is interrupted meanwhile is told that, and
 * not that anything was called off.
 */
import type { ServiceError } from '@grpc/grpc-js';
import { CnvmError } from '../base/errors.js';
import { type Connection, call } from './connect.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** @throws like `call`; `in-doubt` when it was left at Ctrl-C. */
export async function callOrLeave<A>(
  connection: Connection,
  begin: (done: (error: ServiceError | null, answer: A) => void) => { cancel(): void },
): Promise<A> {
  let left = false;
  let running: { cancel(): void } | undefined;
  const leave = () => {
    left = true;
    running?.cancel();
  };
  for (const signal of SIGNALS) process.on(signal, leave);
  try {
    return await call<A>(connection, (done) => {
      running = begin(done);
    });
  } catch (error) {
    if (!left) throw error;
    throw new CnvmError('in-doubt', 'left alone; what the daemon has heard of it goes on', {
      remedy: 'Look what came of it: cnvm ls --all',
      cause: error,
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, leave);
  }
}
