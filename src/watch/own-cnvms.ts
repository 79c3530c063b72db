/** What this node owns, as it is told to those who watch; and when to look at it again. */
import type { CnvmRecord, CnvmState } from '../cnvms/cnvm.js';
import type { WatchedCnvm } from './happenings.js';

interface OwnState {
  readonly record: CnvmRecord;
  readonly state: CnvmState;
  readonly conflict: string;
}

/** @param claims what was handed over to this node and has no record yet. @returns what looks at all of it. */
export function ownCnvms(
  node: string,
  cnvms: { states(): Promise<readonly OwnState[]> },
  claims: ReadonlyMap<string, CnvmRecord>,
): () => Promise<WatchedCnvm[]> {
  return async () => {
    const known = await cnvms.states();
    const coming = [...claims.values()]
      .filter(({ name }) => !known.some(({ record }) => record.name === name))
      .map((record): OwnState => ({ record, state: 'arriving', conflict: '' }));
    return [...known, ...coming].map(({ record: { name, address, epoch, image }, state, conflict }) => ({
      ...{ name, address, owner: node, epoch, state },
      image: `${image.name}@${image.digest}`,
      conflict,
    }));
  };
}

/** The directory, of which each change of what this node owns kicks the watch. */
export function kicking<D extends { changed(): void }>(directory: D, kick: () => void): D {
  return {
    ...directory,
    changed() {
      directory.changed();
      kick();
    },
  };
}
