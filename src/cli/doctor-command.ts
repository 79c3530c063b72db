/** `cnvm doctor`: what is wrong in the mesh, on every node that answers, and what to do about it. */
import type { Command } from 'commander';
import type { GetDiagnosisResponse, NodeDiagnosis } from '../gen/cnvm/v1/diagnosis.js';
import { type Finding, FindingLevel } from '../gen/cnvm/v1/node.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { type Connection, call } from './connect.js';
import { EXIT } from './exit-codes.js';
import { jsonText } from './text.js';

interface DoctorOptions extends CommonOptions {
  readonly here?: boolean;
  readonly all?: boolean;
}

export function addDoctorCommand(program: Command): void {
  withCommonOptions(program.command('doctor'))
    .description('what is wrong on this node and in the whole mesh, and what to do; exit code 1 when there are errors')
    .option('--here', 'look at this node alone')
    .option('--all', 'say also what is well')
    .action(doctor);
}

export async function diagnosisOf(connection: Connection, onlyHere: boolean): Promise<readonly NodeDiagnosis[]> {
  const request = { onlyHere };
  return (await call<GetDiagnosisResponse>(connection, (done) => connection.diagnosis.getDiagnosis(request, done)))
    .nodes;
}

async function doctor({ here = false, all = false, ...options }: DoctorOptions): Promise<void> {
  const nodes = await connected(options, (connection) => diagnosisOf(connection, here));
  if (nodes.some(({ findings }) => findings.some(isError))) process.exitCode = EXIT.failed;
  process.stdout.write(options.json ? `${jsonText(nodes)}\n` : doctorText(nodes, all));
}

const isError = ({ level }: Finding): boolean => level === FindingLevel.ERROR;
const MARKS: Readonly<Record<string, string>> = {
  [FindingLevel.OK]: '[o]',
  [FindingLevel.WARNING]: '[!]',
  [FindingLevel.ERROR]: '[x]',
};

/** Each node with what it suffers from, the worst first, and what helps. @param all also what is well. */
export function doctorText(nodes: readonly NodeDiagnosis[], all: boolean): string {
  const lines = nodes.flatMap(({ node, findings }) => {
    const wrong = findings.filter(({ level }) => level !== FindingLevel.OK);
    const shown = all ? findings : wrong;
    if (shown.length === 0) return [`${node}: well`];
    const errors = wrong.filter(isError).length;
    return [
      `${node}: ${counted(errors, 'error')}, ${counted(wrong.length - errors, 'warning')}`,
      ...[...shown].sort((one, other) => rank(other) - rank(one)).flatMap(linesOf),
    ];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function linesOf({ level, subject, detail, remedy }: Finding): string[] {
  return [`  ${MARKS[level] ?? '[?]'} ${subject}: ${detail}`, ...(remedy === '' ? [] : [`      ${remedy}`])];
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const RANKS: readonly FindingLevel[] = [FindingLevel.OK, FindingLevel.WARNING, FindingLevel.ERROR];
const rank = ({ level }: Finding): number => RANKS.indexOf(level);
