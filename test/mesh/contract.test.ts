/** The fake host is held to what the real one does. */
import { machineContract } from '../contract/machine-contract.js';
import { record } from '../support/samples.js';
import { temporary } from '../support/temporary.js';
import { createFakeHost } from './fake-host.js';
import { createWitness } from './witness.js';

describe('the fake host', () => {
  const directory = temporary();

  machineContract('values', async () => {
    const witness = createWitness();
    const host = createFakeHost({ node: 'node1', overlayAddress: '10.100.0.1', directory: directory(), witness });
    const inMemory = (path: string) => path.startsWith('/dev/shm/');
    return {
      machine: host.machine,
      bulk: host.bulk,
      record,
      async write({ name, landing }, path, text) {
        if (inMemory(path)) host.remember(name, path, text);
        else host.write(name, path, text, landing);
      },
      async read({ name, landing }, path) {
        return (inMemory(path) ? host.recall(name, path) : host.filesOf(name, landing)?.[path]) ?? '';
      },
      fileOnDisk: async ({ name, landing }, path) => host.filesOf(name, landing)?.[path],
    };
  });
});
