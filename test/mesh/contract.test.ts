/** The fake host is held to what the real one does. */
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import { machineContract } from '../contract/machine-contract.js';
import { record } from '../support/samples.js';
import { temporary } from '../support/temporary.js';
import { createFakeHost } from './fake-host.js';
import { createWitness } from './witness.js';

describe('the fake host', () => {
  const directory = temporary();

  const open = (tracks: boolean) => async () => {
    const witness = createWitness();
    const host = createFakeHost({ node: 'node1', overlayAddress: '10.100.0.1', directory: directory(), witness });
    host.track(tracks);
    const inMemory = (path: string) => path.startsWith('/dev/shm/');
    return {
      machine: host.machine,
      bulk: host.bulk,
      record,
      tracks,
      async write({ name, landing }: CnvmRecord, path: string, text: string) {
        if (inMemory(path)) host.remember(name, path, text);
        else host.write(name, path, text, landing);
      },
      async read({ name, landing }: CnvmRecord, path: string) {
        return (inMemory(path) ? host.recall(name, path) : host.filesOf(name, landing)?.[path]) ?? '';
      },
      fileOnDisk: async ({ name, landing }: CnvmRecord, path: string) => host.filesOf(name, landing)?.[path],
    };
  };
  machineContract('values', open(true));
  machineContract('values, on a kernel that does not tell which pages change', open(false));
});
