/**
 * What is reserved on one node, and for whom. Pure. Invariant: at any time nobody has a name or an address that another
 * one has; of this node's own tries, one that is settled is never taken from it.
 */
import type { Wish } from '../cnvms/reserve-port.js';

export interface Asked extends Wish {
  readonly id: string;
}

export type Answer =
  | { readonly granted: true }
  | {
      readonly granted: false;
      readonly holder: string;
      readonly what: 'name' | 'address';
      /** The holder has made it, and says so itself. */
      readonly made: boolean;
    };

interface Entry extends Asked {
  readonly node: string;
  readonly untilMs: number;
  /** This node's own, and every peer has answered. */
  readonly settled: boolean;
}

/** More cnvms than one node makes at once; beyond that its oldest is let go, so that a peer cannot fill our memory. */
export const OF_ONE_MAX = 256;

/** @param lastsMs after which one that nobody lets go of is nobody's. */
export function createReservations(node: string, lastsMs: number) {
  const entries = new Map<string, Entry>();

  function clashOf(asked: Asked, from: string, nowMs: number): Entry | undefined {
    for (const [id, { untilMs }] of entries) if (untilMs <= nowMs) entries.delete(id);
    // Whoever asks anew has given the last try up.
    return [...entries.values()].find((one) => one.node !== from && clashes(one, asked));
  }

  function makeRoom(from: string): void {
    const theirs = [...entries.values()].filter((one) => one.node === from);
    if (theirs.length >= OF_ONE_MAX) entries.delete(theirs[0]?.id ?? '');
  }

  return {
    /** Afterwards it is reserved for `from` if the answer says so; a try of our own that is not settled yields to a lower name. */
    ask(asked: Asked, from: string, nowMs: number): Answer {
      const clash = clashOf(asked, from, nowMs);
      if (clash !== undefined) {
        const yields = clash.node === node && !clash.settled && from < node;
        if (!yields) return { granted: false, holder: clash.node, what: whatOf(clash, asked), made: false };
        entries.delete(clash.id);
      }
      makeRoom(from);
      entries.set(asked.id, { ...asked, node: from, untilMs: nowMs + lastsMs, settled: false });
      return { granted: true };
    },
    /** A try of our own: nobody takes it from us any more. @returns who has, otherwise. */
    settle(asked: Asked, nowMs: number): { readonly holder: string; readonly what: 'name' | 'address' } | undefined {
      const own = entries.get(asked.id);
      if (own === undefined) {
        const clash = clashOf(asked, node, nowMs);
        return { holder: clash?.node ?? node, what: clash === undefined ? 'name' : whatOf(clash, asked) };
      }
      entries.set(asked.id, { ...own, settled: true });
      return undefined;
    },
    letGo(id: string, from: string): void {
      if (entries.get(id)?.node === from) entries.delete(id);
    },
  };
}

const clashes = (one: Wish, other: Wish) => one.name === other.name || one.address === other.address;

/** What two wishes share, or a wish and a cnvm. */
export const whatOf = (one: Wish, other: Wish): 'name' | 'address' => (one.name === other.name ? 'name' : 'address');

/**
 * Who keeps us from it, by the answers of all who answered; undefined when nobody does. A no on account of one who has
 * yielded to us is none, and neither is one on account of somebody whose own no is none.
 */
export function obstacle(answers: ReadonlyMap<string, Answer>): Exclude<Answer, { granted: true }> | undefined {
  const yields = (name: string, seen: ReadonlySet<string>): boolean => {
    const answer = answers.get(name);
    if (answer === undefined || answer.granted) return answer !== undefined;
    // In a circle nobody has yielded.
    return !answer.made && !seen.has(answer.holder) && yields(answer.holder, new Set([...seen, answer.holder]));
  };
  for (const [name, answer] of answers) if (!answer.granted && !yields(name, new Set([name]))) return answer;
  return undefined;
}
