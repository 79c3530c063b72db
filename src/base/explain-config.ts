/** A config with all that it does not say itself: each key, what it is worth, and whether the file or the default says so. Pure. */
import { parse } from 'yaml';
import { parseConfig } from './config.js';

export interface Explained {
  /** As "limits.stall". */
  readonly key: string;
  readonly value: unknown;
  readonly from: 'file' | 'default';
}

/** @throws `refused` with one reason for each wrong key. */
export function explainConfig(text: string, file: string): Explained[] {
  const config = parseConfig(text, file);
  const said = (parse(text) ?? {}) as Record<string, unknown>;
  return leaves(config, '').map(({ key, value }) => ({ key, value, from: isSaid(said, key) ? 'file' : 'default' }));
}

function leaves(value: unknown, key: string): { key: string; value: unknown }[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [{ key, value }];
  return Object.entries(value).flatMap(([name, part]) => leaves(part, key === '' ? name : `${key}.${name}`));
}

function isSaid(said: unknown, key: string): boolean {
  let at = said;
  for (const name of key.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return false;
    at = (at as Record<string, unknown>)[name];
  }
  return true;
}
