/**
 * The reference of a program in Markdown, from its own tree, the same that `--help` prints. Pure. Invariant: every command and
 * option that is not hidden is in it; what all commands take is there once.
 */
import type { Command, Help } from 'commander';

/** @param common the options that every command takes, by their long names. */
export function referenceOf(program: Command, common: readonly string[]): string {
  const help = program.createHelp();
  const commands = leaves(help, program);
  return commands.map((command) => sectionOf(help, command, common)).join('\n');
}

/** What can be called: a command with commands below it is only their name. */
function leaves(help: Help, command: Command): Command[] {
  const below = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  return below.length === 0 ? [command] : below.flatMap((one) => leaves(help, one));
}

function sectionOf(help: Help, command: Command, common: readonly string[]): string {
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help' && !common.includes(long ?? ''));
  const rows = [
    ...help.visibleArguments(command).map((one) => [help.argumentTerm(one), help.argumentDescription(one)] as const),
    ...options.map((one) => [help.optionTerm(one), help.optionDescription(one)] as const),
  ].filter(([, words]) => words !== '');
  const table = ['| | |', '|---|---|', ...rows.map(([term, words]) => `| \`${cell(term)}\` | ${cell(words)} |`)];
  return [
    `### ${pathOf(command)}`,
    '',
    ...[`    ${help.commandUsage(command)}`, '', `${sentence(command.description())}`, ''],
    ...(rows.length === 0 ? [] : [...table, '']),
  ].join('\n');
}

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
