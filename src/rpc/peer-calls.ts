/** `cnvm.peer.v1` as this node serves it: what it is, what comes to it, and the bulk of what leaves it. */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import * as wire from '../gen/cnvm/peer/v1/peer.js';
import type { Word } from '../mesh/mesh-port.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { Message } from '../mesh/swim/words.js';
import type { BulkPort, Channel, HandOverResult, Offer, Standing, TargetPort } from '../migration/peer-port.js';
import { isOverlayCard } from '../overlay/tunnel.js';
import { bidi, type CallContext, type Handling, serverStream, unary } from './handle.js';
import { fromLayerSizes } from './image-messages.js';
import { fromHolding, fromMemberMessage, toHolding, toMemberMessage } from './member-messages.js';
import {
  fromBig,
  fromCompression,
  fromMeasure,
  fromMemoryMode,
  fromMode,
  optional,
  required,
  toBig,
  toCompression,
  toMemoryMode,
  toPart,
} from './messages.js';
import { fromFacts, toFacts } from './node-messages.js';
import { openPacking } from './packing.js';
import { createImageSum } from './sum.js';
import { serverTunnel } from './tunnel.js';

export interface MeshPort {
  describe(): Promise<NodeFacts>;
  announced(from: string, word: Word): Promise<Word>;
  /** A message of the membership. @returns the answer. */
  asked(from: string, message: Message): Promise<Message>;
}

export const STANDINGS: Readonly<Record<Standing, wire.Standing>> = {
  unknown: wire.Standing.UNKNOWN,
  receiving: wire.Standing.RECEIVING,
  activating: wire.Standing.ACTIVATING,
  paging: wire.Standing.PAGING,
  running: wire.Standing.RUNNING,
  lost: wire.Standing.LOST,
  returned: wire.Standing.RETURNED,
  cancelled: wire.Standing.CANCELLED,
};

export const CHANNELS: Readonly<Record<Channel, wire.Channel>> = { pages: wire.Channel.PAGES, disk: wire.Channel.DISK };

export const toWord = ({ holdings, overlay }: Word) => ({ holdings: holdings.map(toHolding), overlay });
/** @throws `refused` when a number is beyond all reason. A peer that knows of no tunnel has none. */
export function fromWord({ holdings, overlay }: Pick<wire.AnnounceRequest, 'holdings' | 'overlay'>): Word {
  const { key = '', nextKey = '', port = 0, mtu = 0 } = overlay ?? {};
  const card = { key, nextKey, port, mtu };
  if (!isOverlayCard(card))
    throw refused('invalid', 'the field "overlay" holds what is no key, no port or no size of a packet');
  return { holdings: holdings.map(fromHolding), overlay: card };
}

/** A migration's id has 36 letters; it is in every word about it. */
const ID_MAX = 64;
/** A reason is kept in the journal, and read by people. */
export const REASON_MAX = 1_000;

/** @throws `refused` when it is empty, or no id. */
function idOf({ migration }: { readonly migration: string }): string {
  if (required(migration, 'migration').length > ID_MAX) throw refused('invalid', 'the field "migration" is no id');
  return migration;
}

export function meshCalls(handling: Handling, mesh: MeshPort, node: string): wire.MeshServiceServer {
  return {
    describe: unary(handling, async () => ({ facts: toFacts(await mesh.describe()) })),
    // Whose holdings they are the certificate says, whatever the message says.
    announce: unary(handling, async (request, { caller }) => ({
      ...toWord(await mesh.announced(caller.name, fromWord(request))),
      node,
    })),
  };
}

/** @param network the overlay's, that what a peer says of addresses is held to. */
export function memberCalls(handling: Handling, mesh: MeshPort, network: string): wire.MembershipServiceServer {
  return {
    exchange: unary(handling, async ({ message }, { caller }) => {
      const refuse = (why: string) => handling.log.warn({ peer: caller.name, why }, 'a peer says what cannot be');
      const asked = fromMemberMessage(message, network, refuse);
      // From a newer version, perhaps: it is answered, so that it sees that somebody is here.
      const taken: Message = asked ?? { kind: 'gossip', incarnation: 0, words: [] };
      return { message: toMemberMessage(await mesh.asked(caller.name, taken)) };
    }),
  };
}

export function handOverCalls(handling: Handling, target: TargetPort): wire.HandOverServiceServer {
  const named = <Q extends { migration: string }, A>(act: (request: Q, from: string) => Promise<A>) =>
    unary<Q, A>(handling, (request, { caller }) => {
      idOf(request);
      return act(request, caller.name);
    });
  const done = async (work: Promise<void>) => {
    await work;
    return {};
  };
  return {
    offer: named(async (request: wire.OfferRequest, from) => {
      const answer = await target.offer(fromOffer(request), from);
      const { memoryMode, compression, busy = false } = answer;
      return { ...answer, busy, memoryMode: toMemoryMode(memoryMode), compression: toCompression(compression) };
    }),
    seed: named(async ({ migration }, from) => {
      const { diskBytes } = await target.seed(migration, from);
      return { diskBytes: toBig(diskBytes) };
    }),
    round: named(async ({ migration, round, parent }: wire.RoundRequest, from) => {
      const { bytes, broken } = await target.round(migration, { round, parent }, from);
      return { bytes: toBig(bytes), broken };
    }),
    prepare: named(async ({ migration, round, parent, flushedTime, changes }: wire.PrepareRequest, from) =>
      // Without a time, or with one that is none, everything is suspect.
      target.prepare(migration, { round, parent, changes, flushedMs: flushedTime?.getTime() || 0 }, from),
    ),
    collect: named(async ({ migration, changed }: wire.CollectRequest, from) => {
      const { diskBytes, imageBytes, parts } = await target.collect(migration, changed, from);
      return { diskBytes: toBig(diskBytes), imageBytes: toBig(imageBytes), parts: parts.map(toPart) };
    }),
    handOver: named(async ({ migration, epoch }: wire.HandOverRequest, from) =>
      toHandOver(await target.handOver(migration, fromBig(epoch, 'epoch'), from)),
    ),
    release: named(({ migration }, from) => done(target.release(migration, from))),
    cancel: named(({ migration, reason }: wire.CancelRequest, from) =>
      done(target.cancel(migration, cutText(reason, REASON_MAX), from)),
    ),
    query: named(async ({ migration }, from) => {
      const { standing, reason, epoch } = await target.query(migration, from);
      return { standing: STANDINGS[standing], reason, epoch: toBig(epoch) };
    }),
  };
}

export function bulkCalls(handling: Handling, bulk: BulkPort): wire.BulkServiceServer {
  return {
    probe: unary(handling, async () => ({})),
    tunnel: bidi(handling, (call, _, context) => tunnel(bulk, call, context)),
    pullImages: serverStream(handling, async (request, send, { caller }) => {
      const sum = createImageSum(request.sumKey);
      for await (const chunk of bulk.pullImages(idOf(request), caller.name)) {
        sum.addChunk(chunk);
        await send({ ...chunk, end: undefined });
      }
      await send({ file: '', data: new Uint8Array(), end: sum.end(), last: false });
    }),
  };
}

async function tunnel(
  bulk: BulkPort,
  call: ServerDuplexStream<wire.TunnelRequest, wire.TunnelResponse>,
  { caller }: CallContext,
): Promise<void> {
  const first = await new Promise<wire.TunnelRequest | undefined>((resolve) => {
    call.once('data', (message: wire.TunnelRequest) => {
      // At once: what follows must wait for who is to read it.
      call.pause();
      resolve(message);
    });
    call.once('end', () => resolve(undefined));
  });
  if (first?.message?.$case !== 'open') throw refused('invalid', 'the first message must be "open"');
  const { channel, round } = first.message.value;
  const migration = idOf(first.message.value);
  const name = (Object.keys(CHANNELS) as Channel[]).find((candidate) => CHANNELS[candidate] === channel);
  if (name === undefined) throw refused('invalid', 'the field "channel" is missing');
  const pack = await openPacking(fromCompression(first.message.value.compression) ?? 'none');
  const stream = serverTunnel(call, first.message.value, pack);
  await bulk.tunnel(migration, { channel: name, round }, caller.name, stream);
}

function fromOffer(request: wire.OfferRequest): Offer {
  const mode = fromMode(request.mode);
  if (mode === undefined) throw refused('invalid', 'the field "mode" is missing');
  return {
    migration: request.migration,
    record: request.record,
    epoch: fromBig(request.epoch, 'epoch'),
    mode,
    landing: optional(request.landing),
    memoryBytes: fromMeasure(request.memoryBytes),
    diskBytes: fromMeasure(request.diskBytes),
    source: fromFacts(request.source),
    dryRun: request.dryRun,
    memoryMode: fromMemoryMode(request.memoryMode),
    compression: fromCompression(request.compression) ?? 'none',
    layers: fromLayerSizes(request.layers),
    evacuation: request.evacuation,
  };
}

function toHandOver(result: HandOverResult): wire.HandOverResponse {
  if (result.kind === 'running') return { result: { $case: 'running', value: { parts: result.parts.map(toPart) } } };
  return { result: { $case: 'returned', value: { reason: result.reason, epoch: toBig(result.epoch) } } };
}
