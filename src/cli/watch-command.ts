/** `cnvm watch`: what happens anywhere in the mesh, line by line. Decides nothing. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { WatchKind } from '../gen/cnvm/v1/watch.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { type FollowedItem, followMesh } from './follow-mesh.js';
import { jsonText } from './text.js';
import { eventText, standingText } from './watch-text.js';

const KINDS = { member: WatchKind.MEMBER, cnvm: WatchKind.CNVM, migration: WatchKind.MIGRATION } as const;
type Kind = keyof typeof KINDS;

export function addWatchCommand(program: Command): void {
  withCommonOptions(program.command('watch [name]'))
    .description('what happens anywhere in the mesh, or to the cnvm or node of that name, until Ctrl-C')
    .addOption(
      new Option('--kind <kind>', 'only member, cnvm or migration; may be given more than once').argParser(addKind),
    )
    .action(watch);
}

/** @throws when there is no such kind. */
function addKind(text: string, before: Kind[] = []): Kind[] {
  if (Object.hasOwn(KINDS, text)) return [...before, text as Kind];
  throw new InvalidArgumentError(`There is ${Object.keys(KINDS).join(', ')}.`);
}

async function watch(name: string | undefined, options: CommonOptions & { kind?: Kind[] }): Promise<void> {
  const request = { kinds: (options.kind ?? []).map((kind) => KINDS[kind]), name: name ?? '' };
  await connected(options, async (connection) => {
    for await (const item of followMesh(connection, request)) {
      process.stdout.write(options.json ? `${jsonText(jsonOf(item))}\n` : textOf(item));
    }
  });
}

function jsonOf(item: FollowedItem): unknown {
  switch (item.kind) {
    case 'snapshot':
      return { snapshot: { time: item.time, ...item.mesh } };
    case 'lost':
      return { lost: item.count };
    case 'event': {
      const { time, type, subject, from } = item.event;
      const about = subject === undefined ? {} : { [subject.$case]: subject.value };
      return { event: { time, type, ...about, ...(from === '' ? {} : { from }) } };
    }
  }
}

function textOf(item: FollowedItem): string {
  if (item.kind === 'snapshot') return standingText(item.mesh);
  if (item.kind === 'lost') return `${item.count} events were lost, as they were read too slowly; it stands so now:\n`;
  const text = eventText(item.event);
  return text === undefined ? '' : `${text}\n`;
}
