/**
 * Manual pages from the commands' own tree, the same that `--help` prints. Pure. Invariant: every command and option that is
 * not hidden is in one of the pages, and no word of ours is taken for a request of roff.
 */
import type { Command, Help } from 'commander';

export interface Page {
  /** For example "cnvm-create.1". */
  readonly file: string;
  readonly text: string;
}

/** One page for a program, and one for each of its commands; what is below a command is on that command's page. */
export function manPages(program: Command, version: string): Page[] {
  const help = program.createHelp();
  const commands = visible(help, program);
  return [
    pageOf(program, program.name(), commands, version),
    ...commands.map((command) => pageOf(command, `${program.name()}-${command.name()}`, [], version)),
  ];
}

/** A page for a program whose options are no tree: its help as it is. @param name with its section, as "cnvmd.8". */
export function pageFromHelp(name: string, help: string, version: string): Page {
  const [title = '', section = '8'] = name.split('.');
  const [usage = '', , summary = '', ...rest] = help.trimEnd().split('\n');
  const lines = [
    head(title, section, version),
    ...['.SH NAME', `${title} \\- ${roff(lowerFirst(summary.split('. ')[0] ?? ''))}`],
    ...['.SH SYNOPSIS', '.nf', roff(usage.replace(/^Usage: /, '')), '.fi'],
    ...['.SH DESCRIPTION', '.nf', ...[summary, ...rest].map(line), '.fi', seeAlso(title, [])],
  ];
  return { file: `${title}.${section}`, text: `${lines.join('\n')}\n` };
}

function pageOf(command: Command, title: string, listed: readonly Command[], version: string): Page {
  const help = command.createHelp();
  const below = listed.length > 0 ? [] : visible(help, command);
  const lines = [
    head(title, '1', version),
    ...['.SH NAME', `${roff(title)} \\- ${roff(command.description())}`],
    ...['.SH SYNOPSIS', ...[command, ...below].flatMap((one) => ['.nf', roff(help.commandUsage(one)), '.fi'])],
    ...section(
      'COMMANDS',
      listed.flatMap((one) => entry(`${title}-${one.name()}(1)`, one.description())),
    ),
    ...section('ARGUMENTS', argumentsOf(help, command)),
    ...section('OPTIONS', optionsOf(help, command)),
    ...below.flatMap((one) => section(usageOf(one), [...paragraph(one.description()), ...partsOf(help, one)])),
    ...section('NOTES', afterwards(command)),
    seeAlso(title, listed),
  ];
  return { file: `${title}.1`, text: `${lines.join('\n')}\n` };
}

const visible = (help: Help, command: Command): Command[] =>
  help.visibleCommands(command).filter((one) => one.name() !== 'help');
const partsOf = (help: Help, command: Command) => [...argumentsOf(help, command), ...optionsOf(help, command)];
const usageOf = (command: Command) => `${command.parent?.name() ?? ''} ${command.name()}`.trim();

const argumentsOf = (help: Help, command: Command): string[] =>
  help.visibleArguments(command).flatMap((one) => entry(help.argumentTerm(one), help.argumentDescription(one)));
const optionsOf = (help: Help, command: Command): string[] =>
  help.visibleOptions(command).flatMap((one) => entry(help.optionTerm(one), help.optionDescription(one)));

/** What a command's help says after its options. */
function afterwards(command: Command): string[] {
  let printed = '';
  const keep = (text: string) => {
    printed += text;
  };
  const { writeOut } = command.configureOutput();
  command.configureOutput({ writeOut: keep });
  command.outputHelp();
  if (writeOut !== undefined) command.configureOutput({ writeOut });
  const text = printed.slice(printed.indexOf(command.helpInformation()) + command.helpInformation().length).trim();
  return text === '' ? [] : ['.nf', ...text.split('\n').map(line), '.fi'];
}

function seeAlso(title: string, listed: readonly Command[]): string {
  const all = ['cnvm(1)', 'teleport(1)', 'cnvmd(8)', ...listed.map((one) => `${title}-${one.name()}(1)`)];
  const others = all.filter((one) => !one.startsWith(`${title}(`));
  return ['.SH SEE ALSO', roff(others.join(', '))].join('\n');
}

const head = (title: string, section: string, version: string): string =>
  `.TH "${roff(title.toUpperCase())}" "${section}" "" "cnvm ${roff(version)}" "cnvm"`;
const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`.SH "${roff(title.toUpperCase())}"`, ...lines];
const entry = (term: string, description: string): string[] => ['.TP', `.B "${roff(term)}"`, line(description)];
const paragraph = (text: string): string[] => (text === '' ? [] : ['.PP', line(text)]);

/** A line of text: one that begins with a full stop or an apostrophe would be a request. */
const line = (text: string): string => roff(text).replace(/^(?=[.'])/, '\\&');
const roff = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
const lowerFirst = (text: string): string => `${text.slice(0, 1).toLowerCase()}${text.slice(1).replace(/\.$/, '')}`;
