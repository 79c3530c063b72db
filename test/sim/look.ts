/** What is true of a simulated mesh, seen from outside. */
import type { Liveness } from '../../src/mesh/swim/words.js';
import type { SimNode, World } from './world.js';

export const upNodes = (world: World): SimNode[] => world.nodes.filter(({ swim }) => swim !== undefined);

/** Whether every node that is up takes every other one for what it is. */
export function agreed(world: World): boolean {
  const up = upNodes(world);
  return (
    up.every(({ swim, name }) => swim?.alive === up.length && swim.ring.every((other) => other !== name)) &&
    noneWrong(up)
  );
}

function noneWrong(up: readonly SimNode[]): boolean {
  const names = new Set(up.map(({ name }) => name));
  return up.every(({ swim }) =>
    swim?.ring.every((name) => names.has(name) && swim.members.get(name)?.state === 'alive'),
  );
}

/** Whether all that are up, but itself, say this of a node. */
export function allSay(world: World, name: string, states: readonly Liveness[]): boolean {
  return upNodes(world).every((node) => {
    if (node.name === name) return true;
    const state = node.swim?.members.get(name)?.state;
    return state !== undefined && states.includes(state);
  });
}

/** Whether every node that is up knows what every other one owns. */
export function claimsAgreed(world: World): boolean {
  const up = upNodes(world);
  return up.every(({ swim }) =>
    up.every((other) => {
      if (other.swim === swim) return true;
      const held = swim?.members.get(other.name);
      return (
        held !== undefined &&
        held.claimsRevision === other.swim?.self.claimsRevision &&
        held.claims.size === other.records.size
      );
    }),
  );
}

/** Bytes that a node sends and receives in a second, in the mean, since `before`. */
export function trafficSince(world: World, before: { readonly at: number; readonly bytes: number }): number {
  const up = upNodes(world).length;
  return ((bytesOf(world) - before.bytes) / Math.max(1, up) / (world.now() - before.at)) * 1000;
}

export function mark(world: World): { at: number; bytes: number } {
  return { at: world.now(), bytes: bytesOf(world) };
}

function bytesOf({ nodes }: World): number {
  return nodes.reduce((total, { bytesOut, bytesIn }) => total + bytesOut + bytesIn, 0);
}

/** How long until it holds; undefined when it does not within `withinMs`. */
export function timeUntil(world: World, withinMs: number, holds: () => boolean): number | undefined {
  const began = world.now();
  for (let step = 0; step < withinMs; step += STEP_MS) {
    if (holds()) return world.now() - began;
    world.pass(STEP_MS);
  }
  return holds() ? world.now() - began : undefined;
}
const STEP_MS = 100;
