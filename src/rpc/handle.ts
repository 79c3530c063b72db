/**
 * From async functions to grpc-js handlers. Invariant: every call is checked against the table of roles before anything of
 * it is read, every failure becomes a status and a line in the log, and the signal fires when the caller has gone.
 */
import { performance } from 'node:perf_hooks';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerUnaryCall,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { abortable } from '../base/abortable.js';
import { cutText } from '../base/cut-text.js';
import { CnvmError, messageOf, refused } from '../base/errors.js';
import { plainSerial } from '../pki/subject.js';
import type { Onward } from './onward.js';
import { type Caller, callerBehind, callerOf, ON_BEHALF, rolesFor } from './roles.js';
import { toServiceError } from './status.js';

export interface CallContext {
  readonly caller: Caller;
  /** Fires when the caller has gone or given up. */
  readonly signal: AbortSignal;
  /** Another node has handed it on: it goes no further. */
  readonly forwarded: boolean;
}

/** Makes handlers for one server. */
export interface Handling {
  readonly log: Logger;
  /** Who everybody is that comes this way. Undefined: who their certificates say. */
  readonly caller?: Caller;
  /** The owner of a cnvm that is not here, if it is known. */
  readonly onward?: (cnvm: string) => Onward | undefined;
  /** A node that is not this one. @throws `refused` when there is no such. */
  readonly onwardTo?: (node: string) => Onward | undefined;
}

/** What every kind of call has. */
interface AnyCall {
  readonly metadata: Metadata;
  getPath(): string;
  getAuthContext(): ReturnType<ServerUnaryCall<unknown, unknown>['getAuthContext']>;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Resolves when the stream takes more. */
export type Send<T> = (message: T) => Promise<void>;

export function unary<Q, A>(
  handling: Handling,
  act: (request: Q, context: CallContext) => Promise<A>,
): handleUnaryCall<Q, A> {
  return (call, callback: sendUnaryData<A>) => {
    void around(handling, call, (context) => act(call.request, context)).then(
      (answer) => callback(null, answer),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

export function serverStream<Q, A>(
  handling: Handling,
  act: (request: Q, send: Send<A>, context: CallContext) => Promise<void>,
): handleServerStreamingCall<Q, A> {
  return (call) => {
    void around(handling, call, (context) => act(call.request, sender(call, context.signal), context)).then(
      () => call.end(),
      (error: unknown) => fail(call, error),
    );
  };
}

export function bidi<Q, A>(
  handling: Handling,
  act: (call: ServerDuplexStream<Q, A>, send: Send<A>, context: CallContext) => Promise<void>,
): handleBidiStreamingCall<Q, A> {
  return (call) => {
    call.on('error', () => undefined);
    void around(handling, call, (context) => act(call, sender(call, context.signal), context)).then(
      () => call.end(),
      (error: unknown) => fail(call, error),
    );
  };
}

/** Ends a stream with a status. To destroy it would send none, and leave its caller waiting for ever. */
export function fail(call: { emit(event: 'error', error: Error): unknown }, error: unknown): void {
  call.emit('error', toServiceError(error));
}

/** What the caller sends, up to its end. A stream's own iterator would destroy it there, and the answer with it. */
export function received<Q, A>(call: ServerDuplexStream<Q, A>): AsyncIterator<Q, undefined> & AsyncIterable<Q> {
  return call.iterator({ destroyOnReturn: false });
}

async function around<A>(handling: Handling, call: AnyCall, act: (context: CallContext) => Promise<A>): Promise<A> {
  const began = performance.now();
  const path = call.getPath();
  const from = handling.caller ?? peerOf(call);
  const behind = callerBehind(from, path, String(call.metadata.get(ON_BEHALF)[0] ?? ''));
  const caller = behind ?? from;
  const forwarded = behind !== undefined;
  if (forwarded)
    handling.log.info({ rpc: path, caller: caller.name, role: caller.role }, 'a call was handed on to this node');
  const gone = new AbortController();
  call.on('cancelled', () => gone.abort(refused('cancelled', 'the caller has gone')));
  try {
    demandRole(path, caller);
    return await act({ caller, signal: gone.signal, forwarded });
  } catch (error) {
    const facts = { rpc: path, caller: caller.name, role: caller.role, ms: Math.round(performance.now() - began) };
    if (error instanceof CnvmError)
      handling.log.info({ ...facts, error: cutText(messageOf(error), ERROR_MAX) }, 'call refused or failed');
    else handling.log.error({ ...facts, error }, 'call failed');
    throw error;
  }
}

/** A caller's own words may be in it, as many as it likes. */
const ERROR_MAX = 1_000;

function demandRole(path: string, caller: Caller): void {
  const roles = rolesFor(path);
  if (roles.includes(caller.role)) return;
  throw refused(
    'forbidden',
    `${caller.name} (${caller.role}) may not call ${path}; it takes one of: ${roles.join(', ') || 'none'}`,
  );
}

/** By fingerprint: to read a certificate costs more than a small call. */
const callers = new Map<string, Caller>();
/** More nodes and operators than one daemon hears. */
const CALLERS_MAX = 1_000;

function peerOf(call: AnyCall): Caller {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate === undefined) return { role: 'nobody', name: 'nobody' };
  const known = callers.get(certificate.fingerprint256);
  if (known !== undefined) return known;
  const serial = plainSerial(certificate.serialNumber);
  const caller = { ...callerOf(certificate.subjectaltname ?? ''), serial };
  if (callers.size >= CALLERS_MAX) callers.clear();
  callers.set(certificate.fingerprint256, caller);
  return caller;
}

function sender<A>(
  stream: {
    write(message: A): boolean;
    once(event: 'drain', listener: () => void): unknown;
    off(event: 'drain', listener: () => void): unknown;
  },
  signal: AbortSignal,
): Send<A> {
  return async (message) => {
    signal.throwIfAborted();
    if (stream.write(message)) return;
    let drained: () => void = () => undefined;
    const drain = new Promise<void>((resolve) => {
      drained = resolve;
      stream.once('drain', drained);
    });
    await abortable(drain, signal).finally(() => stream.off('drain', drained));
  };
}
