/**
 * The demo: a cnvm teleports round three nodes, or many times round five, while an ssh session and a TCP stream in it live on.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Hop, type HopFigures, hopFigures, hopTable } from './hops.js';
import { type Lab, openLab } from './lab.js';
import { openNumberStream, startStreamServer } from './number-stream.js';
import { roundTrip, worldTour } from './routes.js';
import { openShell } from './shell-session.js';

const NAME = 'sneaker01.gonkulator.io';
const ADDRESS = '10.100.101.111';
const NODES = 3;
const WORLD_NODES = 5;
const WORLD_HOPS = 30;
/** So that the stream's silence is measured to its end. */
const SETTLE_MS = 500;

const HELP = `Usage: scripts/demo [--globetrotter [--hops N]] [--json] [--keep] [--lab NAME]

Brings up a lab of three nodes, creates ${NAME} at ${ADDRESS}, opens an ssh session and a
numbered TCP stream in it, teleports it ${roundTrip(NODES).join(' -> ')}, and checks that nothing was lost.

  --globetrotter   the same with ${WORLD_NODES} nodes and ${WORLD_HOPS} hops, over every way between any two of them; each is asked of
                   node1, wherever the cnvm is
  --hops N         with --globetrotter: so many hops instead
  --json           the last line on standard output is one JSON object with the figures
  --keep           leaves the lab up and says what to type next

Exit codes: 0 all is well, 1 something broke, 2 wrong usage.
`;

interface Result {
  readonly ok: boolean;
  readonly hops: readonly Hop[];
  /** None when there was no hop. */
  readonly figures?: HopFigures;
  readonly sessionSurvived: boolean;
  readonly streamIntact: boolean;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

interface Ended {
  readonly ended?: { freezeMs: number; memoryBytes: number; diskBytes: number; totalMs: number };
}

async function teleport(lab: Lab, asked: string, to: string): Promise<NonNullable<Ended['ended']>> {
  const destination = `cnvm@${to}:/home/cnvm/sneakers`;
  say(`\n${asked}# teleport ${NAME} ${destination}`);
  const lines = (await lab.must(asked, ['teleport', '--json', NAME, destination])).trim().split('\n');
  const { ended } = JSON.parse(lines.at(-1) ?? '{}') as Ended;
  if (ended === undefined) throw new Error(`the teleport ended without a word: ${lines.at(-1)}`);
  return ended;
}

interface Tour {
  readonly route: readonly string[];
  /** The node that is asked to teleport it from where it is. */
  readonly askOf: (from: string) => string;
  /** Filled as it goes on: they were made also when a later one breaks. */
  readonly hops: Hop[];
}

async function tour(lab: Lab, { route, askOf, hops }: Tour): Promise<Result> {
  say(`\nnode1# cnvm create ${NAME} --address ${ADDRESS}`);
  say(await lab.must('node1', ['cnvm', 'create', NAME, '--address', ADDRESS]));
  await waitForSsh(lab);
  await startStreamServer(lab, 'node1', ADDRESS);
  say(`node1# ssh user@${ADDRESS}      (password: password)`);
  const shell = await openShell(lab, 'node1', ADDRESS);
  const stream = await openNumberStream(lab, 'node1', ADDRESS);
  await shell.type('mkdir -p /tmp/here && cd /tmp/here && treasure=gold-$$ && echo written-on-node1 > file');
  const before = await shell.type('echo $treasure $$ $PWD');
  say(`in the session: shell variable, pid and directory are: ${before}`);
  const began = performance.now();
  let sessionSurvived = true;
  for (const [index, to] of route.slice(1).entries()) {
    const from = route[index] ?? '';
    stream.reset();
    const { freezeMs, memoryBytes, diskBytes, totalMs } = await teleport(lab, askOf(from), to);
    await sleep(SETTLE_MS);
    const clientGapMs = stream.gapMs();
    const after = await shell.type('echo $treasure $$ $PWD');
    const file = await shell.type('cat file');
    await shell.type(`echo written-on-${to} > file`);
    const same = after === before && file === `written-on-${from}`;
    sessionSurvived &&= same;
    say(`in the session: ${after}; the file says: ${file}${same ? '' : '   <-- WRONG'}`);
    say(`the stream is at ${stream.state.last}, its longest silence was ${clientGapMs.toFixed(0)} ms`);
    hops.push({ from, to, freezeMs, clientGapMs, memoryBytes, diskBytes, totalMs });
  }
  const figures = hopFigures(hops, performance.now() - began);
  sessionSurvived &&= shell.alive;
  const { faults } = stream.state;
  for (const fault of faults) say(`the stream broke: ${fault}`);
  await stream.close();
  await shell.close();
  const streamIntact = faults.length === 0;
  if (figures !== undefined) say(`\n${hopTable(hops, figures)}`);
  return { ok: sessionSurvived && streamIntact, hops, ...(figures && { figures }), sessionSurvived, streamIntact };
}

async function waitForSsh(lab: Lab): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await lab.run('node1', ['nc', '-z', '-w', '1', ADDRESS, '22'])).code === 0) return;
    await sleep(100);
  }
  throw new Error(`nothing answers at ${ADDRESS}:22`);
}

interface Wanted {
  readonly json: boolean;
  readonly globetrotter: boolean;
  readonly hops: number;
  readonly keep: boolean;
  readonly lab: string;
}

/** @throws when it is wrong usage. */
function readOptions(): Wanted | 'help' {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      globetrotter: { type: 'boolean', default: false },
      hops: { type: 'string' },
      keep: { type: 'boolean', default: false },
      lab: { type: 'string', default: 'demo' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.hops !== undefined && !values.globetrotter) throw new Error('--hops is only for --globetrotter');
  const hops = Number(values.hops ?? WORLD_HOPS);
  if (!Number.isInteger(hops) || hops < 1) throw new Error(`--hops takes a number of at least 1, not ${values.hops}`);
  return { ...values, hops };
}

async function main(): Promise<number> {
  let wanted: Wanted | 'help';
  try {
    wanted = readOptions();
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}; see scripts/demo --help`);
    return 2;
  }
  if (wanted === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  return await demo(wanted);
}

async function demo(values: Wanted): Promise<number> {
  const nodes = values.globetrotter ? WORLD_NODES : NODES;
  const route = values.globetrotter ? worldTour(nodes, values.hops) : roundTrip(nodes);
  const lab = openLab(values.lab, true);
  const hops: Hop[] = [];
  let result: Result = { ok: false, hops, sessionSurvived: false, streamIntact: false };
  await lab.down();
  try {
    await lab.up(nodes);
    result = await tour(lab, { route, askOf: (from) => (values.globetrotter ? 'node1' : from), hops });
    say(result.ok ? '\nThe session and the stream survived every hop.' : '\nSomething broke; see above.');
  } catch (error) {
    say(`\nThe demo broke: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    if (values.keep) sayNext(values.lab);
    else await lab.down();
  }
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.ok ? 0 : 1;
}

function sayNext(lab: string): void {
  say(`
The lab is up. Next, for example:
  scripts/lab --name ${lab} exec node1 -- cnvm ls --all
  scripts/lab --name ${lab} exec node1 -- ssh user@${ADDRESS}
  scripts/lab --name ${lab} exec node1 -- teleport ${NAME} cnvm@node2:/home/cnvm/sneakers
  scripts/lab --name ${lab} down`);
}

process.exitCode = await main();
