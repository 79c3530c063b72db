/**
 * What starts by itself, and what stops because it is another node's by now. Invariant: what a peer claims is not started
 * without a person's word, and of an old copy the disk is kept.
 */
import type { Logger } from 'pino';
import type { CnvmRecord, CnvmState } from './cnvm.js';
import type { Locks } from './locks.js';
import type { Machine } from './machine.js';
import type { Store } from './store.js';

export interface RestartsOptions {
  readonly store: Store;
  readonly locks: Locks;
  readonly machine: Machine;
  readonly directory: { changed(): void };
  readonly log: Logger;
  readonly marks: ReadonlyMap<string, unknown>;
  readonly stateOf: (record: CnvmRecord) => Promise<CnvmState>;
  /** Who else claims it, in words. */
  readonly conflictOf: (record: CnvmRecord) => string | undefined;
  readonly want: (record: CnvmRecord, wanted: CnvmRecord['wanted']) => Promise<CnvmRecord>;
  /** From its stop signal to KILL. */
  readonly graceMs: number;
}

export function createRestarts(options: RestartsOptions) {
  const { store, locks, machine, directory, log, marks, stateOf, conflictOf, want, graceMs } = options;

  /** Its record, when it should run and does not. */
  async function idle(name: string): Promise<CnvmRecord | undefined> {
    const record = store.get(name);
    return record?.wanted === 'running' && (await stateOf(record)) === 'stopped' ? record : undefined;
  }

  return {
    /** Whether there is anything that should run and does not. */
    async wantsStart(): Promise<boolean> {
      for (const { name } of store.all()) if ((await idle(name)) !== undefined) return true;
      return false;
    },

    /** Afterwards what a peer has at a higher epoch does not run here, and is not started again. Its disk is kept. */
    async yieldTo(name: string, rival: { readonly node: string; readonly epoch: number }): Promise<void> {
      await locks.with(name, `being stopped: ${rival.node} owns it`, async () => {
        const record = store.get(name);
        if (record === undefined || record.epoch >= rival.epoch || marks.has(name)) return;
        const wanted = await want(record, 'stopped');
        if ((await machine.look(wanted)).status !== 'stopped') await machine.halt(wanted, graceMs);
        log.error({ cnvm: name, owner: rival.node, epoch: rival.epoch, own: record.epoch }, 'stopped an old copy');
        directory.changed();
      });
    },

    /**
     * Starts what should run and does not, as after the machine's restart. A cnvm with a mark is left alone, and so is one
     * that a peer claims. @returns whether any was left for that.
     */
    async startWanted(): Promise<boolean> {
      let left = false;
      for (const { name } of store.all()) {
        const record = await idle(name);
        if (record === undefined) continue;
        const conflict = conflictOf(record);
        if (conflict !== undefined) {
          left = true;
          log.error({ cnvm: name, conflict }, 'is not started');
          continue;
        }
        try {
          await locks.with(name, 'being started', async () => {
            // Again: until now anybody could stop it, or move it away.
            const still = await idle(name);
            if (still === undefined) return;
            await machine.boot(still);
            log.info({ cnvm: name }, 'started again');
          });
        } catch (error) {
          log.error({ cnvm: name, error }, 'could not be started again');
        }
      }
      return left;
    },
  };
}
