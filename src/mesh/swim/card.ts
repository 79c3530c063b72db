/**
 * What travels with each member: who and where it is, and what it can carry. Invariant: a card that has been taken has only
 * fields within their bounds; it becomes addresses that are dialled and lines that people read. Pure.
 */
import { hostNumber } from '../../cnvms/address.js';
import { isOverlayCard, type OverlayCard } from '../../overlay/tunnel.js';

export interface Card {
  /** As in the node's certificate. */
  readonly name: string;
  /** HOST:PORT of its gRPC endpoint; empty while it does not know where it is reached. */
  readonly endpoint: string;
  readonly overlayAddress: string;
  /** cnvm's own. */
  readonly version: string;
  /** The versions of the peer protocol that it speaks. */
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** Its end of the overlay, as `OverlayCard` has it; empty and 0 when there is none. */
  readonly overlayKey: string;
  readonly overlayNextKey: string;
  readonly overlayPort: number;
  readonly overlayMtu: number;
  /** It takes no new work. */
  readonly cordoned: boolean;
  /** It were better empty; its facts say why. */
  readonly strained: boolean;
  readonly facts: CardFacts;
  /** As its owner encoded it, with what a newer version may have put in; it is passed on as it is. */
  readonly encoded?: Uint8Array;
}

/** What it can, and how busy it is; a hint for who looks for a place. Who moves there asks for all of it. */
export interface CardFacts {
  readonly criuVersion: string;
  readonly runcVersion: string;
  readonly kernelRelease: string;
  /** As Node.js names it. */
  readonly architecture: string;
  /** The same on two nodes whose CPUs have the same features. */
  readonly cpuDigest: string;
  readonly cpus: number;
  /** How memory can leave it: "pre-copy", "stop-copy", "post-copy". */
  readonly memoryModes: readonly string[];
  readonly memoryTotalBytes: number;
  readonly memoryAvailableBytes: number;
  /** Processes that run or want to, in hundredths, of the last minute. */
  readonly loadCenti: number;
  readonly cnvmCount: number;
  readonly landingZones: readonly { readonly path: string; readonly availableBytes: number }[];
}

/** As certificates and the config have it. */
const NODE_NAME = /^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/;
const ENDPOINT = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?):[0-9]{1,5}$/;
const PORT_MAX = 65_535;
/** Versions, kernels, architectures: what people see in one line. */
const WORD = /^[\x20-\x7e]{0,128}$/;
/** Without control characters; a path is shown, and never opened here. */
const PATH = /^\/[^\p{Cc}]{0,1023}$/u;
const ZONES_MAX = 32;
const MODES_MAX = 8;
const ENCODED_MAX = 16 * 1024;

export function nodeNameRefusal(name: string): string | undefined {
  return NODE_NAME.test(name) ? undefined : 'its name is no name of a node';
}

/** What a card says of its node's end of the overlay. */
export function overlayOf(card: Card): OverlayCard {
  return { key: card.overlayKey, nextKey: card.overlayNextKey, port: card.overlayPort, mtu: card.overlayMtu };
}

/** What a card has of a node's end of the overlay. */
export function overlayFields({ key, nextKey, port, mtu }: OverlayCard) {
  return { overlayKey: key, overlayNextKey: nextKey, overlayPort: port, overlayMtu: mtu };
}

/** Whether it can be dialled. */
export function isEndpoint(text: string): boolean {
  return ENDPOINT.test(text) && Number(text.slice(text.lastIndexOf(':') + 1)) <= PORT_MAX;
}

/** Why a card cannot be taken, or undefined when it can. @param network the overlay's /16. */
export function cardRefusal(card: Card, network: string): string | undefined {
  const { facts } = card;
  const host = hostNumber(card.overlayAddress, network);
  const words = [card.version, facts.criuVersion, facts.runcVersion, facts.kernelRelease, facts.architecture];
  const checks: readonly (readonly [boolean, string])[] = [
    [NODE_NAME.test(card.name), 'its name is no name of a node'],
    [card.endpoint === '' || isEndpoint(card.endpoint), 'its endpoint is not HOST:PORT'],
    [host !== undefined && host > 0 && host < 256, 'its overlay address is no address of a node'],
    [[...words, facts.cpuDigest].every((word) => WORD.test(word)), 'a version or a kernel is no plain word'],
    [card.protocolMin <= card.protocolMax, 'it speaks no version of the protocol'],
    [isOverlayCard(overlayOf(card)), "its overlay's key, port or size of a packet is none"],
    [
      facts.memoryModes.length <= MODES_MAX && facts.memoryModes.every((mode) => WORD.test(mode)),
      'its memory modes are none',
    ],
    [
      facts.landingZones.length <= ZONES_MAX && facts.landingZones.every(({ path }) => PATH.test(path)),
      'a landing zone is no path',
    ],
    [(card.encoded?.length ?? 0) <= ENCODED_MAX, 'it is too large'],
  ];
  return checks.find(([holds]) => !holds)?.[1];
}

/** Whether two nodes have a version of the protocol in common. */
export function understand(
  one: Pick<Card, 'protocolMin' | 'protocolMax'>,
  other: Pick<Card, 'protocolMin' | 'protocolMax'>,
): boolean {
  return one.protocolMin <= other.protocolMax && other.protocolMin <= one.protocolMax;
}

/** In which steps memory and disk are told: a change within one is no news. */
const BYTES_STEP = 256 * 1024 * 1024;
const LOAD_STEP = 50;

/** The facts as they are told: rounded down, so that a node is not news because a file was written. */
export function coarse(facts: CardFacts): CardFacts {
  const bytes = (value: number) => Math.floor(value / BYTES_STEP) * BYTES_STEP;
  return {
    ...facts,
    memoryAvailableBytes: bytes(facts.memoryAvailableBytes),
    loadCenti: Math.round(facts.loadCenti / LOAD_STEP) * LOAD_STEP,
    landingZones: facts.landingZones.map(({ path, availableBytes }) => ({
      path,
      availableBytes: bytes(availableBytes),
    })),
  };
}
