/** Where each cnvm would go, by the targets' own word. Invariant: nothing changes at any node. */
import { createAttempts, endOfMove } from './attempts.js';
import { candidateOf, gatherBids, placeAll } from './candidates.js';
import { type EvacuationPorts, orderFor } from './evacuate.js';
import {
  type EvacuateOrder,
  type EvacuationEvent,
  type EvacuationResult,
  type EvacuationSummary,
  endOf,
} from './evacuation.js';
import type { MigrationEvent } from './migration.js';

/** Each round some target says no to some cnvm; there are so many of both. */
export async function planEvacuation(
  ports: EvacuationPorts,
  { to, parallel, deadlineMs }: EvacuateOrder,
  tell: (event: EvacuationEvent) => void,
): Promise<EvacuationSummary> {
  const began = performance.now();
  const { node, overlayNetwork } = ports;
  const attempts = createAttempts();
  const candidates = await Promise.all(ports.records().map((record) => candidateOf(ports, record)));
  tell({ kind: 'started', started: { node, cnvms: candidates.length, parallel, deadlineMs, dryRun: true } });
  const source = await ports.facts();
  const asked = withoutLimits(await gatherBids(ports.peers(to, source)));
  const agreed = new Set<string>();
  const { against } = attempts;
  for (;;) {
    const { places, stay } = placeAll({ candidates, asked, given: [], source, overlayNetwork, against });
    const open = [...places].filter(([name, target]) => !agreed.has(`${name} ${target}`));
    await Promise.all(
      open.map(async ([name, target]) => {
        const refusals = await wouldRefuse(ports, name, target);
        if (refusals.length === 0) agreed.add(`${name} ${target}`);
        else attempts.never(name, target, refusals.join('; '));
      }),
    );
    if (open.length > 0) continue;
    const silent = [...asked.silent].map(([peer, error]) => `${peer} does not answer: ${error}`);
    const none = { tries: 0, freezeMs: 0, totalMs: 0 };
    const results = candidates.map(({ record: { name } }): EvacuationResult => {
      const target = places.get(name);
      const reasons = [...(stay.get(name) ?? []), ...silent];
      if (target === undefined) return { name, outcome: 'stayed', target: '', reasons, ...none };
      return { name, outcome: 'would-move', target, reasons: [], ...none };
    });
    for (const result of results) tell({ kind: 'result', result });
    return { node, end: endOf(results, undefined), results, totalMs: performance.now() - began, dryRun: true };
  }
}

/** Who is busy now will not be for ever. */
function withoutLimits({ bids, ...more }: Awaited<ReturnType<typeof gatherBids>>) {
  return { ...more, bids: new Map([...bids].map(([node, bid]) => [node, { ...bid, arriving: 0, arrivalsMax: 1 }])) };
}

/** Every reason, the target's and this node's. */
async function wouldRefuse(ports: EvacuationPorts, name: string, target: string): Promise<readonly string[]> {
  let refusals: readonly string[] | undefined;
  async function* watched(): AsyncGenerator<MigrationEvent> {
    for await (const event of ports.migrate(orderFor(name, target, true))) {
      if (event.kind === 'plan') ({ refusals } = event.plan);
      yield event;
    }
  }
  const { error } = await endOfMove(watched());
  return refusals ?? [error];
}
