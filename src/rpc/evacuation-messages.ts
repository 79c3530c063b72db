/** What is said of evacuations: domain values as messages, and bids back. Invariant: as in `messages.ts`. */
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import { nameRefusal } from '../cnvms/check-new.js';
import { wishesRefusals } from '../cnvms/labels.js';
import type * as wirePeer from '../gen/cnvm/peer/v1/evacuation.js';
import * as wire from '../gen/cnvm/v1/evacuation.js';
import type { Resident } from '../mesh/placement.js';
import type { Bid } from '../migration/bids.js';
import type { EvacuationEnd, EvacuationEvent, EvacuationOutcome, EvacuationResult } from '../migration/evacuation.js';
import { fromFacts, toFacts } from './node-messages.js';

const OUTCOMES: Readonly<Record<EvacuationOutcome, wire.EvacuationOutcome>> = {
  moved: wire.EvacuationOutcome.MOVED,
  stayed: wire.EvacuationOutcome.STAYED,
  'in-doubt': wire.EvacuationOutcome.IN_DOUBT,
  'would-move': wire.EvacuationOutcome.WOULD_MOVE,
  gone: wire.EvacuationOutcome.GONE,
};

const ENDS: Readonly<Record<EvacuationEnd, wire.EvacuationEnd>> = {
  empty: wire.EvacuationEnd.EMPTY,
  stayed: wire.EvacuationEnd.STAYED,
  deadline: wire.EvacuationEnd.DEADLINE,
  stopped: wire.EvacuationEnd.STOPPED,
};

/** It stands in a file, in each peer's list of nodes, and in every refusal. */
const REASON_MAX = 200;

/** In one line. */
export function reasonOf(text: string, otherwise: string): string {
  const plain = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return plain === '' ? otherwise : cutText(plain, REASON_MAX);
}

export function toEvacuationEvent(event: EvacuationEvent): wire.EvacuationEvent {
  switch (event.kind) {
    case 'started':
      return { event: { $case: 'started', value: event.started } };
    case 'step':
      return { event: { $case: 'step', value: event.text } };
    case 'moving':
      return { event: { $case: 'moving', value: { name: event.name, target: event.target } } };
    case 'result':
      return { event: { $case: 'result', value: toResult(event.result) } };
    case 'summary': {
      const { summary } = event;
      const results = summary.results.map(toResult);
      return { event: { $case: 'summary', value: { ...summary, end: ENDS[summary.end], results } } };
    }
  }
}

function toResult({ outcome, reasons, ...more }: EvacuationResult): wire.EvacuationResult {
  return { ...more, outcome: OUTCOMES[outcome], reasons: [...reasons] };
}

export function toBid({ facts, arriving, arrivalsMax, load, residents }: Bid): wirePeer.BidResponse {
  return {
    facts: toFacts(facts),
    arriving,
    arrivalsMax,
    loadCenti: Math.round(load * 100),
    residents: residents.map(({ name, wishes: { labels, antiAffinity } }) => {
      return { name, labels: { ...labels }, antiAffinity: [...antiAffinity] };
    }),
  };
}

/** @throws `refused` when it is none. What is said of a cnvm that cannot be so is left out. */
export function fromBid(bid: wirePeer.BidResponse): Bid {
  const { arriving, arrivalsMax, loadCenti } = bid;
  if (arrivalsMax === 0) throw refused('invalid', 'the field "arrivals_max" is missing');
  const residents = bid.residents.map(({ name, labels, antiAffinity }): Resident => {
    return { name, wishes: { labels: { ...labels }, affinity: [], antiAffinity } };
  });
  const isSound = ({ name, wishes }: Resident) =>
    nameRefusal(name) === undefined && wishesRefusals(wishes).length === 0;
  const facts = fromFacts(bid.facts);
  return { facts, arriving, arrivalsMax, load: loadCenti / 100, residents: residents.filter(isSound) };
}
