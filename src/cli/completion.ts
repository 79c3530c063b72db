/** Completion for bash, zsh and fish, from the commands' own tree. Pure. Names of cnvms and nodes come from the daemon. */
import type { Command } from 'commander';
import { refused } from '../base/errors.js';

/** Subcommands whose first argument is a cnvm. */
const TAKES_CNVM = [
  'start',
  'stop',
  'rm',
  'inspect',
  'exec',
  'ssh',
  'logs',
  'migrations',
  'abort',
  'recover',
  'snapshot',
  'watch',
];
/** Those that take a node. */
const TAKES_NODE = ['evacuate', 'cordon', 'uncordon'];
/** Those that take an image. */
const TAKES_IMAGE = ['image', 'create'];

/** A script for the shell to read. @throws `refused` for a shell that is not known. */
export function completionScript(shell: string, program: Command): string {
  const name = program.name();
  const flags = (command: Command) =>
    command.options.flatMap((option) => (option.long === undefined ? [] : [option.long]));
  const commands = program.commands.filter((command) => !command.name().startsWith('__'));
  const words = commands.map((command) => command.name());
  const cases = commands.map((command) => {
    const cnvms = TAKES_CNVM.includes(command.name()) ? ' $(cnvm __names 2>/dev/null)' : '';
    const nodes = TAKES_NODE.includes(command.name()) ? ' $(cnvm __nodes 2>/dev/null)' : '';
    const images = TAKES_IMAGE.includes(command.name()) ? ' $(cnvm __images 2>/dev/null)' : '';
    const below = command.commands.map((one) => one.name());
    const all = new Set([...below, ...[command, ...command.commands].flatMap(flags)]);
    return `    ${command.name()}) words="${[...all].join(' ')}${cnvms}${nodes}${images}" ;;`;
  });
  const top =
    words.length > 0
      ? words.join(' ')
      : `$(cnvm __names 2>/dev/null) $(cnvm __nodes 2>/dev/null) ${flags(program).join(' ')}`;
  const body = [
    `_${name}() {`,
    '  local current=${COMP_WORDS[COMP_CWORD]} words',
    words.length > 0 ? '  case ${COMP_CWORD}:${COMP_WORDS[1]} in' : '  case x in',
    words.length > 0 ? `    1:*) words="${top}" ;;` : `    *) words="${top}" ;;`,
    ...cases.map((line) => line.replace(/^( {4})/, '$1*:')),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    `complete -o default -F _${name} ${name}`,
    '',
  ];
  switch (shell) {
    case 'bash':
      return body.join('\n');
    case 'zsh':
      return ['autoload -U +X bashcompinit && bashcompinit', ...body].join('\n');
    case 'fish':
      return fishScript(name, commands, top, flags);
    default:
      throw refused('invalid', `no completion for "${shell}"; there is bash, zsh and fish`);
  }
}

function fishScript(
  name: string,
  commands: readonly Command[],
  top: string,
  flags: (command: Command) => string[],
): string {
  const first =
    commands.length > 0
      ? `-n __fish_use_subcommand -f -a '${top}'`
      : `-f -a '${top.replaceAll('$(', '(').replaceAll(' 2>/dev/null', '')}'`;
  const rest = commands.flatMap((command) => {
    const when = `-n '__fish_seen_subcommand_from ${command.name()}'`;
    const names = TAKES_CNVM.includes(command.name()) ? [`complete -c ${name} ${when} -f -a '(cnvm __names)'`] : [];
    const nodes = TAKES_NODE.includes(command.name()) ? [`complete -c ${name} ${when} -f -a '(cnvm __nodes)'`] : [];
    const images = TAKES_IMAGE.includes(command.name()) ? [`complete -c ${name} ${when} -f -a '(cnvm __images)'`] : [];
    const below = command.commands.map((one) => `complete -c ${name} ${when} -f -a '${one.name()}'`);
    const all = new Set([command, ...command.commands].flatMap(flags));
    return [
      ...names,
      ...nodes,
      ...images,
      ...below,
      ...[...all].map((flag) => `complete -c ${name} ${when} -l ${flag.slice(2)}`),
    ];
  });
  return [`complete -c ${name} ${first}`, ...rest, ''].join('\n');
}
