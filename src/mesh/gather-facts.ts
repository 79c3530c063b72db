/** This node's facts, gathered from the host. What cannot change while the daemon runs is asked once. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { messageOf } from '../base/errors.js';
import type { ImageRef } from '../cnvms/cnvm.js';
import { DUMP_FORMAT } from '../cnvms/volatile.js';
import { criuVersion, lazyObstacle, tracksMemory } from '../tools/criu.js';
import { tryGuard } from '../tools/guard.js';
import { runcVersion } from '../tools/runc.js';
import { type HostFacts, type LandingZone, PROTOCOL_VERSION } from './node-facts.js';

export interface FactsOptions {
  readonly node: string;
  readonly version: string;
  readonly landingZones: readonly string[];
  readonly images: () => readonly ImageRef[];
  readonly overlayAddress: string;
  readonly overlayEncryption: string;
  readonly overlayCard: () => { readonly key: string; readonly port: number };
  readonly cnvmCount: () => number;
}

/**
 * @returns what gathers the facts anew each time it is called. No program is started before that: what a dead daemon has
 * left is ended first, and what is asked here would be ended with it.
 */
export function factsOf(options: FactsOptions): () => Promise<HostFacts> {
  const versions = [answerOf(criuVersion), answerOf(runcVersion)];
  // criu tries it out, which takes a moment, and is not asked where the kernel says no.
  const tracking = answerOf(async () => marksDirtyPages() && (await tracksMemory()));
  const lazy = [answerOf(lazyObstacle), answerOf(async () => void (await tryGuard()))];
  const cpuFlags = readCpuFlags();
  return async () => {
    const [criu = '', runc = ''] = await Promise.all(versions.map((version) => version().catch(() => '')));
    const obstacles = await Promise.all(lazy.map((look) => look().catch(messageOf)));
    const memory = readMemory();
    return {
      name: options.node,
      version: options.version,
      protocolVersion: PROTOCOL_VERSION,
      criuVersion: criu,
      runcVersion: runc,
      dumpFormat: DUMP_FORMAT,
      kernelRelease: release(),
      architecture: process.arch,
      cpuFlags,
      ...memory,
      landingZones: await Promise.all(options.landingZones.map(zoneOf)),
      softDirty: await tracking().catch(() => false),
      postCopyObstacles: [...obstacles, userfaultObstacle()].filter((obstacle) => obstacle !== undefined),
      images: options.images(),
      overlayAddress: options.overlayAddress,
      overlayEncryption: options.overlayEncryption,
      overlayKey: options.overlayCard().key,
      overlayPort: options.overlayCard().port,
      cnvmCount: options.cnvmCount(),
    };
  };
}

/** The one answer to a question, which is asked again only when it was not answered. */
function answerOf<T>(question: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return async () => {
    answer ??= question();
    try {
      return await answer;
    } catch (error) {
      answer = undefined;
      throw error;
    }
  };
}

async function zoneOf(path: string): Promise<LandingZone> {
  await mkdir(path, { recursive: true });
  const { bavail, bsize } = await statfs(path);
  return { path, availableBytes: bavail * bsize };
}

/** What programs may have found and use: x86 calls it flags, arm64 Features. */
function readCpuFlags(): string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return line?.[1]?.split(' ').sort() ?? [];
}

function readMemory(): { memoryTotalBytes: number; memoryAvailableBytes: number } {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { memoryTotalBytes: kib('MemTotal') * 1024, memoryAvailableBytes: kib('MemAvailable') * 1024 };
}

/** The kernel says so in every smaps, where it can (proc_pid_smaps(5)). */
function marksDirtyPages(): boolean {
  return /^VmFlags:.*\bsd\b/m.test(readFileSync('/proc/self/smaps', 'utf8'));
}

/** criu makes them inside the cnvm's user namespace. One of the few sysctls that are the whole machine's. */
const USERFAULT = '/proc/sys/vm/unprivileged_userfaultfd';

function userfaultObstacle(): string | undefined {
  const allowed = existsSync(USERFAULT) && readFileSync(USERFAULT, 'utf8').trim() === '1';
  return allowed ? undefined : 'it needs sysctl vm.unprivileged_userfaultfd=1';
}
