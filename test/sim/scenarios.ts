/** Stories of a simulated mesh, each to its end, and what was measured. Invariant: the same seed, the same figures. */
import { agreed, allSay, claimsAgreed, mark, timeUntil, trafficSince, upNodes } from './look.js';
import { type Mistakes, watchMistakes } from './mistakes.js';
import { createOwnership, type Ownership, SETTLE_MS } from './ownership.js';
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
  /** Nodes that were up and could be reached and were taken for dead, over all nodes and the whole story. */
  readonly falseDeaths: number;
  /** And suspected. */
  readonly falseSuspicions: number;
  /** Cnvms that run nowhere, twice or not with their owner when all is over, and old copies that were started beside it. */
  readonly wrongOwners: readonly string[];
}

export interface Story {
  readonly world: World;
  readonly ownership: Ownership;
  readonly mistakes: Mistakes;
}

const JOIN_EVERY_MS = 20;

/** Each joins by the address of one that is there. */
export function grow(options: WorldOptions): Story {
  const world = createWorld(options);
  const ownership = createOwnership(world);
  const mistakes = watchMistakes(world);
  for (const node of world.nodes) {
    const seed = pick(world.random, world.nodes.slice(0, node.index));
    world.begin(node, seed === undefined ? [] : [whom(seed)]);
    world.pass(JOIN_EVERY_MS);
  }
  return { world, ownership, mistakes };
}

/** @throws with the story's name when it does not come about: nothing else is worth to be measured then. */
export function demand(world: World, what: string, withinMs: number, holds: () => boolean): number {
  const ms = timeUntil(world, withinMs, holds);
  if (ms === undefined) throw new Error(`${what} did not come about in ${withinMs} ms`);
  return ms;
}

const WAIT_MS = 300_000;
/** One whole round, wherever in the last one each was when the last card came. */
const ROUND = 2;

/** Each part of the story is begun when the one before has come to rest. */
export function measure(options: WorldOptions, quietMs: number): Figures {
  const story = grow(options);
  const { world, ownership, mistakes } = story;
  const joinMs = demand(world, 'everybody knows all', WAIT_MS, () => agreed(world));
  for (const node of world.nodes) ownership.make(node);
  demand(world, 'everybody knows all cnvms', WAIT_MS, () => claimsAgreed(world));
  // Each gives its card to whoever probes it for the first time, and one round of probes is a period for each node.
  world.pass(Math.max(quietMs, ROUND * options.nodes * world.settings.probeMs));
  const quietBytes = trafficIn(world, quietMs);
  const moveMs = moveOne(world, ownership);
  const busyBytes = churn(story, quietMs / 2);
  demand(world, 'all are there again', WAIT_MS, () => agreed(world));
  const deathMs = loseOne(story);
  const healMs = split(world, () => moveSome(story));
  demand(world, 'all know all cnvms', WAIT_MS, () => claimsAgreed(world));
  world.pass(SETTLE_MS);
  ownership.judgeAll();
  return {
    ...{ nodes: options.nodes, joinMs, quietBytes, busyBytes, deathMs, moveMs, healMs },
    ...{ falseDeaths: mistakes.deaths, falseSuspicions: mistakes.suspicions },
    wrongOwners: [...ownership.wrong(), ...ownership.wrongStarts],
  };
}

/** Bytes a second of each node while nothing happens. */
function trafficIn(world: World, ms: number): number {
  const before = mark(world);
  world.pass(ms);
  return trafficSince(world, before);
}

/** One is killed, and comes back when all take it for dead. @returns how long that took. */
function loseOne({ world, ownership }: Story): number {
  const [victim] = upNodes(world);
  if (victim === undefined) throw new Error('nobody is there');
  world.kill(victim);
  const ms = demand(world, 'the dead one is dead to all', WAIT_MS, () => allSay(world, victim.name, ['dead']));
  ownership.comeBack(victim);
  demand(world, 'it is back', WAIT_MS, () => agreed(world));
  return ms;
}

function moveOne(world: World, ownership: Ownership): number {
  const [name = ''] = ownership.owners.keys();
  while (!ownership.move(name));
  return demand(world, 'all know of the move', WAIT_MS, () => claimsAgreed(world));
}

function moveSome({ world, ownership }: Story): void {
  const names = [...ownership.owners.keys()];
  for (let count = 0; count < MOVES; count += 1) ownership.move(pick(world.random, names) ?? '');
}

/** Nodes die and come back, with the disk they had or an older one; cnvms move. @returns bytes a second of each node. */
export function churn(story: Story, ms: number): number {
  const { world, ownership } = story;
  const { random, nodes } = world;
  const before = mark(world);
  const old = new Map<SimNode, SimNode['records']>();
  const downMax = Math.max(1, Math.floor(nodes.length / 10));
  for (let passed = 0; passed < ms; passed += CHURN_EVERY_MS) {
    const up = upNodes(world);
    const down = nodes.filter(({ swim }) => swim === undefined);
    const dies = down.length < downMax && (down.length === 0 || random() < 0.5);
    const node = pick(random, dies ? up : down);
    if (node === undefined) break;
    if (dies) {
      if (!old.has(node)) old.set(node, new Map(node.records));
      world.kill(node);
    } else ownership.comeBack(node, random() < OLD_DISK_SHARE ? lost(node, old, ownership) : node.records);
    moveSome(story);
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
  for (const node of world.nodes) world.regroup(node, node.index < half ? 0 : 1);
  const sizes = [0, 1].map((group) => upNodes(world).filter((node) => node.group === group).length);
  demand(world, 'each side is alone', WAIT_MS, () =>
    upNodes(world).every(({ swim, group }) => swim?.alive === sizes[group]),
  );
  meanwhile();
  for (const node of world.nodes) world.regroup(node, 0);
  return demand(world, 'it is one again', WAIT_MS, () => agreed(world));
}
