/** Values that many tests start from. */
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { NodeFacts } from '../../src/mesh/node-facts.js';
import type { MemoryRound, Migration } from '../../src/migration/migration.js';
import { fakeImage } from './fake-image.js';

/** What hosts that are not there have. */
export const baseImage = fakeImage({ layers: [{ 'etc/base': 'base' }] });

export const record: CnvmRecord = {
  name: 'sneaker01.gonkulator.io',
  address: '10.100.101.111',
  image: { name: 'base', digest: baseImage.digest },
  limits: { memoryBytes: 0, cpuMillis: 0, pids: 0 },
  createTime: '2026-01-01T00:00:00.000Z',
  epoch: 3,
  owner: 'node1',
  landing: '/home/cnvm/sneakers',
  wanted: 'running',
};

/** Of a node whose overlay is not encrypted. */
export const NO_CARD = { key: '', nextKey: '', port: 0, mtu: 0 };

export function facts(name: string, change: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name,
    version: '0.1.0',
    protocolVersion: 1,
    criuVersion: '4.2.1',
    runcVersion: '1.1.15',
    kernelRelease: '6.12.0',
    architecture: 'x64',
    cpuFlags: ['avx2', 'sse'],
    memoryTotalBytes: 2 ** 33,
    memoryAvailableBytes: 2 ** 32,
    landingZones: [{ path: '/home/cnvm/sneakers', availableBytes: 2 ** 33 }],
    softDirty: true,
    dumpFormat: 2,
    postCopyObstacles: [],
    images: [record.image],
    overlayAddress: '10.100.0.1',
    overlayEncryption: 'wireguard',
    overlayKey: '',
    overlayPort: 7443,
    cnvmCount: 0,
    cordon: '',
    strains: [],
    ...change,
  };
}

export const migration: Migration = {
  id: 'm1',
  name: record.name,
  source: 'node1',
  target: 'node2',
  landing: record.landing,
  mode: 'hot',
  outcome: 'running',
  phase: 'negotiate',
  startTime: '2026-01-01T00:00:00.000Z',
  endTime: undefined,
  phases: [],
  freezeMs: 0,
  freezeParts: [],
  totalMs: 0,
  memoryBytes: 1,
  diskBytes: 2,
  error: '',
  role: 'source',
  location: 'node1',
  epoch: 3,
  memoryMode: undefined,
  memoryRounds: [],
  maxDowntimeMs: 300,
  expectedDowntimeMs: 0,
};

export const memoryRound: MemoryRound = {
  number: 1,
  frozen: false,
  bytes: 4096,
  pages: 1,
  ms: 10,
  bytesPerSecond: 409_600,
  dirtyBytesPerSecond: 0,
  expectedDowntimeMs: 400,
  cpuPercent: 100,
};
