import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type DumpPlaces, readyDump } from '../../../src/cnvms/dumps.js';
import type { DumpTarget } from '../../../src/cnvms/machine.js';
import type { Runc } from '../../../src/tools/runc.js';
import { temporary } from '../../support/temporary.js';

describe('a dump', () => {
  const directory = temporary();

  /** Files of the test's that this process has open. */
  function open(): string[] {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${fd}`);
        return path.startsWith(directory()) ? [path] : [];
      } catch {
        // That of the directory itself.
        return [];
      }
    });
  }

  it('that cannot be made ready leaves nothing open', async () => {
    const places: DumpPlaces = {
      ...{ name: 'one', holdDir: join(directory(), 'hold'), workDir: directory(), cgroup: '/none' },
      ...{ criuConfig: join(directory(), 'no', 'bundle', 'criu.conf') },
      ...{ addImages: async () => undefined, end: async () => undefined },
    };
    const target: DumpTarget = {
      imagesDir: join(directory(), 'images'),
      parentDir: undefined,
      takePages: () => undefined,
    };
    await assert.rejects(readyDump({} as Runc, places, target), /ENOENT/);
    assert.deepEqual(open(), []);
  });
});
