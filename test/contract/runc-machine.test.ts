/** The real machine and bulk, for a node of the lab: `test/host/contract.test.ts` runs it there. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { hasErrno } from '../../src/base/errors.js';
import { createLog } from '../../src/base/log.js';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import { findImage } from '../../src/cnvms/image.js';
import type { Machine } from '../../src/cnvms/machine.js';
import { createRuncMachine } from '../../src/cnvms/runc-machine.js';
import { createBulk } from '../../src/migration/bulk.js';
import { createOverlay } from '../../src/overlay/overlay.js';
import { record as sample } from '../support/samples.js';
import { machineContract } from './machine-contract.js';

const IMAGES = '/var/lib/cnvm/images';
/** Beside the node's own daemon, which has the rules of the overlay in place; on disks where overlays can live. */
const STATE = '/var/lib/cnvm/contract';
const RUN = '/run/cnvm-contract';
const LANDING = '/home/cnvm/contract';

machineContract('runc, criu and rsync', async () => {
  const log = createLog({ level: 'warn', pretty: true }, {});
  const network = createOverlay({ network: '10.100.0.0/16', address: '10.100.0.1', log });
  const cgroupParent = process.env['CNVM_CONTRACT_CGROUP'] ?? '/cnvm-contract';
  const machine = createRuncMachine({
    ...{ stateDir: STATE, runDir: RUN, imagesDir: IMAGES, cgroupParent, network },
    restoreMs: 60_000,
    patience: 1,
  });
  const { name, digest } = findImage(IMAGES, 'base');
  return {
    machine,
    bulk: createBulk(RUN),
    record: { ...sample, name: 'contract', address: '10.100.200.1', image: { name, digest }, landing: LANDING },
    async write(record, path, text) {
      await inside(machine, record, `cat > ${path}`, text);
    },
    read: (record, path) => inside(machine, record, `cat ${path}`, ''),
    async fileOnDisk(record, path) {
      try {
        return await readFile(join(machine.diskDirectory(record), path), 'utf8');
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return undefined;
        throw error;
      }
    },
  };
});

async function inside(machine: Machine, record: CnvmRecord, script: string, input: string): Promise<string> {
  let said = '';
  const hear = async (chunk: Uint8Array) => {
    said += Buffer.from(chunk).toString();
  };
  const order = { name: record.name, argv: ['sh', '-c', script], user: '', cwd: '', env: [], tty: undefined };
  const signal = new AbortController().signal;
  const io = { stdin: Readable.from([input]), stdout: hear, stderr: hear, onResize: () => undefined, signal };
  const code = await machine.exec(record, order, io);
  if (code !== 0) throw new Error(`${script}: exit code ${code}: ${said}`);
  return said;
}
