/** Whether a node were better empty, pure: what is free or wrong on it, against the config's thresholds. */
import type { Finding, HostFacts } from './node-facts.js';

/** 0, or false: it is not looked at. */
export interface Thresholds {
  /** Of all memory, in percent: less than this free is a strain. */
  readonly memoryAvailableMin: number;
  /** In percent of the last minute: more time than this in which something waited for memory is a strain. */
  readonly memoryPressureMax: number;
  /** In MiB, in any landing zone: less than this free is a strain. */
  readonly diskAvailableMin: number;
  /** An error of the self-check is a strain. */
  readonly errors: boolean;
}

export interface Readings {
  readonly facts: Pick<HostFacts, 'memoryTotalBytes' | 'memoryAvailableBytes' | 'landingZones'>;
  /** In percent; undefined where the kernel does not say. */
  readonly memoryPressure: number | undefined;
  readonly findings: readonly Finding[];
}

const MIB = 1024 * 1024;

/** Each a sentence; none when all is well. */
export function strainsOf({ facts, memoryPressure = 0, findings }: Readings, thresholds: Thresholds): string[] {
  const { memoryAvailableMin, memoryPressureMax, diskAvailableMin, errors } = thresholds;
  const free = (100 * facts.memoryAvailableBytes) / Math.max(1, facts.memoryTotalBytes);
  const full = facts.landingZones.filter(({ availableBytes }) => availableBytes < diskAvailableMin * MIB);
  return [
    ...(memoryAvailableMin > 0 && free < memoryAvailableMin
      ? [`only ${free.toFixed(1)} % of its memory is free, less than ${memoryAvailableMin} %`]
      : []),
    ...(memoryPressureMax > 0 && memoryPressure > memoryPressureMax
      ? [`something waited for memory in ${memoryPressure} % of the last minute, more than ${memoryPressureMax} %`]
      : []),
    ...full.map(
      ({ path, availableBytes }) =>
        `only ${Math.floor(availableBytes / MIB)} MiB are free in ${path}, less than ${diskAvailableMin} MiB`,
    ),
    ...(errors
      ? findings.filter(({ level }) => level === 'error').map(({ subject, detail }) => `${subject}: ${detail}`)
      : []),
  ];
}

/** Whether anything is looked at. */
export function watchesAnything(thresholds: Thresholds): boolean {
  return Object.values(thresholds).some((threshold) => threshold !== 0 && threshold !== false);
}

export interface Calm {
  /** Who has cordoned the node; undefined when nobody has. */
  readonly by: string | undefined;
  /** As what the node itself does so. */
  readonly itself: string;
  /** How long there was no strain. */
  readonly calmMs: number;
  /** How long there must be none; 0: no time is long enough. */
  readonly calmMsMin: number;
}

/** Whether a node may take new work again without a person: only when no person, and no peer, has cordoned it. */
export function mayOpen({ by, itself, calmMs, calmMsMin }: Calm): boolean {
  return by === itself && calmMsMin > 0 && calmMs >= calmMsMin;
}

/**
 * Who asks a strained node to empty itself: of all peers that see it one, so that it is asked once. @param strong the nodes
 * that are alive, take new work and are under no strain.
 */
export function asks(own: string, strong: readonly string[]): boolean {
  return strong.every((name) => own <= name);
}
