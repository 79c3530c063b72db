/** `cnvm pki request sign`: a node's certificate from a CA that no network leads to; the node's key stays where it is. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { writeFileAtomic } from '../base/atomic-file.js';
import { readRequestText, requestFor, signRequest } from '../pki/request-files.js';
import { parseLifetime } from './lifetime.js';
import { jsonText } from './text.js';

interface DirOptions {
  readonly dir: string;
  readonly json?: boolean;
}

/** @param add one that works on a directory. */
export function addPkiRequestCommands(add: (usage: string, description: string) => Command): void {
  add('request', "make a key that stays here, and a request to have it signed where the CA's key is").action(request);
  add('sign <node> [request-file]', "sign a node's request, from a file or standard input")
    .option('--out <file>', 'write the certificate there (default: nodes/NAME.crt in the directory)')
    .option('--ttl <time>', 'how long it lives, for example 12h or 90d (default 30d)', parseLifetime)
    .action(signCommand);
}

async function request({ dir, json }: DirOptions): Promise<void> {
  const files = await requestFor(dir);
  process.stdout.write(json ? `${jsonText(files)}\n` : `${files.request}\n`);
  if (!json)
    process.stderr.write(
      `bring it to the CA: cnvm pki sign NODE ${files.request}; then put the certificate into ${join(dir, 'node.crt')}\n`,
    );
}

async function signCommand(
  name: string,
  file: string | undefined,
  { dir, json, out, ttl }: DirOptions & { out?: string; ttl?: number },
): Promise<void> {
  const text = file === undefined ? await readAll(process.stdin) : await readRequestText(file);
  const certificate = await signRequest(dir, text, { role: 'node', name, lifetimeMs: ttl });
  const target = out ?? join(dir, 'nodes', `${name}.crt`);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await writeFileAtomic(target, `${certificate}\n`, 0o644);
  process.stdout.write(json ? `${jsonText({ files: [target] })}\n` : `${target}\n`);
}
