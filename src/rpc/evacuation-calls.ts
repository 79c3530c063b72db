/** `cnvm.v1.EvacuationService` and `cnvm.peer.v1.BidService` over what the migrations' room offers. */
import type { BidServiceServer } from '../gen/cnvm/peer/v1/evacuation.js';
import { type EvacuationServiceServer, EvacuationServiceService } from '../gen/cnvm/v1/evacuation.js';
import type { Cordoned } from '../mesh/cordon.js';
import type { Bid } from '../migration/bids.js';
import type { EvacuateOrder, EvacuationEvent } from '../migration/evacuation.js';
import type { Asker, EvacuationDefaults } from '../migration/evacuations.js';
import { reasonOf, toBid, toEvacuationEvent } from './evacuation-messages.js';
import { byNode, streamAt, unaryAt } from './forward.js';
import { type CallContext, type Handling, unary } from './handle.js';
import { optional } from './messages.js';

export interface EvacuationsPort {
  readonly node: string;
  readonly defaults: EvacuationDefaults;
  /** Whoever leaves the events last ends the evacuation. */
  evacuate(order: EvacuateOrder, asker: Asker): AsyncIterable<EvacuationEvent>;
  /** @returns how many moves are being finished. */
  stop(by: string): number;
  cordon(reason: string, by: string): Promise<Cordoned>;
  uncordon(ifReason: string | undefined, by: string): Promise<boolean>;
  /** @param from who asks. */
  bid(from: string): Promise<Bid>;
}

const SERVICE = EvacuationServiceService;
const nodeOf = ({ node }: { readonly node: string }): string => node;
const who = ({ caller }: CallContext): string => `${caller.name} (${caller.role})`;

export function evacuationCalls(handling: Handling, evacuations: EvacuationsPort): EvacuationServiceServer {
  const { node, defaults } = evacuations;
  return {
    evacuate: streamAt(
      handling,
      SERVICE.evacuate,
      nodeOf,
      async (request, send, context) => {
        const order: EvacuateOrder = {
          to: request.to,
          parallel: request.parallel || defaults.parallel,
          deadlineMs: request.deadlineMs || defaults.deadlineMs,
          dryRun: request.dryRun,
          reason: reasonOf(request.reason, 'it is being evacuated'),
        };
        const detached = context.caller.role === 'node';
        const asker = { by: who(context), detached, followOnly: request.followOnly, signal: context.signal };
        for await (const event of evacuations.evacuate(order, asker)) await send({ event: toEvacuationEvent(event) });
      },
      byNode,
    ),
    stopEvacuation: unaryAt(
      handling,
      SERVICE.stopEvacuation,
      nodeOf,
      async (_, context) => ({ moving: evacuations.stop(who(context)) }),
      byNode,
    ),
    cordon: unaryAt(
      handling,
      SERVICE.cordon,
      nodeOf,
      async ({ reason }, context) => {
        const found = await evacuations.cordon(reasonOf(reason, 'somebody said so'), who(context));
        return { node, reason: found.reason };
      },
      byNode,
    ),
    uncordon: unaryAt(
      handling,
      SERVICE.uncordon,
      nodeOf,
      async ({ ifReason }, context) => {
        return { node, lifted: await evacuations.uncordon(optional(ifReason), who(context)) };
      },
      byNode,
    ),
  };
}

export function bidCalls(handling: Handling, { bid }: Pick<EvacuationsPort, 'bid'>): BidServiceServer {
  return { bid: unary(handling, async (_, { caller }) => toBid(await bid(caller.name))) };
}
