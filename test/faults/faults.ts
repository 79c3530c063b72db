/**
 * What breaks: each fault is done to a real node and to nothing beyond the lab. Invariant: what a fault has done is undone
 * by what it returns, or undoes itself: a daemon that dies is started anew by its supervisor.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { eventually, lab } from '../host/support.js';
import type { Ends } from './gates.js';
import { CLOCK, GATES_DIR } from './instruments.js';

type End = keyof Ends;
/** Undoes the fault. */
type Heal = () => Promise<void>;
interface Fault {
  readonly strike: (ends: Ends) => Promise<Heal>;
  /** How long it lasts, in ms. */
  readonly lastsMs?: number;
  /** What has to be there before the migration begins. @returns what takes it away in the end. */
  readonly prepare?: (ends: Ends) => Promise<Heal>;
}

const nothing: Heal = async () => undefined;
/** Shorter than what any side waits for the other. */
const BRIEF_MS = 3_000;
/** Longer than what a dead link takes to be noticed, which is 15 s. */
const LONG_MS = 25_000;

const LANDING = '/home/cnvm/sneakers';
const JOURNAL = '/var/lib/cnvm/migrations';

/** Ends a process of a node that wrote its id into a file there. */
async function kill(node: string, file: string): Promise<void> {
  const pid = readFileSync(join(lab.rootOf(node), file), 'utf8').trim();
  await lab.must(node, ['sh', '-c', `kill -KILL ${pid}`]);
}

const program =
  (end: End, name: string): Fault['strike'] =>
  async (ends) => {
    await kill(ends[end], `${GATES_DIR}/${name}.pid`);
    return nothing;
  };

const daemon =
  (end: End): Fault['strike'] =>
  async (ends) => {
    await kill(ends[end], 'run/runit-cnvmd/pid');
    return nothing;
  };

/** The target's cable is pulled: nobody hears anything, and nobody is told. */
async function stall({ target }: Ends): Promise<Heal> {
  await lab.must('outside', ['ip', 'link', 'set', target, 'down']);
  return async () => void (await lab.must('outside', ['ip', 'link', 'set', target, 'up']));
}

/** Every connection between the two nodes is reset, and no new one is let through. */
async function cut({ source, target }: Ends): Promise<Heal> {
  const hosts = await lab.must(target, ['getent', 'ahostsv4', source]);
  const peer = hosts.split(/\s/)[0] ?? '';
  // The resets themselves must get through.
  const reject = (way: string) =>
    `tcp flags & rst == rst accept; meta l4proto tcp ip ${way} ${peer} reject with tcp reset; ip ${way} ${peer} drop`;
  await lab.must(
    target,
    ['nft', '-f', '-'],
    `table inet fault {
      chain from { type filter hook input priority -300; ${reject('saddr')}; }
      chain to { type filter hook output priority -300; ${reject('daddr')}; }
    }\n`,
  );
  return async () => void (await lab.must(target, ['nft', 'delete', 'table', 'inet', 'fault']));
}

/** Nothing more can be written there: what has room is made small, and the rest of it filled. */
const fill =
  (path: string): Fault['strike'] =>
  async ({ target }) => {
    const script = `cd ${path} && mount -o remount,size=1m "$PWD" && cat /dev/zero >filler 2>/dev/null; pwd`;
    const directory = (await lab.must(target, ['sh', '-c', script])).trim();
    const mend = `mount -o remount,size=1g ${directory} && rm ${directory}/filler || ! mountpoint -q ${directory}`;
    return async () => void (await lab.must(target, ['sh', '-c', mend]));
  };

async function landInMemory({ target }: Ends): Promise<Heal> {
  await lab.must(target, ['mkdir', '-p', LANDING]);
  await lab.must(target, ['mount', '-t', 'tmpfs', '-o', 'size=1g,mode=755', 'tmpfs', LANDING]);
  return async () => void (await lab.must(target, ['umount', LANDING]));
}

/** The journal on a file system of its own, which holds one entry when it is full; a new daemon finds it there. */
async function journalInMemory({ target }: Ends): Promise<Heal> {
  await lab.must(target, ['mount', '-t', 'tmpfs', '-o', 'size=1g,mode=700', 'tmpfs', JOURNAL]);
  await restart(target);
  return async () => {
    await lab.must(target, ['sh', '-c', `sv -w 20 stop cnvmd && umount ${JOURNAL} && sv -w 20 start cnvmd`]);
    await answers(target);
  };
}

async function restart(node: string): Promise<void> {
  await lab.must(node, ['sv', '-w', '20', 'restart', 'cnvmd']);
  await answers(node);
}

/** Afterwards the node's daemon serves. To ask it would take a program, and far longer. */
export async function answers(node: string): Promise<void> {
  const socket = join(lab.rootOf(node), 'run/cnvm/cnvmd.sock');
  const connects = () =>
    new Promise<boolean>((resolve) => {
      const client = connect(socket);
      client.once('connect', () => resolve(true)).once('error', () => resolve(false));
      client.once('connect', () => client.destroy());
    });
  await eventually(`cnvmd on ${node}`, connects, 30_000);
}

async function fillJournal({ target }: Ends): Promise<Heal> {
  await lab.must(target, [
    'sh',
    '-c',
    `mount -o remount,size=8k ${JOURNAL}; head -c 8k /dev/zero >${JOURNAL}/filler; true`,
  ]);
  return async () => {
    await lab.must(target, ['sh', '-c', `mount -o remount,size=1g ${JOURNAL}; rm ${JOURNAL}/filler`]);
    // What it could not write it has kept in mind; the next one must come to the same end from the disk alone.
    await restart(target);
  };
}

/** The target's criu is of another version: it is asked for it when the daemon starts. */
async function outdate({ target }: Ends): Promise<Heal> {
  await lab.must(target, ['sh', '-c', `echo 3.17 >${GATES_DIR}/criu-version`]);
  await restart(target);
  return async () => {
    await lab.must(target, ['rm', `${GATES_DIR}/criu-version`]);
    await restart(target);
  };
}

/** Its daemon is started with a clock that can be set; the machine's own, and that of every other node, goes on. */
const ownClock =
  (end: End): NonNullable<Fault['prepare']> =>
  async (ends) => {
    const clock = join(lab.rootOf(ends[end]), GATES_DIR, CLOCK);
    writeFileSync(clock, '+0\n');
    await restart(ends[end]);
    return async () => {
      rmSync(clock);
      await restart(ends[end]);
    };
  };

const setClock =
  (end: End, by: string): Fault['strike'] =>
  async (ends) => {
    writeFileSync(join(lab.rootOf(ends[end]), GATES_DIR, CLOCK), `${by}\n`);
    return nothing;
  };

const clock = (end: End, by: string): Fault => ({ prepare: ownClock(end), strike: setClock(end, by) });

const failRestores =
  (times: number): NonNullable<Fault['prepare']> =>
  async ({ target }) => {
    await lab.must(target, ['sh', '-c', `echo ${times} >${GATES_DIR}/runc-restore-failures`]);
    return async () => void (await lab.must(target, ['rm', '-f', `${GATES_DIR}/runc-restore-failures`]));
  };

const harmless: Fault['strike'] = async () => nothing;

export const FAULTS = {
  "source's daemon dies": { strike: daemon('source') },
  "target's daemon dies": { strike: daemon('target') },
  "source's criu dies": { strike: program('source', 'criu') },
  "target's criu dies": { strike: program('target', 'criu') },
  "target's page server dies": { strike: program('target', 'page-server') },
  "source's runc dies": { strike: program('source', 'runc-checkpoint') },
  "target's runc dies": { strike: program('target', 'runc-restore') },
  "source's rsync dies": { strike: program('source', 'rsync-serve') },
  "target's rsync dies": { strike: program('target', 'rsync-pull') },
  'link is cut': { strike: cut, lastsMs: BRIEF_MS },
  'link stalls for 3 s': { strike: stall, lastsMs: BRIEF_MS },
  'link stalls for 25 s': { strike: stall, lastsMs: LONG_MS },
  "target's disk is full": { strike: fill(LANDING), prepare: landInMemory, lastsMs: BRIEF_MS },
  "target's journal is full": { strike: fillJournal, prepare: journalInMemory, lastsMs: BRIEF_MS },
  "target's images do not fit": { strike: fill('/run/cnvm/migrations/*/images'), lastsMs: BRIEF_MS },
  'restore fails once': { strike: harmless, prepare: failRestores(1) },
  'restore fails twice': { strike: harmless, prepare: failRestores(2) },
  "source's clock goes back by 1 h": clock('source', '-3600'),
  "source's clock goes on by 1 h": clock('source', '+3600'),
  "target's clock goes back by 1 h": clock('target', '-3600'),
  "target's clock goes on by 1 h": clock('target', '+3600'),
  'target is outdated': { strike: harmless, prepare: outdate },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

export function faultOf(name: FaultName): Fault {
  return FAULTS[name];
}
