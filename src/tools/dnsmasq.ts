/**
 * dnsmasq: a small resolver that knows the names of a file of ours, and asks the node's own resolvers for all others.
 * Invariant: one is ours when it runs on the config of ours; no other is ever touched.
 */
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../base/atomic-file.js';
import { OWNER_VARIABLE } from './orphans.js';
import { run } from './run.js';

export interface DnsmasqOptions {
  /** Ours alone. */
  readonly directory: string;
  /** The one address that it listens on. */
  readonly listen: string;
}

/**
 * It says what it has to say on its error output, which is nowhere: a file, even the node's /dev/null, it would give to its user.
 * What is not in our file and has no dot is nobody's outside. An answer from the file may be kept by nobody: a name may be
 * another cnvm's in a moment.
 */
function configOf({ directory, listen }: DnsmasqOptions): string {
  return `port=53
listen-address=${listen}
bind-interfaces
no-hosts
addn-hosts=${join(directory, 'hosts')}
local-ttl=0
no-negcache
domain-needed
bogus-priv
user=nobody
group=nogroup
pid-file=${pidFile(directory)}
log-facility=-
`;
}

const pidFile = (directory: string) => join(directory, 'dnsmasq.pid');
const configFile = (directory: string) => join(directory, 'dnsmasq.conf');

/** Afterwards it answers with these names, and goes on whatever becomes of us. @throws `tool` when it cannot be started. */
export async function serveNames(options: DnsmasqOptions, hosts: string): Promise<void> {
  const { directory } = options;
  await mkdir(directory, { recursive: true });
  // It reads as nobody, once it has let go of root.
  await chmod(directory, 0o755);
  const file = join(directory, 'hosts');
  const same = existsSync(file) && readFileSync(file, 'utf8') === hosts;
  if (!same) await writeFileAtomic(file, hosts, 0o644);
  const pid = runningPid(directory);
  if (pid === undefined) {
    await writeFileAtomic(configFile(directory), configOf(options), 0o644);
    await run(['dnsmasq', `--conf-file=${configFile(directory)}`], { env: { [OWNER_VARIABLE]: '' }, silent: true });
  } else if (!same) {
    process.kill(pid, 'SIGHUP');
  }
}

/** Its id if it runs, by its own word and by what the kernel says of that process. */
function runningPid(directory: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile(directory), 'utf8').trim());
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return argv.includes(`--conf-file=${configFile(directory)}`) ? pid : undefined;
  } catch {
    return undefined;
  }
}
