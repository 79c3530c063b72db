/** `cnvm pki rollover`: a new CA in the place of the old one, in three steps, between which files are brought to the nodes. */
import type { Command } from 'commander';
import { refused } from '../base/errors.js';
import { beginRollover, finishRollover, switchRollover } from '../pki/rollover.js';
import { jsonText } from './text.js';

interface RolloverOptions {
  readonly dir: string;
  readonly json?: boolean;
  readonly force?: boolean;
}

interface Step {
  readonly act: (options: RolloverOptions) => Promise<string>;
  /** What comes next, for people. */
  readonly next: string;
}

const STEPS: Readonly<Record<string, Step>> = {
  begin: {
    act: ({ dir }) => beginRollover(dir),
    next: 'when "cnvm pki show" says on every node that it believes both: cnvm pki rollover switch',
  },
  switch: {
    act: ({ dir }) => switchRollover(dir),
    next: 'then nodes renew themselves where a node holds the CA; operators and readers: cnvm pki renew. At last: cnvm pki rollover finish',
  },
  finish: { act: ({ dir, force }) => finishRollover(dir, { force: force ?? false }), next: 'that was the last step' },
};

/** @param add one that works on a directory. */
export function addRolloverCommand(add: (usage: string, description: string) => Command): void {
  add('rollover <step>', 'put a new CA in the place of the old one, while the mesh runs; steps: begin, switch, finish')
    .option('--force', 'finish although somebody still has a certificate of the old CA alone')
    .action(rollover);
}

async function rollover(name: string, options: RolloverOptions): Promise<void> {
  const step = Object.hasOwn(STEPS, name) ? STEPS[name] : undefined;
  if (step === undefined) throw refused('invalid', `"${name}" is no step; there are ${Object.keys(STEPS).join(', ')}`);
  const file = await step.act(options);
  process.stdout.write(options.json ? `${jsonText({ step: name, files: [file] })}\n` : `${file}\n`);
  if (!options.json)
    process.stderr.write(`bring it to every node as its ca.crt: its daemon takes it at once; ${step.next}\n`);
}
