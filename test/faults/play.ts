/**
 * Plays a case on real hosts: begins a migration, breaks what the case says at its moment, waits until all has settled by
 * itself, and looks. Invariant: whatever is broken is mended when this returns, also when it throws.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openShell } from '../../scripts/lib/shell-session.js';
import { hasErrno } from '../../src/base/errors.js';
import type { JournalEntry } from '../../src/migration/journal.js';
import { create, eventually, lab, type MigrationJson, residueOf, teleport, whereIs } from '../host/support.js';
import { type Case, titleOf } from './cases.js';
import { answers, faultOf } from './faults.js';
import { closeGate, type Ends } from './gates.js';
import { isOn, runsOn, watchCopies } from './watch-copies.js';
import { openWitness, type Witness } from './witness.js';

/** Where people sit: it takes no part in any migration. */
const OUTSIDER = 'node3';
const ADDRESS = '10.100.101.111';
/** The longest patience of one side for the other, which is the target's after it runs, and some. */
const SETTLE_MS = 75_000;

/** One cnvm, everybody who watches it, and where it is. */
export interface Stage {
  owner: string;
  readonly witness: Witness;
  readonly copies: ReturnType<typeof watchCopies>;
  readonly shell: Awaited<ReturnType<typeof openShell>>;
  /** What the shell has in it. */
  readonly mine: string;
  close(): Promise<void>;
}

export async function openStage(node: string): Promise<Stage> {
  await create(node);
  const copies = watchCopies();
  const witness = await openWitness(OUTSIDER);
  const shell = await openShell(lab, OUTSIDER, ADDRESS);
  await shell.type('mine=kept-$$');
  const mine = await shell.type('echo $mine $$');
  return {
    owner: node,
    witness,
    copies,
    shell,
    mine,
    async close() {
      copies.close();
      await Promise.all([witness.close(), shell.close()]);
    },
  };
}

/** Plays the case from where the cnvm is. @returns what the order said. @throws when anything is not as promised. */
export async function play(stage: Stage, one: Case): Promise<MigrationJson> {
  const ends: Ends = { source: stage.owner, target: stage.owner === 'node1' ? 'node2' : 'node1' };
  const said = await strike(ends, one);
  await settled(ends);
  const owner = runsOn(ends.target) ? ends.target : ends.source;
  stage.owner = owner;
  assert.equal(owner, ends[one.owner], `${titleOf(one)}, but it is ${owner}'s; the order said: ${said.error}`);
  if (said.outcome === 'MIGRATION_OUTCOME_SUCCEEDED') assert.equal(owner, ends.target, 'said to have succeeded');
  if (/_(ABORTED|REFUSED)$/.test(said.outcome)) assert.equal(owner, ends.source, said.error);
  await asPromised(stage, ends);
  await eventually(`everybody to say that it is ${owner}'s`, async () => (await whereIs()) === owner);
  return said;
}

/** The same migration, or the way back when it is there already. */
export async function playOnce(stage: Stage): Promise<void> {
  const to = stage.owner === 'node1' ? 'node2' : 'node1';
  const ends: Ends = { source: stage.owner, target: to };
  const { code, ended } = await teleport(ends.source, to);
  assert.equal(code, 0, `and then it does not go: ${ended.error}`);
  stage.owner = to;
  await settled(ends);
  await asPromised(stage, ends);
}

/** Begins the migration, and breaks what the case says when its moment has come. @returns what the order said. */
export async function strike(ends: Ends, { fault, moment }: Case): Promise<MigrationJson> {
  const { strike: hit, prepare, lastsMs = 0 } = faultOf(fault);
  const tidy = await prepare?.(ends);
  const gate = await closeGate(moment, ends);
  try {
    const order = teleport(ends.source, ends.target);
    const early = order.then(({ ended }) => {
      throw new Error(`it ended before "${moment}": ${ended.outcome} ${ended.error}`);
    });
    await Promise.race([gate.reached(), early]);
    early.catch(() => undefined);
    const heal = await hit(ends);
    gate.open();
    try {
      await sleep(lastsMs);
    } finally {
      await heal();
    }
    return (await order).ended;
  } finally {
    gate.open();
    await Promise.all([answers(ends.source), answers(ends.target)]);
    // What it has taken it must have let go of by itself.
    if (tidy !== undefined) await settled(ends).finally(tidy);
  }
}

/** Nobody owes anybody anything, and it runs at one of the two and is not at the other. */
async function settled(ends: Ends): Promise<void> {
  const nodes = Object.values(ends) as string[];
  const roots = nodes.map(lab.rootOf);
  const looks = () => nodes.map((node, index) => describeNode(node, roots[index] ?? ''));
  const done = async () =>
    looks().every(({ open }) => open.length === 0) &&
    nodes.filter(runsOn).length === 1 &&
    nodes.filter(isOn).length === 1;
  await eventually('a settled end', done, SETTLE_MS).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${JSON.stringify(looks())}`);
  });
}

function describeNode(node: string, root: string) {
  const directory = join(root, 'var/lib/cnvm/migrations');
  const open = readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => entryIn(join(directory, file)))
    .filter((entry) => !entry.settled)
    .map(({ role, state }) => `${role}: ${state}`);
  return { node, runs: runsOn(node), there: isOn(node), open };
}

/** None when it has just been forgotten: a node keeps so many. */
function entryIn(path: string): JournalEntry[] {
  try {
    return [JSON.parse(readFileSync(path, 'utf8')) as JournalEntry];
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

async function asPromised({ owner, witness, copies, shell, mine }: Stage, ends: Ends): Promise<void> {
  await witness.goesOn();
  await hasItsShell(shell, mine);
  assert.deepEqual(await witness.complaints(owner), []);
  assert.deepEqual(copies.seen(), []);
  const other = owner === ends.source ? ends.target : ends.source;
  await eventually(`nothing to be left on ${other}`, async () => (await residueOf(other)) === '', 5_000).catch(
    async (error: unknown) => {
      throw new Error(`${(error as Error).message}: ${(await residueOf(other)).slice(0, 1_000)}`);
    },
  );
}

/** A client that has tried in vain for long tries ever more rarely, so it may take it twice the usual patience. */
async function hasItsShell(shell: Stage['shell'], mine: string): Promise<void> {
  const ask = () => shell.type('echo $mine $$');
  const answer = await ask().catch((error: unknown) => {
    if (!shell.alive) throw error;
    return ask();
  });
  // The first answer may come with the second.
  assert.equal(answer.split('\n').at(-1), mine);
}
