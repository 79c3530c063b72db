/** Values as people read them, and tables. Pure. */

import { MemoryMode, type MemoryRound } from '../gen/cnvm/v1/migration.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1536 is "1.5 KiB". */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** 1500 is "1.5 s", 83.4 is "83 ms". */
export function msText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** For how long, in one unit: 90,000 is "90 s", 3 hours "3 h". */
export function ageText(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
  ] as const;
  const [unit, size] = units.find(([, one]) => ms >= 2 * one) ?? ['s', 1_000];
  return `${Math.floor(ms / size)} ${unit}`;
}

/** A value of the protocol as people write it: MEMORY_MODE_PRE_COPY is "pre-copy". */
export function wordOf(value: string, prefix: string): string {
  return value.replace(prefix, '').toLowerCase().replaceAll('_', '-');
}

/** How memory moves, and in how many rounds while it runs. */
export function memoryText(mode: MemoryMode, all: readonly MemoryRound[] = []): string {
  if (mode === MemoryMode.UNSPECIFIED) return '-';
  const word = wordOf(mode, 'MEMORY_MODE_');
  const rounds = all.filter(({ frozen }) => !frozen).length;
  return rounds === 0 ? word : `${word} in ${rounds} round${rounds === 1 ? '' : 's'}`;
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** JSON with counts as numbers; times as ISO 8601. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? Number(part) : part));
}
