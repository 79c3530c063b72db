/**
 * A mesh in one process, with a clock and a network of its own. Invariant: the same seed and the same orders make the same
 * history, to the last byte; nothing here looks at the real clock.
 */
import type { Holding } from '../../src/mesh/directory.js';
import type { Card } from '../../src/mesh/swim/card.js';
import { type Settings, settingsFor } from '../../src/mesh/swim/settings.js';
import { sizeOfMessage } from '../../src/mesh/swim/size.js';
import { type Call, newSwim, type Output, type Swim, type Whom } from '../../src/mesh/swim/state.js';
import { type SwimEvent, step, wakeAt } from '../../src/mesh/swim/swim.js';
import { newTimers, nextAt, popDue, setTimer } from '../../src/mesh/swim/timers.js';
import type { Message } from '../../src/mesh/swim/words.js';
import { randomFrom } from './random.js';

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Of messages, either way: 0 to 1. */
  readonly loss?: number;
  readonly delayMs?: readonly [least: number, most: number];
  /** How far a node's clock runs too fast or slow, at most: 0.01 is one in a hundred. */
  readonly skew?: number;
}

/** HTTP/2 frames and compressed headers, gRPC's five bytes, TLS records, TCP and IP headers of a unary call, one way. */
const OVERHEAD_BYTES = 150;
const DELAY_MS = [0.2, 5] as const;

export interface SimNode {
  readonly name: string;
  readonly index: number;
  /** Undefined while it is down. */
  swim: Swim | undefined;
  life: number;
  /** What is on its disk. */
  records: Map<string, Holding>;
  /** What it lets run. */
  readonly running: Set<string>;
  /** Until then it starts nothing: it asks first. */
  settledAt: number;
  readonly rate: number;
  wakes: number;
  group: number;
  /** When it last began, or came from one group into another. */
  reachedSince: number;
  bytesOut: number;
  bytesIn: number;
}

type Happening =
  | { readonly kind: 'wake'; readonly node: number; readonly life: number; readonly at: number }
  | { readonly kind: 'ask'; readonly node: number; readonly from: number; readonly life: number; readonly call: Call }
  | {
      readonly kind: 'answer';
      readonly node: number;
      readonly life: number;
      readonly call: number;
      readonly from: string;
      readonly message: Message;
    }
  | { readonly kind: 'late'; readonly node: number; readonly life: number; readonly call: number };

export type World = ReturnType<typeof createWorld>;

export function createWorld(options: WorldOptions) {
  const { seed, loss = 0, delayMs = DELAY_MS, skew = 0 } = options;
  const random = randomFrom(seed);
  const settings: Settings = settingsFor();
  const timers = newTimers<Happening>();
  const nodes: SimNode[] = Array.from({ length: options.nodes }, (_, index) =>
    newNode(index, 1 + skew * (2 * random() - 1)),
  );
  const byEndpoint = new Map(nodes.map((node) => [endpointOf(node.index), node]));
  /** By node, life and call: a call that has been answered is not late. */
  const asks = new Map<number, { readonly node: number; readonly life: number; readonly call: number }>();
  let asked = 0;
  let now = 0;
  let messages = 0;
  const listeners: ((node: SimNode, output: Output) => void)[] = [];

  const localTime = (node: SimNode) => now * node.rate;

  function run(node: SimNode, event: SwimEvent): void {
    const { swim } = node;
    if (swim === undefined) return;
    const output = step(swim, event, localTime(node));
    for (const call of output.calls) send(node, call);
    for (const { ask, message } of output.answers) answer(node, ask, message);
    for (const listener of listeners) listener(node, output);
    // A little late: by rounding it might else never be due.
    const at = Math.max(now, wakeAt(swim) / node.rate) + 0.001;
    if (at < node.wakes) {
      node.wakes = at;
      setTimer(timers, at, { kind: 'wake', node: node.index, life: node.life, at });
    }
  }

  /** When it arrives; undefined when it does not. */
  function carry(from: SimNode, to: SimNode, message: Message): number | undefined {
    const bytes = OVERHEAD_BYTES + sizeOfMessage(message);
    messages += 1;
    from.bytesOut += bytes;
    if (from.group !== to.group || random() < loss) return undefined;
    to.bytesIn += bytes;
    return now + delayMs[0] + (delayMs[1] - delayMs[0]) * random();
  }

  function send(node: SimNode, call: Call): void {
    const target = byEndpoint.get(call.to.endpoint);
    const { index, life } = node;
    setTimer(timers, now + call.timeoutMs / node.rate, { kind: 'late', node: index, life, call: call.call });
    const at = target === undefined ? undefined : carry(node, target, call.message);
    if (at !== undefined && target !== undefined)
      setTimer(timers, at, { kind: 'ask', node: target.index, from: index, life, call });
  }

  function answer(node: SimNode, ask: number, message: Message): void {
    const to = asks.get(ask);
    asks.delete(ask);
    const caller = to === undefined ? undefined : nodes[to.node];
    if (to === undefined || caller === undefined) return;
    const at = carry(node, caller, message);
    if (at === undefined) return;
    setTimer(timers, at, { kind: 'answer', ...to, from: node.name, message });
  }

  function happen(happening: Happening): void {
    const node = nodes[happening.node];
    if (node === undefined) return;
    if (happening.kind === 'ask') {
      if (node.swim === undefined) return;
      asked += 1;
      asks.set(asked, { node: happening.from, life: happening.life, call: happening.call.call });
      const from = nodes[happening.from]?.name ?? '';
      run(node, { kind: 'asked', ask: asked, from, message: happening.call.message });
      return;
    }
    if (happening.life !== node.life) return;
    if (happening.kind === 'wake') {
      if (happening.at !== node.wakes) return;
      node.wakes = Number.POSITIVE_INFINITY;
      run(node, { kind: 'time' });
    } else if (happening.kind === 'answer') {
      run(node, { kind: 'answered', call: happening.call, from: happening.from, message: happening.message });
    } else if (node.swim?.pending.has(happening.call)) run(node, { kind: 'failed', call: happening.call });
  }

  return {
    nodes,
    random,
    settings,
    now: () => now,
    messages: () => messages,
    run,
    onOutput: (listener: (node: SimNode, output: Output) => void) => void listeners.push(listener),
    /** A daemon begins on this node, with what is on its disk. @param revision by the node's own clock. */
    begin(node: SimNode, known: readonly Whom[], revision = Math.floor(CLOCK_MS + now)): void {
      node.life += 1;
      node.reachedSince = now;
      node.wakes = Number.POSITIVE_INFINITY;
      node.swim = newSwim({
        settings,
        random,
        card: cardOf(node.index),
        revision,
        claims: [...node.records.values()],
        known,
      });
      run(node, { kind: 'begin' });
    },
    /** Those of one group reach each other, and nobody else. */
    regroup(node: SimNode, group: number): void {
      node.group = group;
      node.reachedSince = now;
    },
    /** Without a word. */
    kill(node: SimNode): void {
      node.swim = undefined;
      node.running.clear();
    },
    /** Time passes. @param until of the world's clock. */
    pass(ms: number, stop: () => boolean = () => false): void {
      const until = now + ms;
      for (let count = 0; ; count += 1) {
        if (count % CHECK_EVERY === 0 && stop()) return;
        const at = nextAt(timers);
        if (at > until) break;
        const happening = popDue(timers, at);
        now = at;
        if (happening !== undefined) happen(happening);
      }
      now = until;
    },
  };
}
/** What every clock shows at the beginning, since 1970: a day of 2026. */
const CLOCK_MS = 1_780_000_000_000;
/** Happenings between two looks at whether what is waited for has come about. */
const CHECK_EVERY = 64;

export const endpointOf = (index: number): string => `192.0.2.1:${10_000 + index}`;

export const whom = (node: SimNode): Whom => ({ name: node.name, endpoint: endpointOf(node.index) });

function newNode(index: number, rate: number): SimNode {
  return {
    name: `node${index}`,
    index,
    swim: undefined,
    life: 0,
    records: new Map(),
    running: new Set(),
    settledAt: 0,
    rate,
    wakes: Number.POSITIVE_INFINITY,
    group: 0,
    reachedSince: 0,
    bytesOut: 0,
    bytesIn: 0,
  };
}

export function cardOf(index: number): Card {
  return {
    name: `node${index}`,
    endpoint: endpointOf(index),
    overlayAddress: `10.100.0.${1 + (index % 250)}`,
    version: '0.1.0',
    protocolMin: 1,
    protocolMax: 1,
    overlayKey: `${'A'.repeat(43)}=`,
    overlayNextKey: '',
    overlayPort: 51_820,
    overlayMtu: 1_420,
    cordoned: false,
    strained: false,
    facts: {
      criuVersion: '4.2.1',
      runcVersion: '1.1.15',
      kernelRelease: '6.12.41+deb13-amd64',
      architecture: 'x64',
      cpuDigest: '0123456789abcdef',
      cpus: 8,
      memoryModes: ['pre-copy', 'stop-copy'],
      memoryTotalBytes: 2 ** 35,
      memoryAvailableBytes: 2 ** 34,
      loadCenti: 100,
      cnvmCount: 3,
      landingZones: [{ path: '/home/cnvm/sneakers', availableBytes: 2 ** 38 }],
    },
  };
}
