/** What a daemon finds on disk of those before it: the records of the cnvms, and the journal of the migrations. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { publishedBy, publishing } from '../cnvms/published.js';
import { openStore } from '../cnvms/store.js';
import type { Published } from '../overlay/publish.js';
import { type Journal, openJournal } from './journal.js';

export interface OnDiskPorts {
  readonly overlay: { publish(wanted: readonly Published[]): Promise<void> };
  /** Stands between the daemon and its journal; only where faults are tested is there something. */
  readonly betweenJournal?: (journal: Journal) => Journal;
}

/** Both directories are there afterwards, and what is published follows the records. */
export function openOnDisk(
  { stateDir, runDir }: { readonly stateDir: string; readonly runDir: string },
  { overlay, betweenJournal }: OnDiskPorts,
  log: Logger,
) {
  for (const directory of [stateDir, runDir]) mkdirSync(directory, { recursive: true, mode: 0o755 });
  const records = openStore(join(stateDir, 'cnvms'));
  const publish = () => overlay.publish(publishedBy(records.all()));
  const onDisk = openJournal(join(stateDir, 'migrations'));
  return { store: publishing(records, publish, log), publish, journal: betweenJournal?.(onDisk) ?? onDisk };
}
