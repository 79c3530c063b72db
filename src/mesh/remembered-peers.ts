/**
 * Who was met, on disk. Invariant: the file is whole or as it was; it is never longer than the table of members; one that cannot
 * be read costs the memory of peers, and nothing else.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { z } from 'zod';
import { writeFileAtomic } from '../base/atomic-file.js';
import { messageOf } from '../base/errors.js';
import type { KnownPeer } from './peer-links.js';
import { isEndpoint, nodeNameRefusal } from './swim/card.js';
import { MEMBERS_MAX } from './swim/settings.js';

export interface Remembered {
  /** As they were when this daemon began. */
  readonly peers: readonly KnownPeer[];
  /** These from now on. */
  keep(peers: readonly KnownPeer[]): void;
  /** What is to be kept has been written. */
  stop(): Promise<void>;
}

/** What is known already needs no new word to be reached: the overlay goes on while a peer is silent. */
const ADDRESS = /^([0-9]{1,3}(\.[0-9]{1,3}){3})?$/;
const peer = z.object({
  name: z.string().refine((name) => nodeNameRefusal(name) === undefined),
  endpoint: z.string().refine(isEndpoint),
  overlayAddress: z.string().regex(ADDRESS).default(''),
});
const schema = z.object({ version: z.literal(1), peers: z.array(peer).max(MEMBERS_MAX) });

export function rememberPeers(file: string, log: Logger): Remembered {
  const peers = read(file, log);
  let text = textOf(peers);
  let writing: Promise<void> = Promise.resolve();
  return {
    peers,
    keep(now) {
      const next = textOf(now);
      if (next === text) return;
      text = next;
      // One after the other, and only the newest.
      writing = writing.then(async () => {
        if (next !== text) return;
        await writeFileAtomic(file, next).catch((error: unknown) => {
          log.error({ file, error: messageOf(error) }, 'the known peers are not on disk');
        });
      });
    },
    stop: () => writing,
  };
}

function textOf(peers: readonly KnownPeer[]): string {
  const sorted = [...peers].filter(({ endpoint }) => isEndpoint(endpoint)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return `${JSON.stringify({ version: 1, peers: sorted.slice(0, MEMBERS_MAX) })}\n`;
}

function read(file: string, log: Logger): readonly KnownPeer[] {
  if (!existsSync(file)) return [];
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8'))).peers;
  } catch (error) {
    log.error({ file, error: messageOf(error) }, 'the known peers cannot be read');
    return [];
  }
}
