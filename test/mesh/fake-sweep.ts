/** The sweep on a fake host. Invariant: it decides by the daemon's own function, and removes what the real one removes. */
import { linkName } from '../../src/cnvms/address.js';
import { type Found, isStillSpare, type Removal, residueOf } from '../../src/migration/residue.js';
import type { Sweep } from '../../src/migration/sweep.js';
import type { FakeState } from './fake-state.js';

export function createFakeSweep(state: FakeState, sweep: (migration: string) => Promise<void>): Sweep {
  const look = (): Found => ({
    directories: [
      ...[...state.images.keys(), ...state.watched].map((name) => ({ kind: 'migrations', name }) as const),
      ...[...state.shownImages].map((name) => ({ kind: 'lower', name }) as const),
      ...[...state.bundles].map((name) => ({ kind: 'bundles', name }) as const),
    ],
    containers: [...state.processes.keys()].map((name) => ({ name, status: 'running' })),
    cgroups: [],
    links: [...state.processes.values()].map(({ record }) => linkName(record.address)),
    closed: [...state.closed],
  });

  async function remove({ kind, name }: Removal): Promise<void> {
    if (kind === 'migrations') await sweep(name);
    else if (kind === 'lower') state.shownImages.delete(name);
    else if (kind === 'bundles') state.bundles.delete(name);
    else if (kind === 'filter') state.closed.delete(name);
    else throw new Error(`there is no ${kind} ${name} here`);
  }

  return async ({ known, take, log }) => {
    const { removals, strangers } = residueOf(look(), known(), '10.100.0.0/16');
    for (const name of strangers) log.error({ cnvm: name }, 'it runs, and nobody knows it');
    for (const removal of removals) {
      const letGo = take(removal.name);
      if (letGo === undefined) continue;
      if (isStillSpare(removal, known())) await remove(removal);
      letGo();
    }
  };
}
