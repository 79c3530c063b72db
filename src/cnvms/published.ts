/** The ports of this node that lead to its cnvms. Invariant: what is published follows what is in the store. */
import type { Logger } from 'pino';
import { takenPorts } from './check-new.js';
import type { CnvmRecord, PublishedPort } from './cnvm.js';
import type { Store } from './store.js';

/** Whether a program of this node listens on a port. */
export type IsPortBusy = (port: number, protocol: 'tcp' | 'udp') => Promise<boolean>;

/** Ports that lead to cnvms of this node; to one that is to be stopped nothing leads. */
export function publishedBy(records: readonly CnvmRecord[]) {
  return records
    .filter(({ wanted }) => wanted === 'running')
    .flatMap(({ address, ports = [] }) => ports.map((port) => ({ ...port, address })));
}

/** The store, whose published ports follow each change of it. */
export function publishing(store: Store, publish: () => Promise<void>, log: Logger): Store {
  const follow = async () => {
    // A cnvm that runs and is not reached by a port is better than one that does not.
    await publish().catch((error: unknown) => log.error({ error }, 'ports could not be published'));
  };
  return {
    ...store,
    async put(record) {
      const before = store.get(record.name);
      await store.put(record);
      if (before?.ports !== undefined || record.ports !== undefined) await follow();
    },
    async remove(name) {
      const before = store.get(name);
      await store.remove(name);
      if (before?.ports !== undefined) await follow();
    },
  };
}

/** @returns what says of ports, each in a sentence, which of them a program of the node itself listens on. */
export function portsInUse(isPortBusy: IsPortBusy, node: string) {
  return async (ports: readonly PublishedPort[]): Promise<string[]> => {
    const busy = await Promise.all(ports.map(({ nodePort, protocol }) => isPortBusy(nodePort, protocol)));
    return ports
      .filter((_, index) => busy[index])
      .map(({ nodePort, protocol }) => `a program of ${node} listens on its port ${nodePort}/${protocol}`);
  };
}

/** @returns what says of a cnvm that is to come, each in a sentence, which of its ports somebody on this node has. */
export function portsTakenOn(store: Store, busyPorts: ReturnType<typeof portsInUse>, node: string) {
  return async ({ ports = [] }: Pick<CnvmRecord, 'ports'>): Promise<string[]> => [
    ...takenPorts(ports, store.all(), node),
    ...(await busyPorts(ports)),
  ];
}
