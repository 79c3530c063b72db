/** iproute2: links, addresses and routes of this node. */
import { existsSync, readFileSync } from 'node:fs';
import { run } from './run.js';

export interface Route {
  /** ADDRESS or ADDRESS/LENGTH. */
  readonly destination: string;
  readonly via: string | undefined;
  readonly device: string | undefined;
  readonly source: string | undefined;
  /** The least is taken; 0 where none was given. */
  readonly metric: number;
  /** The longest packet on this way, in bytes; undefined where the link's own counts. */
  readonly mtu: number | undefined;
}

/** Runs many commands in one process; stops at the first that fails. */
export async function ipBatch(commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return;
  await run(['ip', '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** The routes of one protocol number, so of one owner. */
export async function routesOf(protocol: number): Promise<Route[]> {
  const { stdout } = await run(['ip', '-json', '-4', 'route', 'show', 'proto', String(protocol)]);
  const rows = JSON.parse(stdout === '' ? '[]' : stdout) as {
    dst: string;
    gateway?: string;
    dev?: string;
    prefsrc?: string;
    metric?: number;
    metrics?: { mtu?: number }[];
  }[];
  return rows.map(({ dst, gateway, dev, prefsrc, metric = 0, metrics }) => ({
    destination: dst,
    via: gateway,
    device: dev,
    source: prefsrc,
    metric,
    mtu: metrics?.find(({ mtu }) => mtu !== undefined)?.mtu,
  }));
}

/** Removes every route of a table of ours; one that there is not is empty. */
export async function flushTable(table: number): Promise<void> {
  await run(['ip', '-4', 'route', 'flush', 'table', String(table)], { accept: [1, 2] });
}

/** The links whose packets look into this table first. */
export async function linksOfTable(table: number): Promise<string[]> {
  const { stdout } = await run(['ip', '-json', '-4', 'rule', 'show', 'pref', String(table)]);
  const rows = JSON.parse(stdout === '' ? '[]' : stdout) as { iif?: string }[];
  return rows.flatMap(({ iif }) => (iif === undefined ? [] : [iif]));
}

/** The link by which a host is reached now; undefined when none leads there. */
export async function linkTowards(host: string): Promise<string | undefined> {
  const { stdout, exitCode } = await run(['ip', '-json', 'route', 'get', host], { accept: [1, 2] });
  if (exitCode !== 0 || stdout === '') return undefined;
  return (JSON.parse(stdout) as { dev?: string }[])[0]?.dev;
}

/** @returns undefined when there is no such link. */
export function mtuOf(link: string): number | undefined {
  const file = `/sys/class/net/${link}/mtu`;
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

/** Removes a link; one that is not there is no failure. */
export async function deleteLink(name: string): Promise<void> {
  await run(['ip', 'link', 'delete', name], { accept: [1] });
}

/** The names of all links. */
export async function linkNames(): Promise<string[]> {
  const { stdout } = await run(['ip', '-json', 'link', 'show']);
  return (JSON.parse(stdout) as { ifname: string }[]).map((row) => row.ifname);
}

/** The names of the links that are one end of a pair. */
export async function vethNames(): Promise<string[]> {
  const { stdout } = await run(['ip', '-json', 'link', 'show', 'type', 'veth']);
  const rows = JSON.parse(stdout === '' ? '[]' : stdout) as { ifname?: string }[];
  // Older ones print an empty object for each link of another type.
  return rows.flatMap((row) => (row.ifname === undefined ? [] : [row.ifname]));
}
