/**
 * Snapshots of this node: taken, restored, and what a daemon before has left of either. Invariant: what is half done when this
 * daemon ends is undone by it, or by the next one before anything is served.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, refused } from '../base/errors.js';
import type { OnProgress } from '../images/image.js';
import { type Note, openNotes, removePartial } from './notes.js';
import type { SnapshotPorts } from './ports.js';
import { type Restored, type RestoreOrder, restoreSnapshot, scratchOf } from './restore.js';
import { type Taken, type TakeOrder, takeSnapshot } from './take.js';
import { unpacked, unpackedDir } from './unpacked.js';

export type Snapshots = ReturnType<typeof createSnapshots>;

export function createSnapshots(options: SnapshotPorts) {
  const { machine, bulk, store, locks, log, node } = options;
  const notes = openNotes(join(options.stateDir, 'snapshots'));
  const ports = { ...options, notes };
  const over = new AbortController();
  const running = new Set<Promise<unknown>>();

  async function followed<T>(act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    over.signal.throwIfAborted();
    const work = act(AbortSignal.any([signal, over.signal]));
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    running.add(settled);
    try {
      return await work;
    } finally {
      running.delete(settled);
    }
  }

  async function undoTaking({ record, partial, whole }: Note): Promise<void> {
    // Its owner may be another by now, or it may be gone; and one that was handed over since its new owner may run.
    const current = locks.doing(record.name) === undefined ? store.get(record.name) : undefined;
    const frozen = current !== undefined && (await machine.look(record)).status === 'frozen';
    if (frozen && whole) {
      await store.put({ ...current, wanted: 'stopped' });
      await machine.destroy(record);
    } else if (frozen) {
      await machine.thaw(record);
      log.warn({ cnvm: record.name }, 'runs on: a snapshot of it was not finished');
    }
    await removePartial(partial);
  }

  async function undoRestoring({ id, record }: Note): Promise<void> {
    await bulk.sweep(scratchOf(id));
    if (store.get(record.name) !== undefined) return;
    await machine.destroy(record);
    await machine.erase(record);
    log.warn({ cnvm: record.name }, 'removed: its restore from a snapshot was not finished');
  }

  return {
    take: (order: TakeOrder, report: OnProgress, signal: AbortSignal): Promise<Taken> =>
      followed((until) => takeSnapshot(ports, order, report, until), signal),
    restore: (order: RestoreOrder, who: string, report: OnProgress, signal: AbortSignal): Promise<Restored> =>
      followed(
        (until) => unpacked(ports, order, report, until, (whole) => restoreSnapshot(ports, whole, who, report, until)),
        signal,
      ),
    /**
     * Undoes what a daemon before has left half done. Before anything is started, and when what is in a hand-over is locked.
     * What cannot be undone is logged, and left to the next daemon.
     */
    async recover(): Promise<void> {
      await rm(unpackedDir(options.stateDir), { recursive: true, force: true });
      for (const note of notes.all()) {
        try {
          await (note.kind === 'taking' ? undoTaking(note) : undoRestoring(note));
          await notes.remove(note.id);
        } catch (error) {
          log.error({ cnvm: note.record.name, error: messageOf(error) }, 'half a snapshot could not be cleared away');
        }
      }
    },
    /** Afterwards none is being taken or restored. */
    async stop(): Promise<void> {
      over.abort(refused('cancelled', `${node} is shutting down`));
      await Promise.all(running);
    },
  };
}
