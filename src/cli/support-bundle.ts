/**
 * `cnvm support-bundle`: what somebody needs to know to help, in one file. Invariant: no key, token or password is in it;
 * what cannot be had is said in it, and is no failure.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { messageOf } from '../base/errors.js';
import type { ListCnvmsResponse } from '../gen/cnvm/v1/cnvm.js';
import type { GetIdentityResponse } from '../gen/cnvm/v1/identity.js';
import type { ListImagesResponse } from '../gen/cnvm/v1/image.js';
import type { ListDoubtsResponse, ListMigrationsResponse } from '../gen/cnvm/v1/migration.js';
import type { ListNodesResponse } from '../gen/cnvm/v1/node.js';
import { run } from '../tools/run.js';
import { type CommonOptions, connected, version, withCommonOptions } from './common-options.js';
import { type Connection, call } from './connect.js';
import { diagnosisOf } from './doctor-command.js';
import { redactJson, redactText } from './redact.js';
import { jsonText } from './text.js';

interface BundleOptions extends CommonOptions {
  readonly out?: string;
  readonly config: string;
  readonly state: string;
  readonly log: string;
}

export function addSupportBundleCommand(program: Command): void {
  withCommonOptions(program.command('support-bundle'))
    .description('collect what somebody needs to know to help, without secrets, into one file')
    .option('--out <file>', 'where to (default: cnvm-support-NODE-TIME.tar.gz here)')
    .option('--config <file>', "the daemon's config", '/etc/cnvm/cnvmd.yaml')
    .option('--state <dir>', "the daemon's directory of records and journals", '/var/lib/cnvm')
    .option('--log <file>', "the daemon's log, where systemd does not keep it", '/var/log/cnvmd.log')
    .action(supportBundle);
}

async function supportBundle(options: BundleOptions): Promise<void> {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-').slice(0, 19);
  const name = `cnvm-support-${hostname().toLowerCase()}-${stamp}`;
  const target = options.out ?? `${name}.tar.gz`;
  const work = await mkdtemp(join(tmpdir(), 'cnvm-support-'));
  try {
    const directory = join(work, name);
    await mkdir(directory);
    const parts = { ...(await fromDaemon(options)), ...(await fromHost()), ...fromFiles(options) };
    for (const [file, text] of Object.entries(parts)) await writeFile(join(directory, file), text);
    // It is for whom it is given to, also while it is being written.
    await writeFile(target, '', { mode: 0o600 });
    await chmod(target, 0o600);
    await run(['tar', '--create', '--gzip', '--owner=0', '--group=0', '--file', target, '--directory', work, name]);
    const files = Object.keys(parts).sort();
    const words = `${target} has ${files.length} files; look into it before you give it away\n`;
    process.stdout.write(options.json ? `${jsonText({ file: target, files })}\n` : words);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Parts = Record<string, string>;
const MIGRATIONS_MAX = 200;

async function fromDaemon(options: CommonOptions): Promise<Parts> {
  const ask: Record<string, (at: Connection) => Promise<unknown>> = {
    'diagnosis.json': (at) => diagnosisOf(at, false),
    'nodes.json': (at) => call<ListNodesResponse>(at, (done) => at.nodes.listNodes({}, done)),
    'cnvms.json': (at) => call<ListCnvmsResponse>(at, (done) => at.cnvms.listCnvms({ all: true }, done)),
    'images.json': (at) => call<ListImagesResponse>(at, (done) => at.images.listImages({}, done)),
    'migrations.json': (at) =>
      call<ListMigrationsResponse>(at, (done) =>
        at.migrations.listMigrations({ name: '', limit: MIGRATIONS_MAX }, done),
      ),
    'doubts.json': (at) => call<ListDoubtsResponse>(at, (done) => at.migrations.listDoubts({ name: '' }, done)),
    'identity.json': async (at) => {
      const { identity } = await call<GetIdentityResponse>(at, (done) => at.identity.getIdentity({}, done));
      return { ...identity, crl: undefined };
    },
  };
  const parts: Parts = {};
  for (const [file, act] of Object.entries(ask))
    parts[file] = await orWhy(async () => jsonOf(await connected(options, act)));
  return parts;
}

const jsonOf = (value: unknown): string =>
  `${JSON.stringify(redactJson(JSON.parse(jsonText(value) ?? 'null')), null, 2)}\n`;

/** Recent enough to hold what went wrong, and small enough to send. */
const LOG_LINES = '5000';
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  'kernel.txt': ['uname', '-a'],
  'journal.txt': ['journalctl', '--unit', 'cnvmd', '--no-pager', '--lines', LOG_LINES],
  'unit.txt': ['systemctl', 'status', '--no-pager', '--lines', '0', 'cnvmd'],
  'criu.txt': ['criu', 'check'],
  'runc.txt': ['runc', '--version'],
  'links.txt': ['ip', '-details', 'address'],
  'routes.txt': ['ip', 'route', 'show', 'table', 'all'],
  'packet-filter.txt': ['nft', 'list', 'ruleset'],
  'mounts.txt': ['findmnt', '--raw'],
  'disks.txt': ['df', '-h'],
};

async function fromHost(): Promise<Parts> {
  const parts: Parts = { 'versions.txt': `cnvm ${version()}\nNode.js ${process.version}\n${osName()}\n` };
  for (const [file, argv] of Object.entries(PROGRAMS)) {
    parts[file] = await orWhy(async () => {
      const { stdout, stderr } = await run(argv, { accept: [1, 3, 4] });
      return redactText(`${stdout}\n${stderr}\n`);
    });
  }
  return parts;
}

const osName = () => (existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '');

/** Of a log in a file, its end. */
const LOG_BYTES = 2 * 1024 * 1024;

function fromFiles({ config, state, log }: BundleOptions): Parts {
  const parts: Parts = {
    'cnvmd.yaml': orWhySync(() => redactText(readFileSync(config, 'utf8'))),
    'log.txt': orWhySync(() => redactText(readFileSync(log).subarray(-LOG_BYTES).toString('utf8'))),
    'audit.log': orWhySync(() => redactText(readFileSync(join(state, 'audit.log'), 'utf8'))),
  };
  for (const kind of ['migrations', 'cnvms']) {
    for (const file of jsonFiles(join(state, kind)))
      parts[`${kind}-${basename(join(file, '..')) === kind ? basename(file) : `${basename(join(file, '..'))}.json`}`] =
        orWhySync(() => jsonOf(JSON.parse(readFileSync(file, 'utf8'))));
  }
  return parts;
}

/** Of a directory, and of those in it: records lie in one each. */
function jsonFiles(directory: string): string[] {
  try {
    return readdirSync(directory).flatMap((name) => {
      const path = join(directory, name);
      if (statSync(path).isDirectory()) return existsSync(join(path, 'record.json')) ? [join(path, 'record.json')] : [];
      return name.endsWith('.json') ? [path] : [];
    });
  } catch {
    return [];
  }
}

async function orWhy(act: () => Promise<string>): Promise<string> {
  return await act().catch((error: unknown) => `not to be had: ${redactText(messageOf(error))}\n`);
}

function orWhySync(act: () => string): string {
  try {
    return act();
  } catch (error) {
    return `not to be had: ${redactText(messageOf(error))}\n`;
  }
}
