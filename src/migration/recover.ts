/**
 * What a daemon that starts finds in its journal, and what it does about it. Invariant: a cnvm is let run only where the
 * journal says that it is ours beyond doubt; where only the peer can say, it stays frozen and the peer is asked.
 */
import type { Logger } from 'pino';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Machine } from '../cnvms/machine.js';
import type { Bulk } from './bulk.js';
import type { Journal, JournalEntry, SourceEntry, TargetEntry, TargetState } from './journal.js';
import { isLeftover } from './leftover.js';
import type { Migration } from './migration.js';
import { sourceRecovery, targetRecovery } from './protocol.js';

export interface RecoverPorts {
  readonly node: string;
  readonly journal: Journal;
  readonly machine: Machine;
  readonly bulk: Bulk;
  readonly keep: (record: CnvmRecord) => Promise<void>;
  readonly forget: (record: CnvmRecord) => Promise<void>;
  /** The record of that name here, if there is one. */
  readonly current: (name: string) => CnvmRecord | undefined;
  /** Goes on asking the target, in the background. */
  readonly askTarget: (entry: SourceEntry) => void;
  /** Tells the target, in the background, that it was called off or that all is released. */
  readonly tellTarget: (entry: SourceEntry, news: 'cancel' | 'release') => void;
  readonly log: Logger;
}

/** Settles every entry that can be settled without the peer. Throws nothing: one that fails is left, and logged. */
export async function recover(ports: RecoverPorts): Promise<void> {
  for (const entry of ports.journal.newestFirst().filter(({ settled }) => !settled)) {
    const { id, name } = entry.migration;
    try {
      await (entry.role === 'source' ? recoverSource(entry, ports) : recoverTarget(entry, ports));
      ports.log.info({ migration: id, cnvm: name, state: entry.state }, 'taken up from the journal');
    } catch (error) {
      ports.log.error({ migration: id, cnvm: name, state: entry.state, error }, 'could not be taken up');
    }
  }
}

async function recoverSource(entry: SourceEntry, ports: RecoverPorts): Promise<void> {
  const { record, migration } = entry;
  const { status } = await ports.machine.look(record);
  const decision = sourceRecovery(entry.state, status === 'running');
  switch (decision) {
    case 'ask':
      ports.askTarget(entry);
      return;
    case 'thaw':
      // Also what runs: what an interrupted dump has left is cleared with it.
      if (status !== 'stopped') await ports.machine.thaw(record);
      else if (record.wanted === 'running') await ports.machine.boot(record);
      break;
    case 'clear':
      await clear(record, record.epoch, ports);
      break;
    case 'nothing':
      break;
  }
  await ports.bulk.sweep(migration.id);
  const state = decision === 'clear' ? 'released' : 'kept';
  await ports.journal.write({ ...entry, state, migration: ended(entry, state === 'kept', ports.node), settled: true });
  // A target that lives would wait for the daemon that died.
  if (decision !== 'nothing') ports.tellTarget(entry, decision === 'clear' ? 'release' : 'cancel');
}

async function recoverTarget(entry: TargetEntry, ports: RecoverPorts): Promise<void> {
  const { record, migration } = entry;
  const { epoch } = migration;
  const paged = migration.memoryMode !== 'post-copy' || (await ports.machine.hasMemory(record));
  const whole = ['activating', 'paging'].includes(entry.state) && paged && (await ports.machine.isWhole(record));
  switch (targetRecovery(entry.state, whole)) {
    case 'keep':
      // It may have been restored and not yet been given its packets.
      if (whole) await ports.machine.thaw(record);
      await ports.keep({ ...record, owner: ports.node, epoch });
      await settle(entry, 'running', ended(entry, true, ports.node), ports).catch((error: unknown) => {
        // All of its memory came: whether that is on disk does not matter, the next daemon sees it as this one did.
        if (entry.state !== 'paging') throw error;
        ports.journal.remember({ ...entry, state: 'running', settled: true });
      });
      break;
    case 'lose': {
      await ports.machine.destroy(record);
      await ports.keep({ ...record, owner: ports.node, epoch, wanted: 'stopped' });
      const error = 'its memory was on two machines, and the daemon that brought the rest of it died';
      await settle(entry, 'lost', { ...ended(entry, true, ports.node), outcome: 'stranded', error }, ports);
      break;
    }
    case 'give-back':
      await clear(record, epoch, ports);
      await settle(entry, 'returned', notOurs(entry, epoch + 1), ports);
      break;
    case 'forget':
      await clear(record, epoch, ports);
      await settle(entry, 'cancelled', notOurs(entry, epoch), ports);
      break;
    case 'nothing':
      await settle(entry, entry.state, migration, ports);
      break;
  }
  await ports.bulk.sweep(migration.id);
}

async function settle(
  entry: TargetEntry,
  state: TargetState,
  migration: Migration,
  ports: RecoverPorts,
): Promise<void> {
  await ports.journal.write({ ...entry, state, migration, settled: true });
}

function notOurs(entry: TargetEntry, epoch: number): Migration {
  return { ...ended(entry, false, entry.peer), epoch, error: 'the daemon of the target died' };
}

/** Nothing of what the migration left is here afterwards; one that has come since is left alone. */
async function clear(record: CnvmRecord, epoch: number, ports: RecoverPorts): Promise<void> {
  if (!isLeftover(ports.current(record.name), record, epoch)) return;
  // The record first: while it is here, the dead copy could be started.
  await ports.forget(record);
  await ports.machine.destroy(record);
  await ports.machine.erase(record);
}

function ended(entry: JournalEntry, here: boolean, location: string): Migration {
  const succeeded = entry.role === 'target' ? here : !here;
  const outcome = succeeded ? 'succeeded' : 'aborted';
  return {
    ...entry.migration,
    outcome,
    location: entry.role === 'source' && !here ? entry.peer : location,
    endTime: new Date().toISOString(),
    error: outcome === 'aborted' ? `the daemon of the ${entry.role} died; it runs on ${location}` : '',
  };
}
