/** What a new user has and does: a key, hosts, the deployer, and logins. In a lab of bare machines. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Lab } from '../../scripts/lib/lab.js';
import { openTerminal } from '../support/terminal.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Hundreds of steps on machines that are emulated by two processors. */
export const DEPLOY_MS = 60 * 60_000;
/** One thing that is typed, on such a machine, and its answer. */
const ANSWER_MS = 10 * 60_000;
/** Emulated time is slow: what calls a thing off waits longer, as on the other machines of the lab. */
const SLOW = '{"cnvm_config":{"limits":{"patience":20,"stall":300,"restore":900}}}';

export interface Ended {
  readonly code: number;
  readonly output: string;
}

export type NewUser = Awaited<ReturnType<typeof openNewUser>>;

/**
 * Afterwards there is all that the deployer needs but the machines. @param show whether what it says goes to our standard
 * error. @param keep whether all of it stays for another run with the same machines, which then finds their package.
 */
export async function openNewUser(lab: Lab, show: boolean, keep: boolean) {
  const directory = keep ? join(tmpdir(), `cnvm-deploy-kept-${lab.name}`) : mkdtempSync(join(tmpdir(), 'cnvm-deploy-'));
  const vmlab = (...argv: string[]) => ['--name', lab.name, ...argv];
  mkdirSync(join(directory, 'keys'), { recursive: true });
  const packageFile = join(directory, 'cnvm.deb');
  if (!existsSync(packageFile)) {
    const packed = await execa(join(ROOT, 'scripts/package'), [directory], { stdin: 'ignore' });
    copyFileSync(packed.stdout.trim(), packageFile);
  }
  await execa('bash', ['-ec', '. scripts/lib/deployer.sh; deployer_root; base_image'], { cwd: ROOT });

  const addresses = new Map<string, string>();

  return {
    /** Of each machine, by its name. */
    addresses: addresses as ReadonlyMap<string, string>,
    /** Where the deployer's key and package lie. */
    directory,
    /** Takes the key of the machines that are up, and where each of these is. */
    async meet(nodes: readonly string[]): Promise<void> {
      const key = `/var/lib/cnvm-vmlab/${lab.name}/ssh/user`;
      copyFileSync(key, join(directory, 'keys/priv'));
      copyFileSync(`${key}.pub`, join(directory, 'keys/pub'));
      for (const node of nodes) {
        const shown = await lab.must(node, ['ip', '-4', '-oneline', 'address', 'show', 'dev', 'eth0']);
        const address = /inet ([\d.]+)/.exec(shown)?.[1];
        if (address === undefined) throw new Error(`${node} has no address: ${shown}`);
        addresses.set(node, address);
      }
    },
    /** Runs the deployment container's entry with all machines of the lab. @param more words for Ansible. */
    async deployer(action: 'deploy' | 'check' | 'uninstall', more = ''): Promise<Ended> {
      const nodes = [...addresses.values()].join();
      const argv = vmlab('exec', 'outside', '--', join(ROOT, 'scripts/lib/run-deployer'), directory, action);
      const env = { NODES: nodes, ANSIBLE_ARGS: `-e ${SLOW} ${more}` };
      const running = execa(join(ROOT, 'scripts/vmlab'), argv, { reject: false, all: true, timeout: DEPLOY_MS, env });
      if (show) running.all.on('data', (chunk: Buffer) => process.stderr.write(chunk));
      const result = await running;
      return { code: result.exitCode ?? -1, output: result.all };
    },
    /** A login as "cnvm" with the key that deployed, as somebody types it. */
    login(node: string) {
      const known = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
      const options = [...known, 'ServerAliveInterval=15', 'ServerAliveCountMax=40'].flatMap((one) => ['-o', one]);
      const to = `cnvm@${addresses.get(node)}`;
      const ssh = ['env', 'TERM=dumb', 'ssh', '-F', 'none', '-tt', ...options, '-i', join(directory, 'keys/priv'), to];
      return openTerminal(join(ROOT, 'scripts/vmlab'), vmlab('exec', 'outside', '--', ...ssh), ANSWER_MS);
    },
    /** From here on there is a newer package to deploy: the same program, which says another version. */
    async bringVersion(version: string): Promise<void> {
      const root = join(directory, 'next');
      await execa('dpkg-deb', ['--raw-extract', packageFile, root]);
      for (const [path, was] of [
        ['DEBIAN/control', /(?<=^Version: ).*$/m],
        ['usr/lib/cnvm/package.json', /(?<="version": ")[^"]*/],
      ] as const) {
        const whole = join(root, path);
        writeFileSync(whole, readFileSync(whole, 'utf8').replace(was, version));
      }
      await execa('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', root, packageFile]);
      rmSync(root, { recursive: true });
    },
    remove(): void {
      if (!keep) rmSync(directory, { recursive: true, force: true });
    },
  };
}
