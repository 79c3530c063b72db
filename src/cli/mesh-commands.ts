/** `cnvm nodes node join leave migrations abort recover`: the mesh and what moves in it. */

import type { Command } from 'commander';
import { refused } from '../base/errors.js';
import {
  type AbortMigrationResponse,
  type Doubt,
  type ForceRecoveryResponse,
  type ListDoubtsResponse,
  type ListMigrationsResponse,
  type Migration,
  MigrationOutcome,
  type MigrationPhase,
} from '../gen/cnvm/v1/migration.js';
import type {
  GetNodeResponse,
  JoinMeshResponse,
  LeaveMeshResponse,
  ListNodesResponse,
  NodeFacts,
} from '../gen/cnvm/v1/node.js';
import { FindingLevel, NodeReach, NodeState } from '../gen/cnvm/v1/node.js';
import { parseCount } from './arguments.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { call } from './connect.js';
import { EXIT } from './exit-codes.js';
import { ageText, bytesText, jsonText, memoryText, msText, table, wordOf } from './text.js';

export function addMeshCommands(program: Command): void {
  const add = (usage: string, description: string) =>
    withCommonOptions(program.command(usage)).description(description);
  add('nodes', 'list this node and its peers, and for how long each is alive, suspected, dead or gone').action(nodes);
  add('join <host:port>', 'make this node a member of the mesh of the node at that address').action(join);
  add('leave', 'take leave of the mesh: the peers stop to look for this node')
    .option('--force', 'also with cnvms here, which nobody then finds')
    .action(leave);
  add('node', "this node's facts, what it lacks, and how to mend it; exit code 1 when cnvms cannot run here").action(
    node,
  );
  add('migrations [name]', 'list running and past migrations')
    .option('-n, --limit <n>', 'at most so many', parseCount, 50)
    .action(migrations);
  add('abort <id-or-name>', 'call a migration off; it rolls back').action(abort);
  add('recover [name]', 'show what was handed to a peer that has not answered; exit code 3 when there is any')
    .option('--force', 'take it back without the peer, which must never come back: else there may be two')
    .action(recover);
}

async function nodes(options: CommonOptions): Promise<void> {
  const { nodes: all } = await connected(options, (connection) =>
    call<ListNodesResponse>(connection, (done) => connection.nodes.listNodes({}, done)),
  );
  if (options.json) {
    process.stdout.write(`${jsonText(all)}\n`);
    return;
  }
  const here = all.find(({ reach }) => reach === NodeReach.SELF)?.facts;
  const rows = all.map(({ name, endpoint, overlayAddress, reach, facts, error, state, stateMs }) => [
    name,
    reach === NodeReach.SELF ? 'this' : reach === NodeReach.UP ? 'up' : 'down',
    state === NodeState.UNSPECIFIED ? 'never met' : wordOf(state, 'NODE_STATE_'),
    reach === NodeReach.SELF || state === NodeState.UNSPECIFIED ? '-' : ageText(Number(stateMs)),
    endpoint,
    overlayAddress,
    facts === undefined ? '-' : encryptionOf(facts),
    facts === undefined
      ? error
      : `${facts.cnvmCount} cnvms, ${bytesText(Number(facts.memoryAvailableBytes))} free, criu ${facts.criuVersion}${stateOf(facts)}${disagreement(here, facts)}`,
  ]);
  process.stdout.write(table(['NODE', 'REACH', 'STATE', 'FOR', 'ENDPOINT', 'OVERLAY', 'ENCRYPTION', ''], rows));
}

/** An older node does not say, and encrypts nothing. */
const encryptionOf = ({ overlayEncryption }: NodeFacts): string => overlayEncryption || 'none';

/** What keeps new work from it, or should. */
function stateOf({ cordon, strains }: NodeFacts): string {
  return `${cordon === '' ? '' : `; CORDONED: ${cordon}`}${strains.length === 0 ? '' : `; STRAINED: ${strains.join('; ')}`}`;
}

function disagreement(here: NodeFacts | undefined, there: NodeFacts): string {
  if (here === undefined || encryptionOf(here) === encryptionOf(there)) return '';
  return `; NOTHING goes over the overlay: it has overlay.encryption ${encryptionOf(there)}, this node ${encryptionOf(here)}`;
}

async function join(endpoint: string, options: CommonOptions): Promise<void> {
  const answer = await connected(options, (connection) =>
    call<JoinMeshResponse>(connection, (done) => connection.nodes.joinMesh({ endpoint }, done)),
  );
  process.stdout.write(options.json ? `${jsonText(answer)}\n` : `joined the mesh of ${answer.name}\n`);
}

async function leave(options: CommonOptions & { force?: boolean }): Promise<void> {
  const request = { force: options.force ?? false };
  await connected(options, (connection) =>
    call<LeaveMeshResponse>(connection, (done) => connection.nodes.leaveMesh(request, done)),
  );
  process.stdout.write(options.json ? `${jsonText({ left: true })}\n` : 'left the mesh\n');
}

async function node(options: CommonOptions): Promise<void> {
  const answer = await connected(options, (connection) =>
    call<GetNodeResponse>(connection, (done) => connection.nodes.getNode({}, done)),
  );
  const { findings } = answer;
  if (findings.some(({ level }) => level === FindingLevel.ERROR)) process.exitCode = EXIT.failed;
  if (options.json) {
    process.stdout.write(`${jsonText(answer)}\n`);
    return;
  }
  const words = { [FindingLevel.ERROR]: 'error', [FindingLevel.WARNING]: 'warning', [FindingLevel.OK]: 'ok' } as Record<
    string,
    string
  >;
  const rows = findings.map(({ level, subject, detail, remedy }) => [
    words[level] ?? '',
    subject,
    remedy === '' ? detail : `${detail}; ${remedy}`,
  ]);
  process.stdout.write(
    `${answer.facts?.name ?? ''}: kernel ${answer.facts?.kernelRelease ?? ''}, cnvm ${answer.facts?.version ?? ''}\n`,
  );
  const { cordon = '', strains = [], name = '' } = answer.facts ?? {};
  if (cordon !== '') rows.unshift(['warning', 'cordon', `it takes no new work: ${cordon}; cnvm uncordon ${name}`]);
  for (const strain of strains) rows.unshift(['warning', 'strain', strain]);
  process.stdout.write(table(['', 'WHAT', 'FOUND'], rows));
}

async function migrations(name: string | undefined, options: CommonOptions & { limit: number }): Promise<void> {
  const request = { name: name ?? '', limit: options.limit };
  const { migrations: all } = await connected(options, (connection) =>
    call<ListMigrationsResponse>(connection, (done) => connection.migrations.listMigrations(request, done)),
  );
  if (options.json) {
    process.stdout.write(`${jsonText(all)}\n`);
    return;
  }
  process.stdout.write(
    table(
      ['STARTED', 'CNVM', 'FROM', 'TO', 'OUTCOME', 'FROZEN', 'EXPECTED', 'TOTAL', 'MEMORY', 'BY', 'DISK', ''],
      all.map(row),
    ),
  );
}

function row(migration: Migration): string[] {
  const { startTime, name, source, target, freezeMs, totalMs, memoryBytes, diskBytes, error } = migration;
  const { expectedDowntimeMs, memoryMode, memoryRounds } = migration;
  const runs = migration.outcome === MigrationOutcome.RUNNING;
  return [
    startTime?.toISOString().slice(0, 19).replace('T', ' ') ?? '',
    name,
    source,
    target,
    runs ? phaseWord(migration.phase) : wordOf(migration.outcome, 'MIGRATION_OUTCOME_'),
    freezeMs === 0 ? '-' : msText(freezeMs),
    expectedDowntimeMs === 0 ? '-' : msText(expectedDowntimeMs),
    msText(totalMs),
    bytesText(Number(memoryBytes)),
    memoryText(memoryMode, memoryRounds),
    bytesText(Number(diskBytes)),
    error,
  ];
}

/** One that runs is known by what it does now. */
const phaseWord = (phase: MigrationPhase): string => wordOf(phase, 'MIGRATION_PHASE_');

async function abort(idOrName: string, options: CommonOptions): Promise<void> {
  const { migration } = await connected(options, (connection) =>
    call<AbortMigrationResponse>(connection, (done) => connection.migrations.abortMigration({ idOrName }, done)),
  );
  if (options.json) process.stdout.write(`${jsonText(migration)}\n`);
  else process.stdout.write(`called off: ${migration?.error ?? ''}\n`);
}

async function recover(name: string | undefined, options: CommonOptions & { force?: boolean }): Promise<void> {
  if (options.force) {
    await force(name, options);
    return;
  }
  const { doubts } = await connected(options, (connection) =>
    call<ListDoubtsResponse>(connection, (done) => connection.migrations.listDoubts({ name: name ?? '' }, done)),
  );
  if (doubts.length > 0) process.exitCode = EXIT.unsettled;
  if (options.json) process.stdout.write(`${jsonText(doubts)}\n`);
  else process.stdout.write(doubts.length === 0 ? 'nothing is in doubt here\n' : doubts.map(doubtText).join('\n'));
}

function doubtText({ name, target, since, known }: Doubt): string {
  return `${name}, handed to ${target} by the migration of ${since?.toISOString() ?? '?'}:\n${known.map((line) => `  - ${line}.\n`).join('')}`;
}

async function force(name: string | undefined, options: CommonOptions): Promise<void> {
  if (name === undefined) throw refused('invalid', '--force takes the name of the one cnvm that is meant');
  const { migration } = await connected(options, (connection) =>
    call<ForceRecoveryResponse>(connection, (done) => connection.migrations.forceRecovery({ name }, done)),
  );
  if (migration?.outcome !== MigrationOutcome.ABORTED) process.exitCode = EXIT.unsettled;
  process.stdout.write(options.json ? `${jsonText(migration)}\n` : `${migration?.error ?? ''}\n`);
}
