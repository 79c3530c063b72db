/** What is watched, as tests need it. */
import type { WatchedCnvm, WatchedMember, WatchedMigration } from '../../../src/watch/happenings.js';

export function watchedMember(name: string, more: Partial<WatchedMember> = {}): WatchedMember {
  return {
    name,
    endpoint: `${name}:7443`,
    overlayAddress: '10.100.0.1',
    state: 'alive',
    self: false,
    version: '0.1.0',
    cpus: 2,
    loadCenti: 0,
    memoryTotalBytes: 0,
    memoryAvailableBytes: 0,
    cordoned: false,
    ...more,
  };
}

export function watchedCnvm(name: string, more: Partial<WatchedCnvm> = {}): WatchedCnvm {
  const image = 'base@sha256:aa';
  return { name, address: '10.100.101.111', owner: 'node1', epoch: 1, state: 'running', image, conflict: '', ...more };
}

export const MIGRATION_ID = '00000000-0000-4000-8000-000000000001';

export function watchedMigration(more: Partial<WatchedMigration> = {}): WatchedMigration {
  return {
    ...{ id: MIGRATION_ID, name: 'web', source: 'node1', target: 'node2', mode: 'hot', memoryMode: 'pre-copy' },
    ...{ outcome: 'running', phase: 'seed', startTime: '2026-01-01T00:00:00.000Z', endTime: undefined, phases: [] },
    ...{ freezeMs: 0, totalMs: 0, memoryBytes: 0, diskBytes: 0, error: '', progress: undefined },
    ...more,
  };
}
