/** A fake cnvm's disk as one file: a real one, since a snapshot is a directory of files. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Machine } from '../../src/cnvms/machine.js';
import type { Disk, FakeState, Files } from './fake-state.js';
import { toolFails } from './fake-tool.js';

export function fakeArchives(
  state: FakeState,
  diskOf: (record: CnvmRecord) => Disk,
): Pick<Machine, 'packDisk' | 'unpackDisk' | 'rename'> {
  return {
    async packDisk(record, archive, signal) {
      signal.throwIfAborted();
      if (state.processes.get(record.name)?.status === 'running')
        throw new Error(`the disk of ${record.name} changes while it is read`);
      writeFileSync(archive, JSON.stringify(diskOf(record).files));
    },
    async unpackDisk(record, archive, signal) {
      signal.throwIfAborted();
      const disk = diskOf(record);
      if (disk.mounted) throw new Error(`the disk of ${record.name} is mounted while it is filled`);
      try {
        disk.files = JSON.parse(readFileSync(archive, 'utf8')) as Files;
      } catch {
        throw toolFails(`tar: ${archive}: this does not look like a tar archive`);
      }
    },
    async rename(record) {
      const disk = diskOf(record);
      if (disk.mounted) throw new Error(`the disk of ${record.name} is mounted while it is renamed`);
      disk.files['/etc/hostname'] = record.name;
    },
  };
}
