/**
 * A connection to a peer. Invariant: a try to connect that hears nothing is given up for a new one, and a call that only
 * waited for the old one waits for the new one; no call is answered with the failure of a try that ended before it began.
 *
 * The kernel repeats the first packet of a connection ever more rarely (tcp_syn_retries in tcp(7): two minutes in all), and
 * gRPC's channel waits for it, so that a link that has healed would stay dead for as long again as it was.
 */
import { performance } from 'node:perf_hooks';
import {
  type CallOptions,
  type ChannelInterface,
  type ClientUnaryCall,
  connectivityState,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { CallLimits } from '../migration/peer-port.js';
import { fromServiceError } from './status.js';

export type Done<A> = (error: ServiceError | null, answer: A) => void;

export type Begin<C, A> = (clients: C, options: CallOptions, done: Done<A>) => ClientUnaryCall;

/** What one channel serves. */
export interface Clients {
  readonly channel: ChannelInterface;
}

export interface Connection<C extends Clients> {
  /** As they are connected now; what has begun on older ones goes on there. */
  clients(): C;
  /** @param begin may be asked again, until the time limit: so the call must be one that may arrive twice. */
  call<A>(limits: CallLimits, begin: Begin<C, A>): Promise<A>;
  /** What begins from now on does so on a new one; what has begun goes on where it is, and then that is closed. */
  renew(): void;
  close(): void;
}

/** A TCP and a TLS handshake over a bad link, with one packet lost (sent again after 1 s: RFC 6298). */
const CONNECT_MS = 3_000;

/**
 * @param connect makes a channel that shares its try to connect with no other one.
 * @param who is called, for people.
 * @param patience multiplies every time limit.
 */
export function createConnection<C extends Clients>(connect: () => C, who: string, patience: number): Connection<C> {
  const connectMs = CONNECT_MS * patience;
  let clients = connect();
  let readyMs = performance.now();

  function fresh(): C {
    const now = performance.now();
    if (clients.channel.getConnectivityState(false) === connectivityState.READY) readyMs = now;
    if (now - readyMs >= connectMs) renew();
    return clients;
  }

  /** As `fresh`, for what begins now: a channel that has failed would answer with that until its next try. */
  function current(): C {
    if (clients.channel.getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE) renew();
    return fresh();
  }

  function renew(): void {
    const old = clients;
    clients = connect();
    readyMs = performance.now();
    // Only now: whoever waited for the old one looks for another one.
    old.channel.close();
  }

  /** The error, if it went wrong. */
  async function attempt<A>(
    on: C,
    options: CallOptions,
    signal: AbortSignal | undefined,
    begin: Begin<C, A>,
  ): Promise<{ answer: A } | { error: ServiceError }> {
    return await new Promise((resolve) => {
      const running = begin(on, options, (error, answer) => {
        clearInterval(watch);
        signal?.removeEventListener('abort', cancel);
        resolve(error === null ? { answer } : { error });
      });
      const watch = setInterval(fresh, connectMs);
      const cancel = () => running.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  return {
    clients: current,
    renew,
    async call({ timeoutMs, signal }, begin) {
      const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs * patience };
      for (;;) {
        signal?.throwIfAborted();
        const on = current();
        const ended = await attempt(on, options, signal, begin);
        if ('answer' in ended) return ended.answer;
        signal?.throwIfAborted();
        const onlyWaited = on !== clients && ended.error.code === status.UNAVAILABLE;
        if (!onlyWaited) throw fromServiceError(ended.error, who);
      }
    },
    close: () => clients.channel.close(),
  };
}
