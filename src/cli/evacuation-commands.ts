/** `cnvm evacuate cordon uncordon`: empties a node, and keeps new work from it. */
import type { Command } from 'commander';
import type { CordonResponse, EvacuationEvent, UncordonResponse } from '../gen/cnvm/v1/evacuation.js';
import { collect, parseCount, parseDuration } from './arguments.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { call } from './connect.js';
import { evacuationText } from './evacuation-text.js';
import { followEvacuation } from './follow-evacuation.js';
import { jsonText } from './text.js';

export function addEvacuationCommands(program: Command): void {
  const add = (usage: string, description: string) =>
    withCommonOptions(program.command(usage)).description(description);
  add(
    'evacuate [node]',
    'move every cnvm off a node, by default this one, and keep new work from it; exit code 1 when some stayed',
  )
    .option('--to <node>', 'only to this peer; may be given more than once', collect, [])
    .option('--parallel <n>', "moves at once (default: the node's config says it, 2)", parseCount)
    .option('--deadline <time>', "no new move begins after it (default: the node's config says it, 10m)", parseDuration)
    .option('--dry-run', 'only say where each would go; exit code 2 when some would stay')
    .option('--reason <text>', 'why, for people')
    .option('--follow', 'begin nothing; only follow the one that runs')
    .action(evacuate);
  add('cordon [node]', 'keep new work from a node, by default this one; what runs there runs on')
    .option('--reason <text>', 'why, for people')
    .action(cordon);
  add('uncordon [node]', 'let new work come to a node again')
    .option('--if-reason <text>', 'only when it was cordoned for this')
    .action(uncordon);
}

interface EvacuateOptions extends CommonOptions {
  readonly to: string[];
  readonly parallel?: number;
  readonly deadline?: number;
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly follow?: boolean;
}

async function evacuate(node: string | undefined, options: EvacuateOptions): Promise<void> {
  const { to, parallel = 0, deadline = 0, dryRun = false, reason = '', follow: followOnly = false, json } = options;
  const request = { node: node ?? '', to, parallel, deadlineMs: deadline, dryRun, reason, followOnly };
  const show = (event: EvacuationEvent) =>
    void process.stdout.write(json ? `${jsonText(eventJson(event))}\n` : evacuationText(event));
  const say = (line: string) => void process.stderr.write(`\n[o] ${line}\n`);
  process.exitCode = await connected(options, (at) => followEvacuation(at, request, { show, say }));
}

function eventJson({ event }: EvacuationEvent): unknown {
  return event === undefined ? {} : { event: event.$case, [event.$case]: event.value };
}

async function cordon(node: string | undefined, options: CommonOptions & { reason?: string }): Promise<void> {
  const request = { node: node ?? '', reason: options.reason ?? '' };
  const answer = await connected(options, (connection) =>
    call<CordonResponse>(connection, (done) => connection.evacuations.cordon(request, done)),
  );
  process.stdout.write(options.json ? `${jsonText(answer)}\n` : `${answer.node} takes no new work: ${answer.reason}\n`);
}

async function uncordon(node: string | undefined, options: CommonOptions & { ifReason?: string }): Promise<void> {
  const request = { node: node ?? '', ifReason: options.ifReason ?? '' };
  const answer = await connected(options, (connection) =>
    call<UncordonResponse>(connection, (done) => connection.evacuations.uncordon(request, done)),
  );
  const words = answer.lifted ? 'takes new work again' : 'is as it was: it was not cordoned, or for another reason';
  process.stdout.write(options.json ? `${jsonText(answer)}\n` : `${answer.node} ${words}\n`);
}
