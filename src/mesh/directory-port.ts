/** What the cnvms' room asks of the mesh. Invariant: what lies here is taken, whoever else claims it, and at whatever epoch. */
import type { DirectoryPort } from '../cnvms/cnvms.js';
import { conflicts, type Heard, type Holding, owners } from './directory.js';
import { viewOf } from './elsewhere.js';
import { type Claim, standingOf } from './standing.js';

export interface DirectoryPorts {
  readonly node: string;
  /** What this node owns now. */
  readonly holdings: () => readonly Holding[];
  /** What every node owns, this one too. */
  readonly everything: () => Heard;
  /** What others claim of one cnvm. */
  readonly claimsOn: (cnvm: string) => Iterable<Claim>;
  readonly changed: () => void;
}

export function directoryOf({ node, holdings, everything, claimsOn, changed }: DirectoryPorts): DirectoryPort {
  const all = () => [...owners(everything()).values()];
  return {
    taken() {
      // Our own come last, and so go before the others.
      const owned = [...all(), ...holdings().map((holding) => ({ ...holding, node }))];
      return {
        names: new Map(owned.map((one) => [one.name, one.node])),
        addresses: new Map(owned.map((one) => [one.address, `${one.name} on ${one.node}`])),
      };
    },
    ownerOf: (name) => owners(everything()).get(name)?.node,
    rival(own) {
      const found = standingOf(own, claimsOn(own.name));
      return found.kind === 'ours' ? undefined : found;
    },
    elsewhere() {
      const contested = new Map(conflicts(everything()).map(({ name, nodes }) => [name, nodes]));
      return all()
        .filter((owned) => owned.node !== node)
        .map((owned) => viewOf(owned, contested.get(owned.name)));
    },
    changed,
  };
}
