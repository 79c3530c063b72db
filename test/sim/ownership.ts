/**
 * Cnvms in the simulated mesh: they are made, moved, and their nodes die and come back, also with an old disk. Invariant: a
 * move is whole or not at all, as the migration promises; all else is decided by the rules that the daemon has.
 */
import type { Holding } from '../../src/mesh/directory.js';
import { standingOf } from '../../src/mesh/standing.js';
import { pick } from './random.js';
import { type SimNode, type World, whom } from './world.js';

/** As the daemon: how long it asks before it starts anything. */
export const SETTLE_MS = 5_000;

export type Ownership = ReturnType<typeof createOwnership>;

export function createOwnership(world: World) {
  const { nodes, random, run } = world;
  /** The truth: who has it, at which epoch. */
  const owners = new Map<string, { node: SimNode; epoch: number }>();
  let made = 0;
  /** Starts of an old copy while its owner was up and could be reached. */
  const wrongStarts: string[] = [];

  function tell(node: SimNode): void {
    run(node, { kind: 'claims', claims: [...node.records.values()] });
  }

  /** Starts what may run, and stops what may not. */
  function judge(node: SimNode): void {
    for (const record of node.records.values()) judgeOne(node, record);
  }

  /** As `judge`, but only what a single member claims now can have changed anything. */
  function hearOf(node: SimNode, from: string): void {
    const claims = node.swim?.members.get(from)?.claims;
    for (const record of node.records.values()) if (claims?.has(record.name)) judgeOne(node, record);
  }

  function judgeOne(node: SimNode, record: Holding): void {
    if (node.swim === undefined || world.now() < node.settledAt) return;
    const standing = standingOf(record, claimsOf(node, record.name));
    if (standing.kind === 'elsewhere') node.running.delete(record.name);
    else if (standing.kind === 'ours' && !node.running.has(record.name)) start(node, record);
  }

  function start(node: SimNode, record: Holding): void {
    node.running.add(record.name);
    const owner = owners.get(record.name);
    const reached = owner?.node.swim !== undefined && owner.node.group === node.group;
    if (owner !== undefined && owner.epoch > record.epoch && reached)
      wrongStarts.push(`${record.name} on ${node.name}`);
  }

  function* claimsOf(node: SimNode, name: string) {
    for (const member of node.swim?.members.values() ?? []) {
      const claim = member.claims.get(name);
      if (claim !== undefined) yield { node: member.name, epoch: claim.epoch, runs: true };
    }
  }

  world.onOutput((node, { news }) => {
    for (const one of news) if (one.kind === 'claims') hearOf(node, one.name);
  });

  return {
    owners,
    wrongStarts,
    make(node: SimNode): void {
      made += 1;
      const name = `cnvm${made}`;
      const address = `10.100.${1 + Math.floor(made / 250)}.${1 + (made % 250)}`;
      node.records.set(name, { name, address, epoch: 1, state: 'running', image: 'base@sha256:0123456789abcdef' });
      node.running.add(name);
      owners.set(name, { node, epoch: 1 });
      if (node.swim !== undefined) tell(node);
    },
    /** To a node that the owner can reach. @returns whether there was one. */
    move(name: string): boolean {
      const owner = owners.get(name);
      const record = owner?.node.records.get(name);
      if (owner === undefined || record === undefined || owner.node.swim === undefined) return false;
      const target = pick(
        random,
        nodes.filter((node) => node.swim !== undefined && node.group === owner.node.group),
      );
      if (target === undefined || target === owner.node || target.records.has(name)) return false;
      const epoch = record.epoch + 1;
      owner.node.records.delete(name);
      owner.node.running.delete(name);
      target.records.set(name, { ...record, epoch });
      target.running.add(name);
      owners.set(name, { node: target, epoch });
      tell(target);
      tell(owner.node);
      return true;
    },
    /** @param records what is on its disk now; what was there when it went, if nothing else is said. */
    comeBack(node: SimNode, records: ReadonlyMap<string, Holding> = node.records): void {
      node.records = new Map(records);
      node.running.clear();
      node.settledAt = world.now() + SETTLE_MS;
      world.begin(
        node,
        nodes
          .filter((other) => other !== node)
          .slice(0, 64)
          .map(whom),
      );
    },
    /** Those whose time to ask is over start what is theirs. */
    judgeAll: () => nodes.forEach(judge),
    /** What runs nowhere, or twice, or not where it should; of nodes that are up. */
    wrong(): string[] {
      const runners = new Map<string, string[]>();
      for (const { name, running } of nodes)
        for (const cnvm of running) runners.set(cnvm, [...(runners.get(cnvm) ?? []), name]);
      return [...owners].flatMap(([name, { node }]) => {
        const runs = runners.get(name) ?? [];
        const expected = node.swim === undefined ? 0 : 1;
        const well = runs.length === expected && (expected === 0 || runs[0] === node.name);
        return well ? [] : [`${name} of ${node.name} runs on ${runs.join(' and ') || 'nobody'}`];
      });
    },
  };
}
