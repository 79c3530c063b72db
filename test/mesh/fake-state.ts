/** What is on one fake host, whichever daemon looks. Invariant: it outlives daemons; only a host's programs change it. */
import { join } from 'node:path';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Witness } from './witness.js';

/** Text by path: what a cnvm has written. */
export type Files = Record<string, string>;

export interface Disk {
  files: Files;
  mounted: boolean;
  /** Who writes into it from outside now. */
  writers: number;
  /** Files changed after it are compared by their content in the next pass; undefined when none are. */
  suspectAfterMs?: number;
  /** What was in it when it was last flushed. */
  flushed?: Files;
}

export interface Processes {
  readonly record: CnvmRecord;
  status: 'running' | 'frozen';
  readonly memory: Files;
  /** Some of its memory is still elsewhere: who touches it waits. Undefined of one that was never restored lazily. */
  lacking?: boolean;
  /** Ends a dump that is under way, as its program does when its daemon dies; undefined when none is. */
  endDump: (() => void) | undefined;
  /** As the kernel tracks it: what has not changed since the last dump of the memory began; undefined before the first. */
  tracked: Files | undefined;
  /** Dumps of its memory so far, those that broke included. */
  preDumps: number;
  /** Thousandths of a CPU that it is held to; undefined: as much as there is. */
  cpuMillis: number | undefined;
}

export function newProcesses(record: CnvmRecord, memory: Files): Processes {
  const untouched = { endDump: undefined, tracked: undefined, preDumps: 0, cpuMillis: undefined };
  return { record, status: 'running', memory, ...untouched };
}

/** How many bytes a cnvm has written anew when its memory is dumped for the `count`th time. */
export type Writer = (count: number, cpuMillis: number | undefined) => number;

export interface FakeState {
  readonly node: string;
  readonly witness: Witness;
  /** By the cnvm's own directory. */
  readonly disks: Map<string, Disk>;
  /** By the cnvm's name. */
  readonly processes: Map<string, Processes>;
  /** Names of those whose image is shown. */
  readonly shownImages: Set<string>;
  /** Names of those whose bundle is written. */
  readonly bundles: Set<string>;
  /** Wait for the rest of their images. */
  readonly begunRestores: Set<string>;
  /** Addresses that no packet reaches. */
  readonly closed: Set<string>;
  /** Directories of image files, by migration. */
  readonly images: Map<string, string>;
  /** Migrations for which it is noted what changes on a disk. */
  readonly watched: Set<string>;
  /** By the cnvm's name: what its processes hold that cannot be dumped, each a sentence. */
  readonly obstacles: Map<string, readonly string[]>;
  /** And what they would lose. */
  readonly losses: Map<string, readonly string[]>;
  /** By the cnvm's name: how many of its connections are closing, look by look; none after that. */
  readonly closing: Map<string, number[]>;
  /** The kernel tells which pages have changed. */
  tracks: boolean;
  /** Each cnvm writes to its log after every flush of its disk. */
  writesLogs: boolean;
  /** By the cnvm's name: what writes in it, beside what tests let it remember. */
  readonly writers: Map<string, Writer>;
  /** What ends when the daemon does: sockets and the like. */
  readonly ofDaemon: Set<() => void>;
}

export function createState(node: string, witness: Witness): FakeState {
  return {
    node,
    witness,
    disks: new Map(),
    processes: new Map(),
    shownImages: new Set(),
    bundles: new Set(),
    begunRestores: new Set(),
    closed: new Set(),
    images: new Map(),
    watched: new Set(),
    obstacles: new Map(),
    losses: new Map(),
    closing: new Map(),
    tracks: true,
    writesLogs: false,
    writers: new Map(),
    ofDaemon: new Set(),
  };
}

export const directoryOf = (record: CnvmRecord): string => join(record.landing, record.name);

/** What is left of cnvms, each thing a line; empty on a host that has none. */
export function residue(state: FakeState): string[] {
  return [
    ...[...state.disks.keys()].map((path) => `disk ${path}`),
    ...[...state.disks].filter(([, disk]) => disk.mounted).map(([path]) => `mount ${path}`),
    ...[...state.processes].map(([name, { status }]) => `processes of ${name}, ${status}`),
    ...[...state.shownImages].map((name) => `image shown for ${name}`),
    ...[...state.bundles].map((name) => `bundle of ${name}`),
    ...[...state.begunRestores].map((name) => `a restore of ${name} that waits`),
    ...[...state.closed].map((address) => `filter for ${address}`),
    ...[...state.processes]
      .filter(([, { cpuMillis }]) => cpuMillis !== undefined)
      .map(([name, { cpuMillis }]) => `${name} held to ${cpuMillis} thousandths of a CPU`),
    ...[...state.images.keys()].map((migration) => `images of ${migration}`),
    ...[...state.watched].map((migration) => `watch of ${migration}`),
  ];
}
