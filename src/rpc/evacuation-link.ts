/** A peer, as a node that is being evacuated asks it, or asks it to empty itself. */
import { type ChannelCredentials, type ChannelInterface, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type BidResponse, BidServiceClient } from '../gen/cnvm/peer/v1/evacuation.js';
import { EvacuationServiceClient } from '../gen/cnvm/v1/evacuation.js';
import type { NodeFacts } from '../mesh/node-facts.js';
import type { Bid, BidLink } from '../migration/bids.js';
import type { CallLimits } from '../migration/peer-port.js';
import type { Clients, Connection } from './connection.js';
import { fromBid } from './evacuation-messages.js';
import { fromServiceError, unlessTooOld } from './status.js';

export interface EvacuationLink extends BidLink {
  /** Afterwards it empties itself, and goes on with that without us. @throws when it does not. */
  evacuate(reason: string): Promise<void>;
}

type WithEvacuation = Clients & {
  readonly bids: BidServiceClient;
  readonly evacuations: EvacuationServiceClient;
};

export function evacuationClients(endpoint: string, secure: ChannelCredentials, channel: ChannelInterface) {
  return {
    bids: new BidServiceClient(endpoint, secure, { channelOverride: channel }),
    evacuations: new EvacuationServiceClient(endpoint, secure, { channelOverride: channel }),
  };
}

export function evacuationLink(
  control: Connection<WithEvacuation>,
  who: string,
  describe: (limits: CallLimits) => Promise<NodeFacts>,
): EvacuationLink {
  return {
    async bid(limits) {
      const answer = await unlessTooOld(() =>
        control.call<BidResponse>(limits, ({ bids }, o, done) => bids.bid({}, new Metadata(), o, done)),
      );
      return answer === undefined ? bareBid(await describe(limits)) : fromBid(answer);
    },
    async evacuate(reason) {
      const { evacuations } = control.clients();
      const request = { node: '', to: [], parallel: 0, deadlineMs: 0, dryRun: false, reason, followOnly: false };
      const stream = evacuations.evacuate(request, new Metadata(), { deadline: Date.now() + BEGIN_MS });
      stream.on('error', () => undefined);
      try {
        // Its first word says that it has begun.
        for await (const _ of stream) return;
      } catch (error) {
        throw fromServiceError(error as ServiceError, who);
      } finally {
        stream.cancel();
      }
    },
  };
}

/** To write down that it has begun, on a machine that is short of something. */
const BEGIN_MS = 10_000;

/** One that is too old to bid: no more is known of it than its facts. */
function bareBid(facts: NodeFacts): Bid {
  return { facts, arriving: 0, arrivalsMax: 1, load: 0, residents: [] };
}
