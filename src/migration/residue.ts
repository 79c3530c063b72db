/**
 * What of ours belongs to nobody. Pure. Invariant: nothing is removed that a record or an open migration names, that
 * something is being done to, that runs, or that cannot be told from another's.
 */
import { addressRefusal } from '../cnvms/address.js';
import { nameRefusal } from '../cnvms/check-new.js';
import { isMigrationId } from './migration.js';

/** What is on a node, by kind. */
export interface Found {
  /** Directories by name: of migrations by their id, all others by their cnvm's name. */
  readonly directories: readonly { readonly kind: DirectoryKind; readonly name: string }[];
  /** `running` is all that has a process, frozen or not, or of which nobody knows. */
  readonly containers: readonly { readonly name: string; readonly status: 'running' | 'stopped' }[];
  readonly cgroups: readonly { readonly name: string; readonly populated: boolean }[];
  /** Names of links that can be a cnvm's. */
  readonly links: readonly string[];
  /** Addresses that packets are kept from. */
  readonly closed: readonly string[];
}

/** Where a daemon keeps directories: scratch, shown images, files in memory, holds, criu's logs, bundles, records. */
export const DIRECTORY_KINDS = ['migrations', 'lower', 'volatile', 'hold', 'criu', 'bundles', 'records'] as const;
export type DirectoryKind = (typeof DIRECTORY_KINDS)[number];

/** What is spoken for: by a record, by a migration that is not settled, or by something that is being done right now. */
export interface Known {
  readonly names: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
  readonly migrations: ReadonlySet<string>;
}

export type Removal =
  | { readonly kind: DirectoryKind | 'container' | 'cgroup'; readonly name: string }
  | { readonly kind: 'link' | 'filter'; readonly name: string; readonly address: string };

export interface Residue {
  /** In the order in which they may go. */
  readonly removals: readonly Removal[];
  /** What runs and belongs to nobody. It is for a person to look at, and so is all that may be its own. */
  readonly strangers: readonly string[];
}

export function residueOf(found: Found, known: Known, network: string): Residue {
  const live = [
    ...found.containers.filter(({ status }) => status === 'running'),
    ...found.cgroups.filter(({ populated }) => populated),
  ].map(({ name }) => name);
  const strangers = [...new Set(live)].filter((name) => !known.names.has(name));
  const spare = (name: string) => nameRefusal(name) === undefined && !known.names.has(name) && !live.includes(name);
  const spareAddress = (address: string) =>
    // Which address is a stranger's, nothing says.
    strangers.length === 0 && addressRefusal(address, network) === undefined && !known.addresses.has(address);
  const removals: readonly Removal[] = [
    ...found.containers.filter(({ name }) => spare(name)).map(({ name }) => ({ kind: 'container', name }) as const),
    ...found.cgroups.filter(({ name }) => spare(name)).map(({ name }) => ({ kind: 'cgroup', name }) as const),
    ...found.links
      .map((name) => ({ kind: 'link', name, address: addressOfLink(name) ?? '' }) as const)
      .filter(({ address }) => spareAddress(address)),
    ...found.closed.filter(spareAddress).map((address) => ({ kind: 'filter', name: address, address }) as const),
    ...found.directories.filter(({ kind, name }) =>
      kind === 'migrations' ? isMigrationId(name) && !known.migrations.has(name) : spare(name),
    ),
  ];
  return { removals, strangers };
}

/** Whether it is still spoken for by nobody: what was true when it was looked for may not be so when it is removed. */
export function isStillSpare(removal: Removal, known: Known): boolean {
  if ('address' in removal) return !known.addresses.has(removal.address);
  return removal.kind === 'migrations' ? !known.migrations.has(removal.name) : !known.names.has(removal.name);
}

/** The address that `linkName` has made the name from. */
function addressOfLink(link: string): string | undefined {
  const [, digits] = /^cn([0-9a-f]{8})$/.exec(link) ?? [];
  return digits
    ?.match(/../g)
    ?.map((byte) => Number.parseInt(byte, 16))
    .join('.');
}
