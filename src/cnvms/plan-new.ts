/** What a new cnvm is to be: its record, or every reason why it cannot be. Invariant: nothing is made and nothing is noted here. */
import { refused } from '../base/errors.js';
import type { StoredImage } from '../images/image.js';
import { nextAddress } from './address.js';
import { landingZoneOf, newCnvmRefusals, type Taken, takenPorts } from './check-new.js';
import type { CnvmRecord, NewCnvm, PublishedPort } from './cnvm.js';
import { argvOf } from './program.js';
import type { Among } from './reserve-port.js';

/** Ports of the node that it is to have, and those of them that somebody else uses, each a sentence. */
export interface PortUse {
  readonly ports: readonly PublishedPort[];
  readonly busy: readonly string[];
}

export interface PlanPlace extends PortUse {
  readonly node: string;
  readonly overlayNetwork: string;
  readonly landingZones: readonly string[];
  readonly among: Among;
  /** Names and addresses in use anywhere. */
  readonly taken: Taken;
  /** What is being made here. */
  readonly promised: readonly CnvmRecord[];
  /** What is here. */
  readonly here: readonly CnvmRecord[];
}

/** @throws `refused` with every reason. */
export function planNew(order: NewCnvm, image: StoredImage, place: PlanPlace): CnvmRecord {
  const { node, overlayNetwork, landingZones, ports, busy, among, taken, promised, here } = place;
  const addresses = new Map([...taken.addresses, ...promised.map((one) => [one.address, one.name] as const)]);
  const reasons = newCnvmRefusals({ ...order, ports }, overlayNetwork, { names: taken.names, addresses });
  const landing = order.landing ?? landingZones[0] ?? '';
  if (landingZoneOf(landing, landingZones) === undefined) {
    reasons.push(`${landing} is not in a landing zone of ${node}: ${landingZones.join(', ')}`);
  }
  const avoid = new Set([...addresses.keys(), ...among.avoid]);
  const address = order.address ?? nextAddress(overlayNetwork, avoid, among.part);
  reasons.push(...takenPorts(ports, [...here, ...promised], node), ...busy);
  const argv = argvOf(image, order.program);
  if (argv.length === 0) reasons.push(`the image ${order.image} does not say what to run: say it after "--"`);
  if (address === undefined) reasons.push(`the overlay ${overlayNetwork} has no free address`);
  const kind = taken.names.has(order.name) || addresses.has(order.address ?? '') ? 'exists' : 'invalid';
  if (reasons.length > 0 || address === undefined) throw refused(kind, reasons.join('; '), { reasons });
  const { entrypoint, command, env } = order.program;
  const { labels, affinity, antiAffinity } = order.wishes;
  return {
    name: order.name,
    address,
    image: { name: image.names[0] ?? order.image, digest: image.digest },
    limits: order.limits,
    createTime: new Date().toISOString(),
    epoch: 1,
    owner: node,
    landing,
    wanted: order.start ? 'running' : 'stopped',
    ...(ports.length > 0 ? { ports } : {}),
    ...(entrypoint.length + command.length + env.length > 0 ? { program: order.program } : {}),
    ...(Object.keys(labels).length + affinity.length + antiAffinity.length > 0 ? { wishes: order.wishes } : {}),
  };
}
