/** The fake host is held to what the real one does. */
import { join } from 'node:path';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import { layoutOf } from '../../src/migration/page-words.js';
import { imageToolsContract } from '../contract/image-tools-contract.js';
import { type MachineUnderTest, machineContract } from '../contract/machine-contract.js';
import { createFakeImageTools, newRegistry } from '../support/fake-image-tools.js';
import { facts, record } from '../support/samples.js';
import { temporary } from '../support/temporary.js';
import { createFakeHost, type FakeHost } from './fake-host.js';
import { createWitness } from './witness.js';

describe('the fake host', () => {
  const directory = temporary();

  const open = (tracks: boolean) => async () => {
    const witness = createWitness();
    const host = createFakeHost({ node: 'node1', overlayAddress: '10.100.0.1', directory: directory(), witness });
    host.track(tracks);
    const second = { node: 'node2', overlayAddress: '10.100.0.2', directory: join(directory(), 'second'), witness };
    const inMemory = (path: string) => path.startsWith('/dev/shm/');
    const readOf =
      (where: FakeHost): MachineUnderTest['read'] =>
      async ({ name, landing }, path) =>
        (inMemory(path) ? where.recall(name, path) : where.filesOf(name, landing)?.[path]) ?? '';
    return {
      machine: host.machine,
      bulk: host.bulk,
      record: { ...record, image: await host.addImage() },
      tracks,
      layout: layoutOf(facts('node1').criuVersion),
      async second() {
        const other = createFakeHost(second);
        await other.addImage();
        return { machine: other.machine, bulk: other.bulk, read: readOf(other) };
      },
      async write({ name, landing }: CnvmRecord, path: string, text: string) {
        if (inMemory(path)) host.remember(name, path, text);
        else host.write(name, path, text, landing);
      },
      read: readOf(host),
      scratch: async () => directory(),
      fileOnDisk: async ({ name, landing }: CnvmRecord, path: string) => host.filesOf(name, landing)?.[path],
    };
  };
  machineContract('values', open(true));
  imageToolsContract('files', createFakeImageTools(newRegistry()), directory);
  machineContract('values, on a kernel that does not tell which pages change', open(false));
});
