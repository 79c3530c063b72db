/** Stories of a simulated mesh, each to its end, and what was measured. Invariant: the same seed, the same figures. */
import { agreed, allSay, claimsAgreed, mark, timeUntil, trafficSince, upNodes } from './look.js';
import { createOwnership, type Ownership } from './ownership.js';
import { pick } from './random.js';
import { createWorld, type SimNode, type World, type WorldOptions, whom } from './world.js';

export interface Figures {
  readonly nodes: number;
  /** From the last one's joining until each knows all; likewise below. */
  readonly joinMs: number;
  /** Bytes a second that a node sends and receives while nothing happens. */
  readonly quietBytes: number;
  /** Bytes a second while nodes die and come back and cnvms move. */
  readonly busyBytes: number;
  /** Until one that was killed is dead everywhere. */
  readonly deathMs: number;
  /** Until a cnvm that has moved is known there by all. */
  readonly moveMs: number;
  /** From the end of a partition in halves until each knows all. */
  readonly healMs: number;
  /** Living members that were taken for dead, over all nodes, while nothing happened. */
  readonly falseDeaths: number;
  /** And suspected. */
  readonly falseSuspicions: number;
}

export interface Story {
  readonly world: World;
  readonly ownership: Ownership;
}

const JOIN_EVERY_MS = 20;

/** Each joins by the address of one that is there. */
export function grow(options: WorldOptions): Story {
  const world = createWorld(options);
  const ownership = createOwnership(world);
  for (const node of world.nodes) {
    const seed = pick(world.random, world.nodes.slice(0, node.index));
    world.begin(node, seed === undefined ? [] : [whom(seed)]);
    world.pass(JOIN_EVERY_MS);
  }
  return { world, ownership };
}

/** @throws with the story's name when it does not come about: nothing else is worth to be measured then. */
export function demand(world: World, what: string, withinMs: number, holds: () => boolean): number {
  const ms = timeUntil(world, withinMs, holds);
  if (ms === undefined) throw new Error(`${what} did not come about in ${withinMs} ms`);
  return ms;
}

const WAIT_MS = 300_000;

export function measure(options: WorldOptions, quietMs: number): Figures {
  const { world, ownership } = grow(options);
  const joinMs = demand(world, 'everybody knows all', WAIT_MS, () => agreed(world));
  for (const node of world.nodes) ownership.make(node);
  demand(world, 'everybody knows all cnvms', WAIT_MS, () => claimsAgreed(world));
  // Who has just joined gives its card to each that meets it for the first time.
  world.pass(quietMs);
  const { falseDeaths, falseSuspicions, quietBytes } = stayQuiet(world, quietMs);
  const moveMs = moveOne(world, ownership);
  const busyBytes = churn({ world, ownership }, quietMs / 2);
  const [victim] = upNodes(world);
  if (victim !== undefined) world.kill(victim);
  const deathMs = demand(world, 'the dead one is dead to all', WAIT_MS, () =>
    allSay(world, victim?.name ?? '', ['dead']),
  );
  if (victim !== undefined) ownership.comeBack(victim);
  demand(world, 'it is back', WAIT_MS, () => agreed(world));
  const healMs = split(world, () => undefined);
  return { nodes: options.nodes, joinMs, quietBytes, busyBytes, deathMs, moveMs, healMs, falseDeaths, falseSuspicions };
}

/** Nothing happens; whoever is taken for dead lives. */
export function stayQuiet(world: World, ms: number) {
  const before = mark(world);
  let falseDeaths = 0;
  let falseSuspicions = 0;
  world.onOutput((_, { news }) => {
    for (const one of news) {
      if (one.kind === 'member' && one.now === 'dead') falseDeaths += 1;
      if (one.kind === 'member' && one.now === 'suspect') falseSuspicions += 1;
    }
  });
  world.pass(ms);
  const counted = { falseDeaths, falseSuspicions };
  return { ...counted, quietBytes: trafficSince(world, before) };
}

function moveOne(world: World, ownership: Ownership): number {
  const [name = ''] = ownership.owners.keys();
  while (!ownership.move(name));
  return demand(world, 'all know of the move', WAIT_MS, () => claimsAgreed(world));
}

/** Nodes die and come back, with the disk they had or an older one; cnvms move. @returns bytes a second of each node. */
export function churn({ world, ownership }: Story, ms: number): number {
  const { random, nodes } = world;
  const before = mark(world);
  const old = new Map<SimNode, SimNode['records']>();
  const downMax = Math.max(1, Math.floor(nodes.length / 10));
  for (let passed = 0; passed < ms; passed += CHURN_EVERY_MS) {
    const node = pick(random, nodes);
    if (node === undefined) break;
    const down = nodes.filter(({ swim }) => swim === undefined);
    if (node.swim === undefined)
      ownership.comeBack(node, random() < OLD_DISK_SHARE ? lost(node, old, ownership) : node.records);
    else if (down.length < downMax) {
      if (!old.has(node)) old.set(node, new Map(node.records));
      world.kill(node);
    }
    for (let count = 0; count < MOVES; count += 1) ownership.move(pick(random, [...ownership.owners.keys()]) ?? '');
    world.pass(CHURN_EVERY_MS);
    ownership.judgeAll();
  }
  const bytes = trafficSince(world, before);
  for (const node of nodes) if (node.swim === undefined) ownership.comeBack(node);
  world.pass(10_000);
  ownership.judgeAll();
  return bytes;
}
const CHURN_EVERY_MS = 2_000;
const MOVES = 3;
const OLD_DISK_SHARE = 0.3;

/** An older disk beside what is its own now: a backup of a time when it had more. What it has now it keeps. */
function lost(node: SimNode, old: Map<SimNode, SimNode['records']>, { owners }: Ownership): SimNode['records'] {
  const older = [...(old.get(node) ?? [])].filter(([name]) => owners.get(name)?.node !== node);
  return new Map([...older, ...node.records]);
}

/** Cuts the mesh in two until each side takes the other for dead. @returns how long it takes to heal. */
export function split(world: World, meanwhile: () => void): number {
  const half = world.nodes.length / 2;
  for (const node of world.nodes) node.group = node.index < half ? 0 : 1;
  const sizes = [0, 1].map((group) => upNodes(world).filter((node) => node.group === group).length);
  demand(world, 'each side is alone', WAIT_MS, () =>
    upNodes(world).every(({ swim, group }) => swim?.alive === sizes[group]),
  );
  meanwhile();
  for (const node of world.nodes) node.group = 0;
  return demand(world, 'it is one again', WAIT_MS, () => agreed(world));
}
