/** What the benchmark is asked to measure, from its command line. Invariant: what is returned can be measured as it stands. */
import { parseArgs } from 'node:util';
import { CASES, type Case, caseOf, QUICK_CASES } from './cases.js';

const ROUNDS = 10;
const QUICK_ROUNDS = 3;
const ROUNDS_MAX = 1000;
const MINUTES_MAX = 24 * 60;

export const PARTS = ['teleport', 'stream', 'overlay', 'disk', 'freeze'] as const;
export type Part = (typeof PARTS)[number];
/** The other takes a quarter of an hour. */
const QUICK_PARTS: readonly Part[] = ['teleport', 'stream', 'overlay', 'disk'];

export const HELP = `Usage: scripts/bench [--quick] [--rounds N] [--part PART]... [--case CASE]... [--json] [--plot FILE] [--page FILE]

Measures in one run, in turn, on this machine:
  teleport  the silence that a TCP client on a third node hears while a cnvm teleports; its freeze, what it cost the
            processors, and what the daemons held. Cnvms of 0, 16, 256 and 1024 MiB beside their services, that change
            0, 1, 10 or 50 MiB a second, in 1 or 20 processes. Beside those that change nothing:
            podman, what "container checkpoint --export" and "container restore --import" take for the same processes
            on one node, the transfer between machines not counted; and
            shell, what "runc checkpoint", rsync and "runc restore" take between two nodes
            Who holds more than 256 MiB is there only in its turn
  stream    a migration's tunnel beside a bare TLS and a bare TCP socket, between two processes, straight and behind
            10 ms of delay in each direction; needs no lab
  overlay   one TCP stream between two nodes, through the tunnel and over the bare link
  disk      how long a cnvm stands still that has 100,000 files of 2 GiB in all and writes to its disk all the time, beside
            one that has none of them
  freeze    how long a cnvm that writes all the time stands still with pre-copy, with much and with little memory, and
            with stop-and-copy; one round, between two emulated machines (scripts/vmlab), where ratios alone mean anything

Brings up labs of its own and takes them down at the end. A first round of each but the last is not counted. What breaks
is said, and the rest is measured all the same.

  --case CASE  only this case of the part teleport: "idle", MIB:RATE:PROCESSES, for example 256:10:1, or "all", those that
               are not named otherwise; may be given more than once, and be followed by =N, its rounds. All of them, with
               ten rounds each, take some hours
  --part NAME  only this part; may be given more than once, and be followed by =N, its rounds; all of them without it
  --rounds N   rounds of each that is not given its own; ${ROUNDS} without it, ${QUICK_ROUNDS} with --quick
  --minutes N  begins nothing more after so long; what is measured by then is told. The part teleport comes last, its cases in
               the order in which they are named
  --quick      an idle base image and 256 MiB that do not change alone; 10,000 files; without the freeze part
  --plot FILE  draws the gaps and the freezes into an SVG file
  --page FILE  writes all of it as a page of Markdown, with a link to the picture
  --json       the last line on standard output is one JSON object with every figure and, as "ratios", what the
               figures come to (null: not measured); without it, tables
  --lab NAME   the lab's name; "bench" without it

Exit codes: 0 measured, 1 something failed or was interrupted, 2 wrong usage.
`;

export interface Usage {
  readonly quick: boolean;
  readonly plot: string | undefined;
  readonly page: string | undefined;
  readonly json: boolean;
  readonly lab: string;
  /** Undefined: as long as it takes. */
  readonly minutes: number | undefined;
  /** Rounds of each that is to be measured. */
  readonly parts: ReadonlyMap<Part, number>;
  readonly cases: readonly { readonly one: Case; readonly rounds: number }[];
}

/** @returns undefined when help is asked for. @throws on wrong usage. */
export function readUsage(args: readonly string[]): Usage | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      minutes: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      plot: { type: 'string' },
      page: { type: 'string' },
      lab: { type: 'string', default: 'bench' },
      part: { type: 'string', multiple: true },
      case: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, json, lab, plot, page } = values;
  const rounds = numberOf('--rounds', values.rounds ?? String(quick ? QUICK_ROUNDS : ROUNDS), ROUNDS_MAX);
  const minutes = values.minutes === undefined ? undefined : numberOf('--minutes', values.minutes, MINUTES_MAX);
  const asked = (values.part ?? (quick ? QUICK_PARTS : PARTS)).map((text) => withRounds(text, rounds));
  for (const [name] of asked) {
    if (!PARTS.some((known) => known === name))
      throw new Error(`there is no part "${name}"; there are ${PARTS.join(', ')}`);
  }
  const byName = new Map(asked);
  const parts = new Map(PARTS.flatMap((part) => (byName.has(part) ? [[part, byName.get(part) ?? rounds]] : [])));
  const ofCases = parts.get('teleport') ?? rounds;
  return { quick, json, lab, plot, page, minutes, parts, cases: casesOf(values.case, quick, ofCases) };
}

function casesOf(named: readonly string[] | undefined, quick: boolean, rounds: number): Usage['cases'] {
  if (named === undefined) return (quick ? QUICK_CASES : CASES).map((one) => ({ one, rounds }));
  const asked = named.map((text) => withRounds(text, rounds));
  const own = asked.flatMap(([text, ofIt]) => {
    if (text === 'all') return [];
    const one = caseOf(text);
    if (one === undefined) throw new Error(`"${text}" is no case: "idle", "all", or MIB:RATE:PROCESSES`);
    return [{ one, rounds: ofIt }];
  });
  const all = asked.find(([text]) => text === 'all');
  if (all === undefined) return own;
  const isNamed = (one: Case) => own.some((other) => JSON.stringify(other.one) === JSON.stringify(one));
  return [...own, ...CASES.filter((one) => !isNamed(one)).map((one) => ({ one, rounds: all[1] }))];
}

/** NAME or NAME=ROUNDS. */
function withRounds(text: string, rounds: number): [name: string, rounds: number] {
  const [name = '', own] = text.split('=', 2);
  return [name, own === undefined ? rounds : numberOf(name, own, ROUNDS_MAX)];
}

function numberOf(what: string, text: string, most: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new Error(`${what} takes a number from 1 to ${most}`);
  return number;
}
