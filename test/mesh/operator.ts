/** A person at a node, as the commands are: over the daemon's Unix socket, each call on a connection of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceError } from '@grpc/grpc-js';
import { type Connection, call, connect, messages } from '../../src/cli/connect.js';
import type { Cnvm } from '../../src/gen/cnvm/v1/cnvm.js';
import {
  type Doubt,
  type ForceRecoveryResponse,
  type ListDoubtsResponse,
  type Migration,
  MigrationMode,
} from '../../src/gen/cnvm/v1/migration.js';
import { NodeReach } from '../../src/gen/cnvm/v1/node.js';

export interface Ended {
  readonly id: string;
  readonly outcome: string;
  readonly phase: string;
  readonly location: string;
  readonly error: string;
  readonly epoch: number;
}

export interface CreateOptions {
  readonly address?: string;
  readonly start?: boolean;
}

/** @param socket that of the daemon that serves now. */
export function openOperator(socket: () => string) {
  async function ask<T>(act: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = connect({
      socket: socket(),
      endpoint: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
      serverName: undefined,
    });
    try {
      return await act(connection);
    } finally {
      connection.close();
    }
  }
  const one = <A>(begin: (at: Connection, done: (error: ServiceError | null, answer: A) => void) => unknown) =>
    ask((at) => call<A>(at, (done) => begin(at, done)));

  return {
    create: async (name: string, { address = '', start = true }: CreateOptions = {}): Promise<void> => {
      const request = { name, image: 'base', address, limits: undefined, landing: '', noStart: !start };
      await one((at, done) => at.cnvms.createCnvm(request, done));
    },
    /** Afterwards every peer answers this node: one that was called before it served is called again only after a while. */
    async hearsAll(): Promise<void> {
      for (;;) {
        const { nodes } = await one<{ nodes: readonly { reach: NodeReach }[] }>((at, done) =>
          at.nodes.listNodes({}, done),
        );
        if (nodes.every(({ reach }) => reach !== NodeReach.DOWN)) return;
        await sleep(20);
      }
    },
    start: async (name: string): Promise<void> => {
      await one((at, done) => at.cnvms.startCnvm({ name }, done));
    },
    stopCnvm: async (name: string): Promise<void> => {
      await one((at, done) => at.cnvms.stopCnvm({ name }, done));
    },
    remove: async (name: string): Promise<void> => {
      await one((at, done) => at.cnvms.removeCnvm({ name, force: true }, done));
    },
    /** Every cnvm that this node knows of. */
    async list(): Promise<{ name: string; owner: string; epoch: number; state: string; address: string }[]> {
      const { cnvms } = await one<{ cnvms: readonly Cnvm[] }>((at, done) => at.cnvms.listCnvms({ all: true }, done));
      return cnvms.map((cnvm) => ({
        name: cnvm.name,
        owner: cnvm.owner,
        epoch: Number(cnvm.epoch),
        state: word(cnvm.state, 'CNVM_STATE_'),
        address: cnvm.address,
      }));
    },
    /** @returns the last word on it. @throws when it never began. */
    async teleport(
      name: string,
      target: string,
      mode: 'hot' | 'cold' | 'post-copy' | '' = '',
      landing = '',
    ): Promise<Ended> {
      const { HOT, COLD, UNSPECIFIED } = MigrationMode;
      const modes = { hot: HOT, cold: COLD, 'post-copy': HOT, '': UNSPECIFIED };
      const request = { name, target, landing, mode: modes[mode], dryRun: false, postCopy: mode === 'post-copy' };
      return await ask(async (at) => {
        let last: Migration | undefined;
        for await (const { event } of messages(at, at.migrations.migrate(request))) {
          if (event?.event?.$case === 'ended') last = event.event.value;
        }
        if (last === undefined) throw new Error('the migration has no end');
        return endedOf(last);
      });
    },
    async abort(idOrName: string): Promise<Ended> {
      const { migration } = await one<{ migration: Migration | undefined }>((at, done) =>
        at.migrations.abortMigration({ idOrName }, done),
      );
      if (migration === undefined) throw new Error('the abort has no migration');
      return endedOf(migration);
    },
    async doubts(): Promise<readonly Doubt[]> {
      const { doubts } = await one<ListDoubtsResponse>((at, done) => at.migrations.listDoubts({ name: '' }, done));
      return doubts;
    },
    async force(name: string): Promise<Ended> {
      const { migration } = await one<ForceRecoveryResponse>((at, done) => at.migrations.forceRecovery({ name }, done));
      if (migration === undefined) throw new Error('the recovery has no migration');
      return endedOf(migration);
    },
    /** Newest first. */
    async migrations(): Promise<Ended[]> {
      const { migrations } = await one<{ migrations: readonly Migration[] }>((at, done) =>
        at.migrations.listMigrations({ name: '', limit: 0 }, done),
      );
      return migrations.map(endedOf);
    },
  };
}

function endedOf({ id, outcome, phase, location, error, epoch }: Migration): Ended {
  return {
    id,
    outcome: word(outcome, 'MIGRATION_OUTCOME_'),
    phase: word(phase, 'MIGRATION_PHASE_'),
    location,
    error,
    epoch: Number(epoch),
  };
}

function word(name: string, prefix: string): string {
  return name.replace(prefix, '').toLowerCase().replace('_', '-');
}
