/**
 * WireGuard: `wg` over the kernel's interface, or over wireguard-go where the kernel has none. Invariant: no private key is
 * ever an argument, a line of output or part of an error; `wg` reads it from its file.
 */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { messageOf } from '../base/errors.js';
import { OWNER_VARIABLE } from './orphans.js';
import { run } from './run.js';

/** Who moves the packets. */
export type WireguardKind = 'kernel' | 'wireguard-go';

/** Afterwards there is an interface of this name. Harmless when there is. @throws `tool` when nothing here can make one. */
export async function ensureWireguard(link: string): Promise<void> {
  if (wireguardKind(link) !== undefined) return;
  try {
    await run(['ip', 'link', 'add', link, 'type', 'wireguard']);
    return;
  } catch (inKernel) {
    try {
      // It goes on by itself, like the cnvms, whatever becomes of the daemon: without our mark no daemon ends it. It ends
      // when its interface is deleted.
      await run(['wireguard-go', link], { env: { [OWNER_VARIABLE]: '' }, silent: true });
    } catch (beside) {
      throw new Error(
        `neither the kernel nor wireguard-go has WireGuard: ${messageOf(inKernel)}; ${messageOf(beside)}`,
      );
    }
  }
}

/** Who moves the packets of this interface; undefined when there is none. */
export function wireguardKind(link: string): WireguardKind | undefined {
  const facts = `/sys/class/net/${link}/uevent`;
  if (!existsSync(facts)) return undefined;
  return readFileSync(facts, 'utf8').includes('DEVTYPE=wireguard') ? 'kernel' : 'wireguard-go';
}

/** Afterwards it has the key in this file, and listens on this UDP port. Sessions made under another key go on receiving. */
export async function setIdentity(link: string, keyFile: string, port: number): Promise<void> {
  await run(['wg', 'set', link, 'private-key', keyFile, 'listen-port', String(port)]);
}

/** What each peer may send from and is sent, by the peer's public key. */
export async function allowedIps(link: string): Promise<Map<string, string[]>> {
  const { stdout } = await run(['wg', 'show', link, 'allowed-ips']);
  const rows = stdout.split('\n').filter((line) => line !== '');
  return new Map(
    rows.map((line) => {
      const [key = '', ...addresses] = line.split(/\s+/);
      return [key, addresses.filter((address) => address !== '(none)').map((address) => address.replace(/\/32$/, ''))];
    }),
  );
}

/** The interface's public key and port. */
export async function identity(link: string): Promise<{ key: string; port: number }> {
  const [key, port] = await Promise.all([
    run(['wg', 'show', link, 'public-key']),
    run(['wg', 'show', link, 'listen-port']),
  ]);
  return { key: key.stdout.trim(), port: Number(port.stdout.trim()) };
}

/**
 * Sets the addresses of these peers, and leaves all others alone; an address that another peer had moves at once.
 * @param scratch a file that `wg` reads it from; it opens no pipe of ours.
 */
export async function addPeers(link: string, sections: string, scratch: string): Promise<void> {
  if (sections === '') return;
  await writeFile(scratch, sections, { mode: 0o600 });
  await run(['wg', 'addconf', link, scratch]);
}

/** Runs `wg set` with these words. */
export async function setPeers(link: string, words: readonly string[]): Promise<void> {
  if (words.length > 0) await run(['wg', 'set', link, ...words]);
}
