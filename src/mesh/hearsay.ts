/**
 * What the other nodes own, as far as this node has heard. Invariant: a node's own word replaces what was known of it before;
 * the word of a member goes before what a peer too old for membership announces.
 */
import type { Logger } from 'pino';
import { conflicts, type Heard, type Holding, type Owned } from './directory.js';
import type { Claim } from './standing.js';
import type { Member } from './swim/state.js';

/** Conflicts that are not told twice. */
const SHOUTED_MAX = 1_000;

/** By then the new owner has said so itself, or that it has it no more. */
const MOVE_KEPT_MS = 10_000;

export function createHearsay(members: () => Iterable<Member>, log: Logger) {
  /** From peers too old for membership. */
  const announced = new Map<string, readonly Holding[]>();
  /** Moves that this node knows of before the new owner has said so. */
  const moves = new Map<string, Owned>();
  const shouted = new Set<string>();

  function heard(): Heard {
    const all = new Map<string, readonly Holding[]>(announced);
    for (const { name, claims } of members()) all.set(name, [...claims.values()]);
    for (const move of moves.values()) {
      const rest = (all.get(move.node) ?? []).filter(({ name }) => name !== move.name);
      all.set(move.node, [...rest, move]);
    }
    return all;
  }

  return {
    heard,
    announced,
    /** Unless the new owner has said so already: it often does before the old one is done. */
    move(owned: Owned): void {
      for (const member of members())
        if (member.name === owned.node && (member.claims.get(owned.name)?.epoch ?? 0) >= owned.epoch) return;
      moves.set(owned.name, owned);
      setTimeout(() => {
        if (moves.get(owned.name) === owned) moves.delete(owned.name);
      }, MOVE_KEPT_MS).unref();
    },
    /** A member has spoken: it needs nobody to speak for it. */
    spoke(member: Member): void {
      announced.delete(member.name);
      for (const [cnvm, move] of moves)
        if (move.node === member.name && (member.claims.get(cnvm)?.epoch ?? 0) >= move.epoch) moves.delete(cnvm);
    },
    /** What others claim of one cnvm. */
    *claimsOn(cnvm: string): Generator<Claim> {
      for (const [node, holdings] of announced) {
        const claim = holdings.find(({ name }) => name === cnvm);
        if (claim !== undefined) yield { node, epoch: claim.epoch, runs: claim.state !== 'stopped' };
      }
      for (const { name, claims, state } of members()) {
        const claim = claims.get(cnvm);
        const lives = state === 'alive' || state === 'suspect';
        if (claim !== undefined) yield { node: name, epoch: claim.epoch, runs: lives && claim.state !== 'stopped' };
      }
      const move = moves.get(cnvm);
      if (move !== undefined) yield { node: move.node, epoch: move.epoch, runs: true };
    },
    /** Tells the log of each conflict once. */
    tellConflicts(all: Heard): void {
      for (const { name, epoch, nodes } of conflicts(all)) {
        const words = `${name} ${epoch} ${nodes.join()}`;
        if (shouted.has(words)) continue;
        if (shouted.size > SHOUTED_MAX) shouted.clear();
        shouted.add(words);
        log.error({ cnvm: name, epoch, nodes }, 'two nodes claim one cnvm at the same epoch');
      }
    },
  };
}
