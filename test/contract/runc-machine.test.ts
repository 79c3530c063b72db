/** The real machine and bulk, for a node of the lab: `test/host/contract.test.ts` runs it there. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../../src/base/errors.js';
import { createLog } from '../../src/base/log.js';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Machine } from '../../src/cnvms/machine.js';
import { createRuncMachine } from '../../src/cnvms/runc-machine.js';
import { openImageStore } from '../../src/images/store.js';
import { createBulk } from '../../src/migration/bulk.js';
import { layoutOf } from '../../src/migration/page-words.js';
import { createOverlay } from '../../src/overlay/overlay.js';
import { criuVersion, tracksMemory } from '../../src/tools/criu.js';
import { createRunc } from '../../src/tools/runc.js';
import { record as sample } from '../support/samples.js';
import { type MachineUnderTest, machineContract } from './machine-contract.js';

const IMAGES = '/var/lib/cnvm/images';
/** Beside the node's own daemon, which has the rules of the overlay in place; on disks where overlays can live. */
const STATE = '/var/lib/cnvm/contract';
const RUN = '/run/cnvm-contract';
const LANDING = '/home/cnvm/contract';

async function open(): Promise<MachineUnderTest> {
  const log = createLog({ level: 'warn', pretty: true }, {});
  const network = createOverlay({
    ...{ node: 'contract', network: '10.100.0.0/16', address: '10.100.0.1', encryption: 'wireguard', port: 7443 },
    ...{ mtu: undefined, keepaliveSeconds: 0, hosts: [], stateDir: STATE, runDir: RUN, log },
  });
  const cgroupParent = process.env['CNVM_CONTRACT_CGROUP'] ?? '/cnvm-contract';
  const store = openImageStore(IMAGES);
  const images = { byDigest: store.byDigest, layersDirectory: store.paths.layers };
  const machineIn = (name: string) =>
    createRuncMachine({
      ...{ stateDir: STATE + name, runDir: RUN + name, images, cgroupParent: cgroupParent + name, network },
      restoreMs: 60_000,
      patience: 1,
    });
  const machine = machineIn('');
  const { digest } = store.find('base');
  return {
    machine,
    bulk: createBulk(RUN),
    tracks: await tracksMemory(),
    record: { ...sample, name: 'contract', address: '10.100.200.1', image: { name: 'base', digest }, landing: LANDING },
    layout: layoutOf(await criuVersion()),
    async second() {
      const other = machineIn('-second');
      await network.unwire('10.100.200.1');
      return {
        machine: other,
        bulk: createBulk(`${RUN}-second`),
        read: (record: CnvmRecord, path: string) => inside(other, record, `cat ${path}`, ''),
      };
    },
    async write(record, path, text) {
      await inside(machine, record, `cat > ${path}`, text);
    },
    read: (record, path) => inside(machine, record, `cat ${path}`, ''),
    async scratch() {
      await mkdir(STATE, { recursive: true });
      return await mkdtemp(join(STATE, 'scratch-'));
    },
    async fileOnDisk(record, path) {
      try {
        return await readFile(join(machine.diskDirectory(record), path), 'utf8');
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return undefined;
        throw error;
      }
    },
  };
}

machineContract('runc, criu and rsync', open);

describe('runc', () => {
  it('tells of what has just ended that it uses nothing', async () => {
    assert.deepEqual(await createRunc(RUN).usage('it-has-gone'), { memoryBytes: 0, processes: 0 });
  });
});

describe('runc, slowed down', () => {
  const BUSY_MS = 1_000;

  it('uses no more of the CPU than it is given, and as much as it likes afterwards', async () => {
    const { machine, record } = await open();
    try {
      await machine.make(record);
      await machine.boot(record);
      await inside(machine, record, '(while :; do :; done) > /dev/null 2>&1 < /dev/null &', '');
      const percentOfOne = async () => {
        const before = await machine.cpuMs(record);
        await sleep(BUSY_MS);
        return (((await machine.cpuMs(record)) - before) / BUSY_MS) * 100;
      };
      await machine.throttle(record, 100);
      const slow = await percentOfOne();
      await machine.unthrottle(record);
      const free = await percentOfOne();
      assert.ok(slow < 20 && free > slow * 2, `${slow}% and ${free}%`);
    } finally {
      await machine.destroy(record);
      await machine.erase(record);
    }
  });
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
