/** `cnvm pki`: who may come into a mesh. All but `show` and `publish` work on a directory, and need no daemon. */
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import { refused } from '../base/errors.js';
import { type CertificateFacts, fingerprintOf, parseCertificate } from '../pki/facts.js';
import { tokenText } from '../pki/join-token.js';
import { type IssuedRole, initPki, issueTo, listIssued, readAuthority, renewFor } from '../pki/pki-dir.js';
import { isRevoked, readOwnCrl, revokeSerials, revokeSubject } from '../pki/revoke.js';
import { openToken } from '../pki/token-store.js';
import { collect } from './arguments.js';
import { EXIT } from './exit-codes.js';
import { parseLifetime } from './lifetime.js';
import { addPkiMeshCommands } from './pki-mesh-commands.js';
import { addPkiRequestCommands } from './pki-request-commands.js';
import { addRolloverCommand } from './pki-rollover-command.js';
import { jsonText, table } from './text.js';

interface DirOptions {
  readonly dir: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly ttl?: number;
}

export function addPkiCommands(program: Command): void {
  const pki = program
    .command('pki')
    .description('certificates: make, renew, list and revoke them, and let new nodes join');
  const add = (usage: string, description: string, hidden = false) =>
    pki
      .command(usage, { hidden })
      .description(description)
      .addOption(new Option('--dir <dir>', "the CA's directory").env('CNVM_PKI').default('/etc/cnvm/pki'))
      .option('--json', 'print JSON');
  const force = '--force';
  add('init', 'make the CA').option(force, 'replace the one that is there, which ends its mesh').action(init);
  add('issue <role> <name>', 'make a certificate and its key; roles: node, operator, reader')
    .option('--ttl <time>', 'how long it lives, for example 12h or 90d (default 30d)', parseLifetime)
    .option(force, 'replace what is there')
    .action((role: string, name: string, options: DirOptions) => issueCommand(roleOf(role), name, options));
  for (const role of ['node', 'operator'] as const)
    add(`${role} <name>`, `the same as: issue ${role}`, true)
      .option(force, 'replace what is there')
      .action((name: string, options: DirOptions) => issueCommand(role, name, options));
  add('renew <role> <name>', 'make a new certificate and key in the place of those that are there')
    .option('--ttl <time>', 'how long it lives (default 30d)', parseLifetime)
    .action(async (role: string, name: string, options: DirOptions) =>
      report(await renewFor(options.dir, roleOf(role), name, options.ttl), options),
    );
  add('revoke [role] [name]', 'revoke all certificates of that name; a node here passes it on, from elsewhere: publish')
    .option('--serial <serial>', 'one certificate and what renews it, by its serial number', collect, [])
    .action(revoke);
  add('list', 'list the certificates that are known here; exit code 1 when one expires within a week').action(list);
  add('token', 'print a token that lets one new node join, where cnvmd has tls.caKey or "cnvm pki serve" runs')
    .option('--node <name>', 'for the node of this name alone')
    .option('--ttl <time>', 'how long it is open, up to 7d', parseLifetime, 3_600_000)
    .option('--address <host:port>', 'where the new node reaches this machine', `${hostname()}:7444`)
    .action(token);
  addPkiMeshCommands(pki, add);
  addPkiRequestCommands(add);
  addRolloverCommand(add);
}

const ROLES: readonly IssuedRole[] = ['node', 'operator', 'reader'];

function roleOf(text: string): IssuedRole {
  const role = ROLES.find((one) => one === text);
  if (role === undefined) throw refused('invalid', `"${text}" is no role; there are ${ROLES.join(', ')}`);
  return role;
}

async function init(options: DirOptions): Promise<void> {
  report(await initPki(options.dir, { force: options.force ?? false }), options);
}

async function issueCommand(role: IssuedRole, name: string, options: DirOptions): Promise<void> {
  const files = await issueTo(options.dir, role, name, { force: options.force ?? false, lifetimeMs: options.ttl });
  report(files, options);
}

function report(files: readonly string[], { json }: DirOptions): void {
  process.stdout.write(json ? `${jsonText({ files })}\n` : files.map((file) => `${file}\n`).join(''));
}

async function revoke(
  role: string | undefined,
  name: string | undefined,
  { dir, json, serial }: DirOptions & { serial: readonly string[] },
): Promise<void> {
  const bySerial = serial.length > 0;
  if (bySerial === (role !== undefined) || (role !== undefined && name === undefined))
    throw refused('invalid', 'say whom: cnvm pki revoke ROLE NAME, or --serial SERIAL');
  const { crl, serials } = bySerial
    ? { crl: await revokeSerials(dir, serial), serials: serial }
    : await revokeSubject(dir, { role: roleOf(role ?? ''), name: name ?? '' });
  if (json) process.stdout.write(`${jsonText({ number: crl.number, revoked: serials, file: `${dir}/ca.crl` })}\n`);
  else
    process.stdout.write(
      `revoked: ${serials.join(', ')}\nA cnvmd that uses ${dir} cuts it off now and tells its peers. If none does: cnvm pki publish --dir ${dir}\n`,
    );
}

const SOON_MS = 7 * 24 * 60 * 60 * 1000;

async function list({ dir, json }: DirOptions): Promise<void> {
  const now = Date.now();
  const crl = await readOwnCrl(dir);
  const stateOf = ({ notAfterMs, serial }: CertificateFacts) => {
    if (isRevoked(crl?.revoked ?? new Map(), serial)) return 'revoked';
    return notAfterMs <= now ? 'expired' : 'valid';
  };
  const all = (await listIssued(dir, now)).map((one) => ({
    role: one.subject?.role ?? 'nobody',
    name: one.subject?.name ?? '',
    state: stateOf(one),
    notAfter: new Date(one.notAfterMs).toISOString(),
    serial: one.serial,
  }));
  // Of each name the newest counts: those before it were renewed.
  const newest = all.filter(
    (one, at) => all.findIndex(({ role, name }) => role === one.role && name === one.name) === at,
  );
  if (newest.some(({ state, notAfter }) => state === 'valid' && Date.parse(notAfter) < now + SOON_MS))
    process.exitCode = EXIT.failed;
  if (json) process.stdout.write(`${jsonText(all)}\n`);
  else
    process.stdout.write(
      table(
        ['ROLE', 'NAME', 'STATE', 'UNTIL', 'SERIAL'],
        all.map(({ role, name, state, notAfter, serial }) => [role, name, state, notAfter, serial]),
      ),
    );
}

async function token(options: DirOptions & { node?: string; ttl: number; address: string }): Promise<void> {
  const { dir, json, node, ttl, address } = options;
  const { certificate } = await readAuthority(dir);
  const fingerprint = fingerprintOf(parseCertificate(certificate, `${dir}/ca.crt`));
  const text = tokenText({ ...(await openToken(dir, { node, ttlMs: ttl })), fingerprint, address });
  const expires = new Date(Date.now() + ttl).toISOString();
  if (json) process.stdout.write(`${jsonText({ token: text, expires, node })}\n`);
  else {
    process.stdout.write(`${text}\n`);
    process.stderr.write(`open until ${expires}, for one node; there: cnvm pki join --node ${node ?? 'NAME'}\n`);
  }
}
