/** A person at a node, as the commands are: over the daemon's Unix socket, each call on a connection of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceError } from '@grpc/grpc-js';
import { type Connection, call, connect, messages } from '../../src/cli/connect.js';
import type { Cnvm, ExecCnvmResponse, PublishedPort } from '../../src/gen/cnvm/v1/cnvm.js';
import {
  Compression,
  type Doubt,
  type ForceRecoveryResponse,
  type ListDoubtsResponse,
  type MemoryRound,
  type Migration,
  MigrationMode,
  type MigrationPlan,
  OnSlow,
} from '../../src/gen/cnvm/v1/migration.js';
import {
  type JoinMeshResponse,
  type LeaveMeshResponse,
  type ListNodesResponse,
  NodeReach,
  NodeState,
  type NodeStatus,
} from '../../src/gen/cnvm/v1/node.js';
import { evacuationOrders } from './evacuation-orders.js';
import { imageOrders } from './image-orders.js';
import { snapshotOrders } from './snapshot-orders.js';

export interface Ended {
  readonly id: string;
  readonly outcome: string;
  readonly phase: string;
  readonly location: string;
  readonly error: string;
  readonly epoch: number;
  readonly memoryMode: string;
  readonly rounds: readonly MemoryRound[];
  readonly expectedDowntimeMs: number;
  /** What was said on the way, by who followed it. */
  readonly steps: readonly string[];
}

export interface TeleportOptions {
  readonly maxDowntimeMs?: number;
  readonly onSlow?: OnSlow;
  readonly strict?: boolean;
  /** Bytes a second. */
  readonly bandwidth?: number;
  readonly compress?: Compression;
  readonly postCopy?: boolean;
}

interface PlanOptions extends TeleportOptions {
  readonly cold?: boolean;
}

export interface CreateOptions {
  readonly address?: string;
  readonly start?: boolean;
  readonly image?: string;
  readonly ports?: readonly PublishedPort[];
  readonly labels?: Record<string, string>;
  readonly affinity?: string[];
  readonly antiAffinity?: string[];
}

function wishesOf({ bandwidth = 0, ...more }: TeleportOptions) {
  const nothing = { onSlow: OnSlow.UNSPECIFIED, strict: false, compress: Compression.UNSPECIFIED, postCopy: false };
  return { ...nothing, ...more, bandwidth: BigInt(bandwidth) };
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
    create: async (
      name: string,
      { address = '', start = true, image = 'base', ports = [], ...wishes }: CreateOptions = {},
    ): Promise<void> => {
      const said = { labels: {}, affinity: [], antiAffinity: [], ...wishes };
      const process = { entrypoint: [], command: [], env: [], ports, publishExposed: false, ...said };
      const request = { name, image, address, limits: undefined, landing: '', noStart: !start, ...process };
      await one((at, done) => at.cnvms.createCnvm(request, done));
    },
    /** Afterwards every peer answers this node and is met as a member: who is not met is told of no change. */
    async hearsAll(): Promise<void> {
      for (;;) {
        const { nodes } = await one<ListNodesResponse>((at, done) => at.nodes.listNodes({}, done));
        const met = ({ reach, state }: NodeStatus) => reach === NodeReach.UP && state === NodeState.ALIVE;
        if (nodes.every((node) => node.reach === NodeReach.SELF || met(node))) return;
        await sleep(20);
      }
    },
    /** Calls that have no name here. */
    ask,
    ...imageOrders(ask),
    ...evacuationOrders(ask),
    ...snapshotOrders(ask),
    /** "node2 alive" and so on, of the peers. */
    async states(): Promise<string[]> {
      const { nodes } = await one<ListNodesResponse>((at, done) => at.nodes.listNodes({}, done));
      return nodes
        .filter(({ reach }) => reach !== NodeReach.SELF)
        .map(({ name, state }) => `${name} ${word(state, 'NODE_STATE_')}`)
        .sort();
    },
    join: async (endpoint: string): Promise<string> =>
      (await one<JoinMeshResponse>((at, done) => at.nodes.joinMesh({ endpoint }, done))).name,
    leave: async (force = false): Promise<void> => {
      await one<LeaveMeshResponse>((at, done) => at.nodes.leaveMesh({ force }, done));
    },
    async inspect(name: string): Promise<Cnvm | undefined> {
      return (await one<{ cnvm: Cnvm | undefined }>((at, done) => at.cnvms.getCnvm({ name }, done))).cnvm;
    },
    start: async (name: string, force = false): Promise<void> => {
      await one((at, done) => at.cnvms.startCnvm({ name, force }, done));
    },
    stopCnvm: async (name: string): Promise<void> => {
      await one((at, done) => at.cnvms.stopCnvm({ name }, done));
    },
    remove: async (name: string): Promise<void> => {
      await one((at, done) => at.cnvms.removeCnvm({ name, force: true }, done));
    },
    /** Runs a command in it, to its end. */
    async exec(name: string, argv: readonly string[]): Promise<{ code: number | undefined; stdout: string }> {
      return await ask(async (at) => {
        const stream = at.cnvms.execCnvm();
        const start = { name, argv: [...argv], user: '', cwd: '', env: [], tty: false, rows: 0, columns: 0 };
        stream.write({ input: { $case: 'start', value: start } });
        stream.write({ input: { $case: 'stdinEnd', value: true } });
        let code: number | undefined;
        const parts: Uint8Array[] = [];
        for await (const { output } of messages<ExecCnvmResponse>(at, stream)) {
          if (output?.$case === 'stdout') parts.push(output.value);
          if (output?.$case === 'exitCode') code = output.value;
        }
        return { code, stdout: Buffer.concat(parts).toString() };
      });
    },
    async logs(name: string): Promise<string> {
      return await ask(async (at) => {
        const parts: Uint8Array[] = [];
        for await (const { chunk } of messages<{ chunk: Uint8Array }>(
          at,
          at.cnvms.readLogs({ name, tailLines: 0, follow: false }),
        ))
          parts.push(chunk);
        return Buffer.concat(parts).toString();
      });
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
      more: TeleportOptions = {},
    ): Promise<Ended> {
      const { HOT, COLD, UNSPECIFIED } = MigrationMode;
      const modes = { hot: HOT, cold: COLD, 'post-copy': HOT, '': UNSPECIFIED };
      const aims = { ...wishesOf(more), postCopy: mode === 'post-copy' };
      const request = { name, target, landing, mode: modes[mode], dryRun: false, ...aims };
      return await ask(async (at) => {
        let last: Migration | undefined;
        const steps: string[] = [];
        for await (const { event } of messages(at, at.migrations.migrate(request))) {
          if (event?.event?.$case === 'ended') last = event.event.value;
          if (event?.event?.$case === 'step') steps.push(event.event.value);
        }
        if (last === undefined) throw new Error('the migration has no end');
        return { ...endedOf(last), steps };
      });
    },
    /** What would happen. */
    async plan(name: string, target: string, { cold = false, ...more }: PlanOptions = {}): Promise<MigrationPlan> {
      const aims = wishesOf(more);
      const mode = cold ? MigrationMode.COLD : MigrationMode.HOT;
      const request = { name, target, landing: '', mode, dryRun: true, ...aims };
      return await ask(async (at) => {
        for await (const { event } of messages(at, at.migrations.migrate(request))) {
          if (event?.event?.$case === 'plan') return event.event.value;
        }
        throw new Error('there is no plan');
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

function endedOf(migration: Migration): Ended {
  const { id, outcome, phase, location, error, epoch, memoryMode, memoryRounds, expectedDowntimeMs } = migration;
  return {
    ...{ rounds: memoryRounds, expectedDowntimeMs, steps: [] },
    memoryMode: word(memoryMode, 'MEMORY_MODE_'),
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
