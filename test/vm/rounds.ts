/** What the tests of pre-copy between machines share: a migration with its rounds, and what happens as one of them begins. */
import assert from 'node:assert/strict';
import { type Answer, askHolder, startHolder } from '../../scripts/lib/memory-holder.js';
import { create, lab, type MigrationJson, NAME, sabotage, whereIs } from '../host/support.js';

export const HELD = { heldMib: 64, writtenMibPerSecond: 1, hotMib: 4 };

/** It runs on node1 and holds its memory. */
export async function holding(): Promise<Answer> {
  await create('node1');
  return await startHolder(lab, 'node1', NAME, HELD);
}

export interface RoundJson {
  readonly number: number;
  readonly frozen?: boolean;
  readonly bytes: string;
}

export interface Move {
  readonly code: number;
  readonly outcome: string;
  readonly error: string;
  readonly memoryMode: string;
  readonly rounds: readonly RoundJson[];
  /** What it said of its progress, a line each. */
  readonly steps: readonly string[];
}

interface Event {
  readonly step?: string;
  readonly ended?: MigrationJson & { readonly memoryMode: string; readonly memoryRounds: readonly RoundJson[] };
}

/** Teleports, and gives all that was said. */
export async function move(from: string, to: string, ...options: string[]): Promise<Move> {
  const { stdout, stderr, code } = await lab.run(from, ['teleport', '--json', ...options, NAME, to]);
  const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Event] : []));
  const ended = events.find((event) => event.ended !== undefined)?.ended;
  return {
    code,
    ...{ outcome: ended?.outcome ?? '', error: ended?.error ?? stderr, memoryMode: ended?.memoryMode ?? '' },
    rounds: ended?.memoryRounds ?? [],
    steps: events.flatMap(({ step }) => (step === undefined ? [] : [step])),
  };
}

/** The process that holds the memory is the one that answered before, has gone on, and all of its memory is right. */
export async function assertGoesOn(node: string, before: Answer): Promise<Answer> {
  assert.equal(await whereIs(), node);
  const now = await askHolder(lab, node, NAME);
  assert.equal(now.verdict, 'right');
  assert.equal(now.pid, before.pid);
  assert.ok(now.step > before.step, `${now.step} after ${before.step}`);
  return now;
}

const COUNTER = '/tmp/rounds-begun';

/**
 * Runs a line of shell on the source as its second round begins: both ends wait for its pages, and nothing has been dumped
 * of it. Undone by `mend` of runc.
 */
export const atSecondRound = (node: string, line: string): Promise<void> => atSecond(node, 'runc', '--pre-dump', line);

/** The same on the target, as its page server for the second round starts. Undone by `mend` of criu. */
export const atSecondPageServer = (node: string, line: string): Promise<void> =>
  atSecond(node, 'criu', 'page-server', line);

async function atSecond(node: string, program: string, word: string, line: string): Promise<void> {
  await lab.must(node, ['rm', '-f', COUNTER]);
  const counted = `echo >>${COUNTER}; if [ "$(wc -l <${COUNTER})" = 2 ]; then ${line}; fi`;
  await sabotage(node, program, `case " $* " in *" ${word} "*) ${counted} ;; esac\nexec /usr/sbin/${program} "$@"`);
}

/**
 * Kills the source's criu in its second round, while it sends what it has taken from the processes: those run on already.
 * Undone by `mend` of runc and criu.
 */
export async function killCriuInSecondRound(node: string): Promise<void> {
  await atSecondRound(node, ':');
  const log = `/run/cnvm/criu/${NAME}/dump.log`;
  // Not as its child: criu waits for whatever child of its ends.
  const look = `[ ${log} -nt ${COUNTER} ] && grep -q "Transferring pages" ${log} && kill -KILL $P`;
  const killer = `(P=$$; while kill -0 $P; do ${look}; sleep 0.02; done >/dev/null 2>&1 </dev/null &)`;
  const second = `[ "$(wc -l <${COUNTER})" = 2 ] && ${killer}`;
  await sabotage(node, 'criu', `case " $* " in *" swrk "*) ${second} ;; esac\nexec /usr/sbin/criu "$@"`);
}

/** Of the daemon alone: its commands are node, too. */
export const KILL_DAEMON = 'pkill -KILL -f dist/main.js';
