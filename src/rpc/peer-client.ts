/**
 * A peer, as this node calls it. Invariant: it is the node that its certificate names or nothing is sent to it; bulk has a
 * connection of its own, so that it never delays control.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelInterface, Metadata } from '@grpc/grpc-js';
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import { DiagnosisServiceClient } from '../gen/cnvm/peer/v1/diagnosis.js';
import * as wire from '../gen/cnvm/peer/v1/peer.js';
import { ReservationServiceClient } from '../gen/cnvm/peer/v1/reservation.js';
import { type RenewResponse, type RevocationsResponse, TrustServiceClient } from '../gen/cnvm/peer/v1/trust.js';
import { WatchServiceClient } from '../gen/cnvm/peer/v1/watch.js';
import type { ImagePeer } from '../images/peer-port.js';
import type { DiagnosisLink } from '../mesh/diagnosing.js';
import type { MeshLink } from '../mesh/mesh-port.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { ReservationLink } from '../mesh/reserving.js';
import type { BulkLink, CallLimits, HandOverResult, Offer, Standing, TargetLink } from '../migration/peer-port.js';
import type { FollowLink } from '../watch/follow-peers.js';
import { bulkLink, createBulkClient } from './bulk-link.js';
import { type Begin, type Connection, createConnection } from './connection.js';
import { diagnosisLink } from './diagnosis-calls.js';
import { type EvacuationLink, evacuationClients, evacuationLink } from './evacuation-link.js';
import { imageLink, takeImage, type WithImages } from './image-link.js';
import { toLayerSize } from './image-messages.js';
import { demandMessage, toMemberMessage } from './member-messages.js';
import {
  fromBig,
  fromCompression,
  fromMeasure,
  fromMemoryMode,
  fromParts,
  toBig,
  toCompression,
  toMemoryMode,
  toMode,
} from './messages.js';
import { fromFacts, toFacts } from './node-messages.js';
import { fromWord, REASON_MAX, STANDINGS, toWord } from './peer-calls.js';
import { channelOptions, RECONNECT_MS_MIN } from './peer-channel.js';
import { PeerCredentials, wrongNode } from './peer-credentials.js';
import { reservationLink } from './reservation-calls.js';
import { unlessTooOld } from './status.js';
import type { TrustLink } from './tell-revocations.js';
import type { Trust } from './trust.js';
import { watchLink } from './watch-link.js';

export interface PeerAddress {
  readonly name: string;
  /** HOST:PORT. */
  readonly endpoint: string;
}

export interface PeerClient extends MeshLink, FollowLink {
  readonly target: TargetLink;
  readonly bulk: BulkLink;
  readonly trust: TrustLink;
  readonly images: ImagePeer;
  readonly reservations: ReservationLink;
  readonly diagnosis: DiagnosisLink;
  readonly evacuation: EvacuationLink;
  /** For calls that are handed on as they came. */
  readonly channel: () => ChannelInterface;
}

/** The bulk of a link that was cut is connected again later than its control, by a few tries. */
const BULK_CONNECT_MS = 10_000;
/** For each try; an answer takes a round trip. */
const PROBE_MS = 5_000;

/**
 * @param patience multiplies every time limit here, and those of the callers.
 * @param network the overlay's, that what a peer says of addresses is held to.
 */
export function createPeerClient(peer: PeerAddress, trust: Trust, patience = 1, network = '10.100.0.0/16'): PeerClient {
  let { endpoint } = peer;
  const who = `${peer.name} (${peer.endpoint})`;
  const secure = new PeerCredentials(trust, (certificate) => wrongNode(peer.name, certificate));
  const { options, bulkOptions } = channelOptions(peer.name, patience);
  const connectControl = () => {
    const mesh = new wire.MeshServiceClient(endpoint, secure, options);
    const channel = mesh.getChannel();
    return {
      channel,
      mesh,
      handOver: new wire.HandOverServiceClient(endpoint, secure, { channelOverride: channel }),
      members: new wire.MembershipServiceClient(endpoint, secure, { channelOverride: channel }),
      trust: new TrustServiceClient(endpoint, secure, { channelOverride: channel }),
      diagnosis: new DiagnosisServiceClient(endpoint, secure, { channelOverride: channel }),
      reservations: new ReservationServiceClient(endpoint, secure, { channelOverride: channel }),
      images: new wire.ImageServiceClient(endpoint, secure, { channelOverride: channel }),
      ...evacuationClients(endpoint, secure, channel),
      watch: new WatchServiceClient(endpoint, secure, { channelOverride: channel }),
    };
  };
  const connectBulk = () => {
    const bulk = createBulkClient(endpoint, secure, bulkOptions);
    const channel = bulk.getChannel();
    const images = new wire.ImageServiceClient(endpoint, secure, { channelOverride: channel });
    return { channel, bulk, images };
  };
  const control = createConnection(connectControl, who, patience);
  const bulk = createConnection(connectBulk, who, patience);
  // A connection lives no longer than the certificate that it was made with.
  trust.onChange(() => {
    control.renew();
    bulk.renew();
  });

  async function reach(signal: AbortSignal): Promise<void> {
    const ready = new Metadata({ waitForReady: true });
    const until = performance.now() + BULK_CONNECT_MS * patience;
    for (;;) {
      try {
        await bulk.call<wire.ProbeResponse>({ timeoutMs: PROBE_MS, signal }, ({ bulk }, o, done) =>
          bulk.probe({}, ready, o, done),
        );
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (performance.now() > until) throw error;
        // Who answers at once with a no would be asked thousands of times.
        await sleep(RECONNECT_MS_MIN);
      }
    }
  }

  async function describe(limits: CallLimits): Promise<NodeFacts> {
    const { facts } = await control.call<wire.DescribeResponse>(limits, ({ mesh }, o, done) =>
      mesh.describe({}, new Metadata(), o, done),
    );
    return fromFacts(facts);
  }

  return {
    describe,
    async announce(node, word, limits) {
      const request = { node, ...toWord(word) };
      const answer = await control.call<wire.AnnounceResponse>(limits, ({ mesh }, o, done) =>
        mesh.announce(request, new Metadata(), o, done),
      );
      return fromWord(answer);
    },
    async exchange(message, limits) {
      const request = { message: toMemberMessage(message) };
      const answer = await unlessTooOld(() =>
        control.call<wire.ExchangeResponse>(limits, ({ members }, o, done) =>
          members.exchange(request, new Metadata(), o, done),
        ),
      );
      return answer === undefined ? undefined : demandMessage(answer, network, who);
    },
    moveTo(next) {
      endpoint = next;
    },
    channel: () => control.clients().channel,
    target: targetLink(control, who),
    trust: trustLink(control),
    reservations: reservationLink(control),
    diagnosis: diagnosisLink(control),
    evacuation: evacuationLink(control, who, describe),
    ...watchLink(() => control.clients().watch, who),
    images: imageLink(peer.name, who, control, bulk),
    bulk: bulkLink(() => bulk.clients().bulk, who, reach, 'none'),
    close() {
      control.close();
      bulk.close();
    },
  };
}

type Control = Connection<
  WithImages & { readonly handOver: wire.HandOverServiceClient; readonly trust: TrustServiceClient }
>;

function trustLink(control: Control): TrustLink {
  return {
    async revocations({ number, crl = new Uint8Array() }, limits) {
      const request = { number: toBig(number), crl };
      const answer = await control.call<RevocationsResponse>(limits, ({ trust }, o, done) =>
        trust.revocations(request, new Metadata(), o, done),
      );
      return { number: fromBig(answer.number, 'number'), crl: answer.crl };
    },
    async renew(request, limits) {
      const answer = await control.call<RenewResponse>(limits, ({ trust }, o, done) =>
        trust.renew({ request }, new Metadata(), o, done),
      );
      return answer.certificate;
    },
  };
}

function targetLink(control: Control, who: string): TargetLink {
  const ask = <A>(limits: CallLimits, begin: Begin<wire.HandOverServiceClient, A>) =>
    control.call<A>(limits, ({ handOver }, o, done) => begin(handOver, o, done));
  return {
    takeImage: (order, signal) => takeImage(control, who, order, signal),
    async offer(offer, limits) {
      const request = toOffer(offer);
      const answer = await ask<wire.OfferResponse>(limits, (to, o, done) => to.offer(request, new Metadata(), o, done));
      const compression = fromCompression(answer.compression) ?? 'none';
      return { ...answer, memoryMode: fromMemoryMode(answer.memoryMode), compression };
    },
    async seed(migration, limits) {
      const request = { migration };
      const answer = await ask<wire.SeedResponse>(limits, (to, o, done) => to.seed(request, new Metadata(), o, done));
      return { diskBytes: fromMeasure(answer.diskBytes) };
    },
    async round(migration, order, limits) {
      const request = { migration, ...order };
      const answer = await ask<wire.RoundResponse>(limits, (to, o, done) => to.round(request, new Metadata(), o, done));
      return { bytes: fromMeasure(answer.bytes), broken: cutText(answer.broken, REASON_MAX) };
    },
    async prepare(migration, { round, parent, changes, flushedMs }, limits) {
      const request = { migration, round, parent, changes, flushedTime: new Date(flushedMs) };
      return await ask<wire.PrepareResponse>(limits, (to, o, done) => to.prepare(request, new Metadata(), o, done));
    },
    async collect(migration, changed, limits) {
      const answer = await ask<wire.CollectResponse>(limits, (to, o, done) =>
        to.collect({ migration, changed }, new Metadata(), o, done),
      );
      const { diskBytes, imageBytes, parts } = answer;
      return { diskBytes: fromMeasure(diskBytes), imageBytes: fromMeasure(imageBytes), parts: fromParts(parts) };
    },
    async handOver(migration, epoch, limits) {
      const request = { migration, epoch: toBig(epoch) };
      const answer = await ask<wire.HandOverResponse>(limits, (to, o, done) =>
        to.handOver(request, new Metadata(), o, done),
      );
      return fromHandOver(answer);
    },
    async release(migration, limits) {
      await ask<wire.ReleaseResponse>(limits, (to, o, done) => to.release({ migration }, new Metadata(), o, done));
    },
    async cancel(migration, reason, limits) {
      await ask<wire.CancelResponse>(limits, (to, o, done) =>
        to.cancel({ migration, reason }, new Metadata(), o, done),
      );
    },
    async query(migration, limits) {
      const answer = await ask<wire.QueryResponse>(limits, (to, o, done) =>
        to.query({ migration }, new Metadata(), o, done),
      );
      const standing = (Object.keys(STANDINGS) as Standing[]).find((name) => STANDINGS[name] === answer.standing);
      // A word that we do not know is no word: only a known one may decide.
      if (standing === undefined) throw refused('unavailable', `the target answered with standing ${answer.standing}`);
      return { standing, ...wordOf(answer) };
    },
  };
}

function fromHandOver({ result }: wire.HandOverResponse): HandOverResult {
  if (result?.$case === 'running') return { kind: 'running', parts: fromParts(result.value.parts) };
  if (result?.$case === 'returned') return { kind: 'returned', ...wordOf(result.value) };
  throw refused('unavailable', 'the target answered the hand-over with nothing');
}

function wordOf({ reason, epoch }: { readonly reason: string; readonly epoch: bigint }) {
  return { reason: cutText(reason, REASON_MAX), epoch: fromBig(epoch, 'epoch') };
}

function toOffer(offer: Offer): wire.OfferRequest {
  return {
    ...offer,
    epoch: toBig(offer.epoch),
    mode: toMode(offer.mode),
    landing: offer.landing ?? '',
    memoryBytes: toBig(offer.memoryBytes),
    diskBytes: toBig(offer.diskBytes),
    source: toFacts(offer.source),
    memoryMode: toMemoryMode(offer.memoryMode),
    compression: toCompression(offer.compression),
    layers: offer.layers.map(toLayerSize),
    evacuation: offer.evacuation ?? false,
  };
}
