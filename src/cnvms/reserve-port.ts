/**
 * A name and an address for a new cnvm, agreed on with the peers before anything is made. Invariant: who may choose an
 * address, and cannot ask every peer, chooses from a part of the overlay that no other node chooses from.
 */
import { refused } from '../base/errors.js';

export interface Wish {
  readonly name: string;
  readonly address: string;
}

export type Reserved =
  | {
      readonly kind: 'held';
      /** Known peers that could not be asked. */
      readonly silent: readonly string[];
      /** To be called when it has been made, or has not. */
      release(): void;
    }
  | { readonly kind: 'taken'; readonly what: 'name' | 'address'; readonly by: string };

export interface Reserving {
  reserve(wish: Wish): Promise<Reserved>;
  /** The last byte of this node's own address: cnvms' addresses that end with it are given by this node alone. */
  readonly part: number;
}

/** Which addresses to choose from. */
export interface Among {
  /** What others have taken meanwhile. */
  readonly avoid: ReadonlySet<string>;
  /** Only those that end with this byte; undefined: all. */
  readonly part: number | undefined;
}

/** Others are as quick as we are, for so many times in a row only by a fault. */
const TRIES_MAX = 100;

export interface Choice<W extends Wish> {
  /** The address was asked for; another one is no help then. */
  readonly given: boolean;
  /** What to ask for; may throw. */
  choose(among: Among): W;
  /** It is not to be. */
  drop(wish: W): void;
}

export interface Held<W extends Wish> {
  readonly wish: W;
  /** To be called when it has been made, or has not. */
  release(): void;
}

/** @throws `refused` when somebody else has it, or is about to; everything that was chosen has been dropped then. */
export async function reserveFor<W extends Wish>(
  { reserve, part }: Reserving,
  { given, choose, drop }: Choice<W>,
): Promise<Held<W>> {
  const avoid = new Set<string>();
  let own: number | undefined;
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
    const wish = choose({ avoid, part: own });
    const reserved = await reserve(wish);
    if (reserved.kind === 'held' && (given || own !== undefined || reserved.silent.length === 0))
      return { wish, release: reserved.release };
    drop(wish);
    if (reserved.kind === 'held') {
      reserved.release();
      own = part;
    } else if (given || reserved.what === 'name') throw taken(wish, reserved);
    else avoid.add(wish.address);
  }
  throw refused('unavailable', `no address could be agreed on in ${TRIES_MAX} tries`);
}

function taken({ name, address }: Wish, { what, by }: { readonly what: 'name' | 'address'; readonly by: string }) {
  const which = what === 'name' ? `the name ${name}` : `the address ${address}`;
  return refused('exists', `${which} is taken: ${by} has it, or is making a cnvm with it just now`, {
    remedy: 'See "cnvm ls --all" in a moment.',
  });
}
