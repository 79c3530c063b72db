/**
 * How a real program is tested: it serves in a cnvm that is moved there and back while clients in a cnvm on a third node use
 * it over connections that they never open again. Invariant: one error of one client fails the test.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CnvmJson, eventually, lab, type MigrationJson, whereIs } from '../host/support.js';

const SERVER = 'server.gonkulator.io';
const CLIENT = 'client.gonkulator.io';
/** Where the server begins and ends, where it goes, and where its clients are. */
const [HOME, AWAY, OUTSIDE] = ['node1', 'node2', 'node3'] as const;
/** So often it goes there and back. */
const ROUNDS = 2;
/** So long it is used in each place. */
const USED_MS = 2_000;
const READY_MS = 120_000;

export interface Verdict {
  /** By the name of what did them. */
  readonly ops: Readonly<Record<string, number>>;
  readonly errors: readonly string[];
}

/** Afterwards both cnvms run. @returns the server's address. */
export async function createBoth(): Promise<string> {
  const make = (node: string, name: string) =>
    lab.json<CnvmJson>(node, 'cnvm', 'create', name, '--image', 'apps', '--memory', '2G');
  const { address } = await make(HOME, SERVER);
  await make(OUTSIDE, CLIENT);
  return address;
}

/** Runs a script for sh in the server, as its root, wherever it is. */
export async function serverRuns(script: string, node: string = HOME, input = ''): Promise<string> {
  return await lab.must(node, ['cnvm', 'exec', SERVER, '--', 'sh', '-ec', script], input);
}

/** Starts a program in the server, which belongs to the cnvm's init then. What it says is in /var/log/NAME.log. */
export async function serve(name: string, command: string, ready: string): Promise<void> {
  await serverRuns(`setsid nohup ${command} >/var/log/${name}.log 2>&1 </dev/null & sleep 0.1`);
  const isReady = async () => (await lab.run(HOME, ['cnvm', 'exec', SERVER, '--', 'sh', '-c', ready])).code === 0;
  await eventually(`${name} to be ready`, isReady, READY_MS, 500).catch(async (error: Error) => {
    throw new Error(`${error.message}: ${await serverRuns(`tail -n 20 /var/log/${name}.log`)}`);
  });
}

/** Runs a script for sh in the clients' cnvm, as its root. */
export async function clientRuns(script: string, input = ''): Promise<string> {
  return await lab.must(OUTSIDE, ['cnvm', 'exec', CLIENT, '--', 'sh', '-ec', script], input);
}

/** A file of `programs`. */
export const program = (file: string): string =>
  readFileSync(fileURLToPath(new URL(`programs/${file}`, import.meta.url)), 'utf8');

/** Brings a file of `programs` into the server. */
export const install = (file: string): Promise<string> => serverRuns(`cat > /srv/${file}`, HOME, program(file));

/** Starts clients of Python, written with `programs/clients.py`. They work until `finish`. */
async function startClients(file: string, ...args: readonly string[]) {
  const script = program('clients.py') + program(file);
  const child = lab.start(OUTSIDE, ['cnvm', 'exec', CLIENT, '--', 'python3', '-c', script, ...args]);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the clients of ${file} ended: ${said}`);
    return String(value);
  };
  assert.equal(await next(), 'started');
  return {
    /** They end what they do, and tell how it went. */
    async finish(): Promise<Verdict> {
      child.stdin.end();
      return JSON.parse(await next()) as Verdict;
    },
  };
}

/** Moves the server there and back, more than once. @param arrived what is looked at wherever it arrives. */
export async function thereAndBack(arrived: (node: string) => Promise<void> = async () => undefined): Promise<void> {
  const moves = Array.from({ length: ROUNDS }, () => [[HOME, AWAY] as const, [AWAY, HOME] as const]).flat();
  const freezesMs: number[] = [];
  await sleep(USED_MS);
  for (const [from, to] of moves) {
    freezesMs.push(await mustMove(from, to));
    assert.equal(await whereIs(SERVER), to);
    await arrived(to);
    await sleep(USED_MS);
  }
  if (process.env['CNVM_TEST_SHOW'] !== undefined)
    process.stderr.write(`      frozen for ${freezesMs.join(', ')} ms\n`);
}

/** Every client worked to the end, and nothing went wrong. */
function assertWell({ ops, errors }: Verdict): void {
  assert.deepEqual(errors, []);
  assert.ok(Object.keys(ops).length > 0);
  for (const [name, count] of Object.entries(ops)) assert.ok(count > 0, `${name} did nothing`);
}

/** A file of clients in `programs`, and what it is told beside the address. */
type Riders = readonly [file: string, ...args: string[]];

/** Clients of each kind that use it, the moves, and their verdicts in that order. */
export async function assertRides(address: string, ...all: [Riders, ...Riders[]]): Promise<[Verdict, ...Verdict[]]> {
  const [first, ...others] = await Promise.all(all.map(([file, ...args]) => startClients(file, address, ...args)));
  assert.ok(first !== undefined);
  await thereAndBack();
  const verdicts: [Verdict, ...Verdict[]] = [
    await first.finish(),
    ...(await Promise.all(others.map((clients) => clients.finish()))),
  ];
  for (const verdict of verdicts) assertWell(verdict);
  return verdicts;
}

/** @returns for how long it was frozen. */
async function mustMove(from: string, to: string): Promise<number> {
  const { stdout, stderr, code } = await lab.run(from, ['teleport', '--json', SERVER, to]);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const { ended } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { ended: MigrationJson };
  return Math.round(ended.freezeMs);
}
