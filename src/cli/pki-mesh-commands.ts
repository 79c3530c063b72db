/** `cnvm pki show publish serve join`: what asks a daemon, waits for newcomers, or makes this machine a node. */
import { access, chmod, constants, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { pino } from 'pino';
import { writeFileAtomic } from '../base/atomic-file.js';
import { messageOf, refused } from '../base/errors.js';
import type { GetIdentityResponse, PublishRevocationsResponse } from '../gen/cnvm/v1/identity.js';
import { crlText, readCrl } from '../pki/crl.js';
import { readIdentity } from '../pki/identity.js';
import { looksLikeToken, parseToken } from '../pki/join-token.js';
import { demandName } from '../pki/pki-dir.js';
import { replacePair } from '../pki/replace-pair.js';
import { makeRequest } from '../pki/request.js';
import { addRevoked, readOwnCrl } from '../pki/revoke.js';
import { countOpen } from '../pki/token-store.js';
import { join as joinMesh } from '../rpc/join.js';
import { openJoinDoor } from '../rpc/join-door.js';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import { call } from './connect.js';
import { jsonText } from './text.js';

type Add = (usage: string, description: string) => Command;

interface DirOptions {
  readonly dir: string;
  readonly json?: boolean;
}

/** @param add one that works on a directory. */
export function addPkiMeshCommands(pki: Command, add: Add): void {
  withCommonOptions(pki.command('show'))
    .description("a node's certificate as its daemon uses it, and what the mesh has revoked")
    .action(show);
  withCommonOptions(pki.command('publish'))
    .description("hand a directory's list of what is revoked to a node, which cuts it off and tells its peers")
    .requiredOption('--dir <dir>', "the CA's directory")
    .action(publish);
  add('serve', "let new nodes join by this machine's CA, where no cnvmd does; ends when no token is open any more")
    .option('--listen <host:port>', 'where', '0.0.0.0:7444')
    .action(serve);
  add(
    'join [token-file]',
    'become a node of the mesh that a token is for; the token comes from the file or standard input',
  )
    .requiredOption('--node <name>', 'what this node is called')
    .option('--force', 'replace the certificate that is there')
    .action(joinCommand);
}

async function identityAt(options: CommonOptions) {
  const { identity } = await connected(options, (connection) =>
    call<GetIdentityResponse>(connection, (done) => connection.identity.getIdentity({}, done)),
  );
  if (identity === undefined) throw refused('unavailable', 'the daemon says nothing of its identity');
  return identity;
}

async function show(options: CommonOptions): Promise<void> {
  const { crl: _, ...identity } = await identityAt(options);
  if (options.json) {
    process.stdout.write(`${jsonText(identity)}\n`);
    return;
  }
  const { node, serial, notAfter, caFingerprint, holdsCa, crlNumber, revoked, believedCas } = identity;
  const others = believedCas.filter((one) => one !== caFingerprint);
  process.stdout.write(`node     ${node}\nserial   ${serial}\nuntil    ${notAfter?.toISOString() ?? '?'}\n`);
  process.stdout.write(`CA       ${caFingerprint}${holdsCa ? ', whose key is here' : ''}\n`);
  for (const other of others) process.stdout.write(`and      ${other}, which it believes, too\n`);
  process.stdout.write(`revoked  ${revoked.join(', ') || 'nothing'} (list ${crlNumber})\n`);
}

async function publish(options: CommonOptions & { dir: string }): Promise<void> {
  const theirs = await identityAt(options);
  const ca = await readFile(join(options.dir, 'ca.crt'), 'utf8').catch(() => '');
  if (ca === '')
    throw refused('not-found', `${options.dir} holds no CA`, { remedy: "Name the CA's directory with --dir." });
  // What the mesh has revoked meanwhile stays so.
  if (theirs.crl.length > 0) {
    const { revoked, number } = await readCrl(theirs.crl, ca);
    const ours = await readOwnCrl(options.dir);
    if (number >= (ours?.number ?? 0))
      await addRevoked(options.dir, new Map([...revoked, ...(ours?.revoked ?? [])]), number);
  }
  const crl = await readOwnCrl(options.dir);
  if (crl === undefined) throw refused('not-found', 'nothing is revoked yet', { remedy: 'cnvm pki revoke ROLE NAME' });
  const { crlNumber } = await connected(options, (connection) =>
    call<PublishRevocationsResponse>(connection, (done) =>
      connection.identity.publishRevocations({ crl: crl.der }, done),
    ),
  );
  if (options.json) process.stdout.write(`${jsonText({ node: theirs.node, number: crlNumber })}\n`);
  else process.stdout.write(`${theirs.node} has list ${crlNumber}, and tells its peers\n`);
}

/** A newcomer that has used the last token still waits for its answer. */
const LINGER_MS = 2_000;
const LOOK_EVERY_MS = 500;

async function serve({ dir, json, listen }: DirOptions & { listen: string }): Promise<void> {
  if ((await countOpen(dir, Date.now())) === 0)
    throw refused('state', 'there is no open token', { remedy: 'Make one first: cnvm pki token.' });
  const door = await openJoinDoor({ directory: dir, listen, log: pino({ level: 'silent' }) });
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  process.stdout.write(json ? `${jsonText({ port: door.port })}\n` : `new nodes can join at port ${door.port}\n`);
  const wait = (ms: number) => sleep(ms, undefined, { signal: ended.signal }).catch(() => undefined);
  while (!ended.signal.aborted && (await countOpen(dir, Date.now())) > 0) await wait(LOOK_EVERY_MS);
  await wait(LINGER_MS);
  door.close();
}

async function joinCommand(
  file: string | undefined,
  { dir, json, node, force }: DirOptions & { node: string; force?: boolean },
): Promise<void> {
  demandName(node);
  if (file !== undefined && looksLikeToken(file))
    throw refused('invalid', 'a token on the command line can be read by everybody on this machine', {
      remedy: 'Give it on standard input, or name a file; and ask for a new one: this one has been seen.',
    });
  const files = { ca: join(dir, 'ca.crt'), cert: join(dir, 'node.crt'), key: join(dir, 'node.key') };
  if (!force && (await exists(files.cert)))
    throw refused('exists', `${files.cert} exists: this machine is a node already`, {
      remedy: 'Give --force to replace it.',
    });
  if (file === undefined && process.stdin.isTTY) process.stderr.write('the token, and Ctrl-D: ');
  const token = parseToken(file === undefined ? await readAll(process.stdin) : await readFile(file, 'utf8'));
  // First: a token is good once, and of a certificate that cannot be kept nobody has anything.
  await makeWritable(dir);
  const { request, key } = await makeRequest();
  const joined = await joinMesh(token, node, request);
  await writeFileAtomic(files.ca, `${joined.ca.trim()}\n`, 0o644);
  if (joined.crl.length > 0)
    await writeFileAtomic(join(dir, 'ca.crl'), crlText(await readCrl(joined.crl, joined.ca)), 0o644);
  await replacePair(files, { certificate: joined.certificate, key });
  const { notAfterMs, serial } = readIdentity(files, node);
  const written = Object.values(files);
  const notAfter = new Date(notAfterMs).toISOString();
  if (json) process.stdout.write(`${jsonText({ node, serial, notAfter, files: written })}\n`);
  else
    process.stdout.write(
      `${written.map((one) => `${one}\n`).join('')}${node} is a node of the mesh until ${notAfter}\n`,
    );
}

/** Afterwards it is there, closed to others. @throws `refused` when nothing can be written there. */
async function makeWritable(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
    await access(directory, constants.W_OK);
  } catch (error) {
    throw refused('invalid', `cannot write to ${directory}: ${messageOf(error)}`, {
      remedy: 'The token was shown to nobody and is still good: try again as root, or with another --dir.',
      cause: error,
    });
  }
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
