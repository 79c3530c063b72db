/**
 * Is everybody there? Invariant: every member that may be alive is probed once a round (SWIM section 4.3), and is suspected
 * only when neither this node nor any of those it asked has reached it. Pure.
 */

import { suspect } from './hear.js';
import { INDIRECT_COUNT, RELAYS_MAX } from './settings.js';
import { feel, type Member, type Pending, type Probe, pickUp, type Swim } from './state.js';
import { call, say, upMember, whomOf } from './talk.js';
import type { Message } from './words.js';

export function probeNext(swim: Swim): void {
  const member = nextInRing(swim);
  if (member === undefined) return;
  const probe: Probe = { target: member.name, open: 0, asked: 0, nacks: 0, done: false };
  ping(swim, member, { kind: 'direct', probe });
}

/** The next one; after the last one all in another order, so that nobody is always probed after the same one. */
function nextInRing(swim: Swim): Member | undefined {
  const { ring, random } = swim;
  if (swim.ringAt >= ring.length) {
    for (let index = ring.length - 1; index > 0; index -= 1) {
      const other = Math.floor(random() * (index + 1));
      const name = ring[index] ?? '';
      ring[index] = ring[other] ?? '';
      ring[other] = name;
    }
    swim.ringAt = 0;
  }
  const name = ring[swim.ringAt];
  swim.ringAt += 1;
  return name === undefined ? undefined : swim.members.get(name);
}

function ping(swim: Swim, member: Member, pending: Pending): void {
  const message = say(swim, 'ping', member.name, { cardSeen: member.cardSeen });
  call(swim, whomOf(member), message, pending, swim.settings.directMs);
}

/** It answered this node itself. */
export function directEnds(swim: Swim, probe: Probe, answered: boolean): void {
  if (answered) {
    feel(swim, -1);
    return;
  }
  const target = upMember(swim, probe.target);
  if (target === undefined) return;
  const helpers = pickUp(swim, INDIRECT_COUNT, [probe.target]);
  for (const helper of helpers) {
    const message = say(swim, 'reach', helper.name, { target: probe.target });
    call(swim, whomOf(helper), message, { kind: 'indirect', probe }, swim.settings.indirectMs);
  }
  probe.open = helpers.length;
  probe.asked = helpers.length;
  if (helpers.length === 0) accuse(swim, probe);
}

/** @param answer of one who was asked to help; undefined when it was silent itself. */
export function indirectEnds(swim: Swim, probe: Probe, answer: Message['kind'] | undefined): void {
  probe.open -= 1;
  if (answer === 'nack') probe.nacks += 1;
  if (probe.done) return;
  if (answer === 'ack') {
    probe.done = true;
    feel(swim, -1);
    return;
  }
  if (probe.open === 0) accuse(swim, probe);
}

/** Nobody reached it. Where those who helped were silent too, this node may be the slow one (Lifeguard section IV.A). */
function accuse(swim: Swim, probe: Probe): void {
  probe.done = true;
  feel(swim, probe.asked === 0 ? 1 : probe.asked - probe.nacks);
  const member = upMember(swim, probe.target);
  if (member !== undefined) suspect(swim, member, { by: swim.self.name, incarnation: member.incarnation });
}

/** Somebody asks whether another one is there. */
export function relay(swim: Swim, ask: number, from: string, target: string): void {
  const member = target === swim.self.name ? undefined : swim.members.get(target);
  const relays = [...swim.pending.values()].filter(({ kind }) => kind === 'relay').length;
  if (member === undefined || relays >= RELAYS_MAX) {
    swim.out.answers.push({ ask, message: say(swim, 'nack', from) });
    return;
  }
  ping(swim, member, { kind: 'relay', ask, target: from });
}
