/**
 * Calls about a cnvm of another node, or about another node, handed on to it. Invariant: a call is handed on once at most, under the role and
 * the name of who made it, and only those of `FORWARDED`; the owner's answer is given back as it came.
 */
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { CnvmError, refused } from '../base/errors.js';
import { bidi, type CallContext, type Handling, received, type Send, serverStream, unary } from './handle.js';
import type { Onward } from './onward.js';
import { behalfOf, ON_BEHALF } from './roles.js';
import { fromServiceError } from './status.js';

type Method<Q, A> = MethodDefinition<Q, A>;

/** Where a call goes that is about something of this name; undefined when it stays here. */
type Route = (handling: Handling, name: string) => Onward | undefined;
const byCnvm: Route = ({ onward }, cnvm) => onward?.(cnvm);
/** @throws `refused` when there is no such node. */
export const byNode: Route = ({ onwardTo }, node) => onwardTo?.(node);

/** A unary call about a cnvm. @param nameOf the cnvm that it is about; undefined when it is about none. */
export function unaryAt<Q, A>(
  handling: Handling,
  method: Method<Q, A>,
  nameOf: (request: Q) => string,
  act: (request: Q, context: CallContext) => Promise<A>,
  route: Route = byCnvm,
) {
  return unary<Q, A>(handling, async (request, context) => {
    const onward = onwardOf(handling, nameOf(request), context, route);
    return onward === undefined ? await act(request, context) : await ask(onward, method, request, context);
  });
}

/** A call about a cnvm that is answered by a stream. */
export function streamAt<Q, A>(
  handling: Handling,
  method: Method<Q, A>,
  nameOf: (request: Q) => string,
  act: (request: Q, send: Send<A>, context: CallContext) => Promise<void>,
  route: Route = byCnvm,
) {
  return serverStream<Q, A>(handling, async (request, send, context) => {
    const onward = onwardOf(handling, nameOf(request), context, route);
    if (onward === undefined) {
      await act(request, send, context);
      return;
    }
    const client = clientOf(onward);
    const stream = client.makeServerStreamRequest(
      ...([method.path, method.requestSerialize, method.responseDeserialize, request, behalf(context)] as const),
    );
    await passOn(onward, stream, send, context);
  });
}

/** Streams both ways; the first message says about which cnvm. */
export function duplexAt<Q, A>(
  handling: Handling,
  method: Method<Q, A>,
  nameOf: (first: Q) => string,
  act: (first: Q, more: AsyncIterator<Q, undefined>, send: Send<A>, context: CallContext) => Promise<void>,
) {
  return bidi<Q, A>(handling, async (call: ServerDuplexStream<Q, A>, send, context) => {
    const requests = received(call);
    const first = await requests.next();
    if (first.done) throw refused('invalid', 'the first message is missing');
    const onward = onwardOf(handling, nameOf(first.value), context, byCnvm);
    if (onward === undefined) {
      await act(first.value, requests, send, context);
      return;
    }
    const { path, requestSerialize, responseDeserialize } = method;
    const stream = clientOf(onward).makeBidiStreamRequest(path, requestSerialize, responseDeserialize, behalf(context));
    void feed(stream, first.value, requests);
    await passOn(onward, stream, send, context);
  });
}

function onwardOf(handling: Handling, name: string, { caller, forwarded }: CallContext, route: Route) {
  const found = forwarded || name === '' ? undefined : route(handling, name);
  if (found !== undefined)
    handling.log.info({ about: name, peer: found.peer, caller: caller.name, role: caller.role }, 'handed on');
  return found;
}

/** On the peer's own connection. */
function clientOf({ channel }: Onward): Client {
  const channelOverride = channel();
  return new Client(channelOverride.getTarget(), credentials.createInsecure(), { channelOverride });
}

function behalf({ caller }: CallContext): Metadata {
  const metadata = new Metadata();
  metadata.set(ON_BEHALF, behalfOf(caller));
  return metadata;
}

async function ask<Q, A>(onward: Onward, method: Method<Q, A>, request: Q, context: CallContext): Promise<A> {
  const { path, requestSerialize, responseDeserialize } = method;
  return await new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer?: A) => {
      context.signal.removeEventListener('abort', cancel);
      if (error === null && answer !== undefined) resolve(answer);
      else
        reject(error === null ? refused('unavailable', `${onward.peer} answered nothing`) : failureOf(error, onward));
    };
    const client = clientOf(onward);
    const running = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      behalf(context),
      done,
    );
    const cancel = () => running.cancel();
    context.signal.addEventListener('abort', cancel, { once: true });
  });
}

async function passOn<A>(
  onward: Onward,
  stream: ClientReadableStream<A>,
  send: Send<A>,
  { signal }: CallContext,
): Promise<void> {
  const cancel = () => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of stream) await send(message as A);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof CnvmError ? error : failureOf(error as ServiceError, onward);
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}

async function feed<Q, A>(
  stream: ClientDuplexStream<Q, A>,
  first: Q,
  requests: AsyncIterator<Q, undefined>,
): Promise<void> {
  try {
    stream.write(first);
    for (;;) {
      const next = await requests.next();
      if (next.done) break;
      if (!stream.write(next.value)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
  } catch {
    // The caller has gone, and the call with it.
    stream.cancel();
  }
}

/** The owner's own error; or that it was not reached, and that the cnvm is there all the same. */
function failureOf(error: ServiceError, { peer }: Onward): CnvmError {
  const found = fromServiceError(error, peer);
  if (found.kind !== 'unavailable' || found.location !== undefined) return found;
  return refused('unavailable', found.message, { location: peer, cause: error });
}
