/** `cnvm.v1.MigrationService` over what the migrations' room offers. */
import { type MigrationServiceServer, MigrationServiceService } from '../gen/cnvm/v1/migration.js';
import type { Doubt } from '../migration/doubt.js';
import { MAX_DOWNTIME_MS, type MigrateOrder, type Migration, type MigrationEvent } from '../migration/migration.js';
import { streamAt, unaryAt } from './forward.js';
import { type Handling, serverStream, unary } from './handle.js';
import {
  fromBig,
  fromCompression,
  fromMode,
  fromOnSlow,
  optional,
  required,
  toBig,
  toEvent,
  toMigration,
} from './messages.js';

export interface MigrationsPort {
  /** Whoever leaves the events early does not end the migration. */
  migrate(order: MigrateOrder): AsyncIterable<MigrationEvent>;
  watch(id: string): AsyncIterable<MigrationEvent>;
  abort(idOrName: string): Promise<Migration>;
  list(name: string | undefined, limit: number): readonly Migration[];
  doubts(): readonly Doubt[];
  /** @param who decided it. */
  force(name: string, who: string): Promise<Migration>;
}

const LIST_DEFAULT = 50;

export function migrationCalls(handling: Handling, migrations: MigrationsPort): MigrationServiceServer {
  return {
    migrate: streamAt(
      handling,
      MigrationServiceService.migrate,
      ({ name }) => name,
      async (request, send) => {
        const order: MigrateOrder = {
          name: required(request.name, 'name'),
          target: required(request.target, 'target'),
          landing: optional(request.landing),
          mode: fromMode(request.mode),
          dryRun: request.dryRun,
          maxDowntimeMs: request.maxDowntimeMs ?? MAX_DOWNTIME_MS,
          onSlow: fromOnSlow(request.onSlow),
          strict: request.strict,
          bandwidth: fromBig(request.bandwidth, 'bandwidth'),
          compress: fromCompression(request.compress) ?? 'auto',
          postCopy: request.postCopy,
        };
        for await (const event of migrations.migrate(order)) await send({ event: toEvent(event) });
      },
    ),
    watchMigration: serverStream(handling, async ({ id }, send) => {
      for await (const event of migrations.watch(required(id, 'id'))) await send({ event: toEvent(event) });
    }),
    abortMigration: unaryAt(
      handling,
      MigrationServiceService.abortMigration,
      ({ idOrName }) => idOrName,
      async ({ idOrName }) => ({
        migration: toMigration(await migrations.abort(required(idOrName, 'id_or_name'))),
      }),
    ),
    listDoubts: unary(handling, async ({ name }) => ({
      doubts: migrations
        .doubts()
        .filter((doubt) => name === '' || doubt.name === name)
        .map((doubt) => ({ ...doubt, since: new Date(doubt.since), epoch: toBig(doubt.epoch) })),
    })),
    forceRecovery: unary(handling, async ({ name }, { caller }) => ({
      migration: toMigration(await migrations.force(required(name, 'name'), `${caller.name} (${caller.role})`)),
    })),
    listMigrations: unary(handling, async ({ name, limit }) => ({
      migrations: migrations.list(optional(name), limit || LIST_DEFAULT).map(toMigration),
    })),
  };
}
