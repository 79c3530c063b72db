/** What the tests on real hosts share: one lab for all of them, and what must be left behind: nothing. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTestLab } from '../support/test-lab.js';

export const NAME = 'sneaker01.gonkulator.io';
export const ADDRESS = '10.100.101.111';
export const { lab, nodes: NODES } = openTestLab();

export interface CnvmJson {
  readonly name: string;
  readonly state: string;
  readonly owner: string;
  readonly epoch: number;
  readonly address: string;
  readonly pid: number;
  readonly uidBase: number;
  readonly directory: string;
}

export interface MigrationJson {
  readonly outcome: string;
  readonly error: string;
  readonly location: string;
  readonly freezeMs: number;
  readonly epoch: number;
}

const SSH = [
  '-o',
  'StrictHostKeyChecking=no',
  '-o',
  'UserKnownHostsFile=/dev/null',
  '-o',
  'LogLevel=ERROR',
  '-o',
  `ConnectTimeout=${5 * lab.slowness}`,
];

/** Runs a command in a cnvm as its user, by ssh with a password. */
export async function ssh(from: string, command: string, input = '', address = ADDRESS): Promise<string> {
  return await lab.must(from, ['sshpass', '-p', 'password', 'ssh', ...SSH, `user@${address}`, command], input);
}

/** Afterwards sshd in it answers. */
export async function waitForSsh(from: string, address = ADDRESS): Promise<void> {
  await eventually(
    `sshd at ${address}`,
    async () => (await lab.run(from, ['nc', '-z', '-w', String(lab.slowness), address, '22'])).code === 0,
  );
}

export async function eventually(
  what: string,
  holds: () => Promise<boolean>,
  withinMs = 15_000,
  everyMs = 100,
): Promise<void> {
  const deadline = Date.now() + withinMs * lab.slowness;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come about in ${withinMs} ms`);
    await sleep(everyMs);
  }
}

export async function create(node: string, ...options: string[]): Promise<CnvmJson> {
  const made = await lab.json<CnvmJson>(node, 'cnvm', 'create', NAME, ...options);
  await waitForSsh(node, made.address);
  return made;
}

/** Teleports and gives the last word, whatever it is, with the exit code. */
export async function teleport(
  from: string,
  to: string,
  ...options: string[]
): Promise<{ code: number; ended: MigrationJson; stderr: string }> {
  const { stdout, stderr, code } = await lab.run(from, ['teleport', '--json', ...options, NAME, to]);
  const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as {
    ended?: MigrationJson;
    error?: { message: string; code: string };
  };
  const none = {
    outcome: last.error?.code ?? '',
    error: last.error?.message ?? '',
    location: '',
    freezeMs: 0,
    epoch: 0,
  };
  return { code, ended: last.ended ?? none, stderr };
}

export async function mustTeleport(from: string, to: string, ...options: string[]): Promise<MigrationJson> {
  const { code, ended, stderr } = await teleport(from, to, ...options);
  assert.equal(code, 0, `${ended.error}\n${stderr}`);
  return ended;
}

/** Where the cnvm is by everybody's word; they must agree, soon: news takes a moment to be told. */
export async function whereIs(name = NAME): Promise<string> {
  const deadline = Date.now() + 2_000 * lab.slowness;
  for (;;) {
    const owners = new Set(await Promise.all(NODES.map((node) => ownerBy(node, name))));
    if (owners.size === 1 || Date.now() > deadline) return [...owners].join(' and ');
    await sleep(100);
  }
}

async function ownerBy(node: string, name: string): Promise<string> {
  const all = await lab.json<CnvmJson[]>(node, 'cnvm', 'ls', '--all');
  return all.find((cnvm) => cnvm.name === name)?.owner ?? 'nobody';
}

/** Makes a program of a node fail, or do something else first. Undone by `mend`. */
export async function sabotage(node: string, program: string, script: string): Promise<void> {
  const path = `/usr/local/sbin/${program}`;
  await lab.must(node, ['sh', '-c', `cat > ${path} && chmod 755 ${path}`], `#!/bin/sh\n${script}\n`);
}

export async function mend(node: string, ...programs: string[]): Promise<void> {
  await lab.must(node, ['rm', '-f', ...programs.map((program) => `/usr/local/sbin/${program}`)]);
}

/** Removes every cnvm, wherever it is. */
export async function removeAll(): Promise<void> {
  const removeOn = async (node: string) => {
    for (const { name } of await lab.json<CnvmJson[]>(node, 'cnvm', 'ls'))
      await lab.must(node, ['cnvm', 'rm', '--force', name]);
  };
  await Promise.all(NODES.map(removeOn));
}

/** What a node without cnvms still has of them, one a line. */
export async function residueOf(node: string): Promise<string> {
  const script = `
    awk '$5 ~ "^/run/cnvm/|^/home/cnvm/"' /proc/self/mountinfo
    ip -o link | grep -o ' cn[0-9a-f]*@'
    nft list tables | grep CRIU
    nft list set inet cnvm closed | grep elements
    find /run/cnvm/lower /run/cnvm/hold /run/cnvm/criu /run/cnvm/migrations /run/cnvm/runc -xdev -mindepth 1 2>/dev/null
    find /home/cnvm/sneakers /var/lib/cnvm/cnvms /var/lib/cnvm/bundles -mindepth 1 2>/dev/null
    find /sys/fs/cgroup -path "*/cnvm-$LAB/$NODE/*" -type d
    ps -eo args | grep -E '^(criu|rsync|socat|runc|/bin/sh .*hold.sh)'
    true`;
  return (await lab.must(node, ['env', `LAB=${lab.name}`, `NODE=${node}`, 'sh', '-c', script])).trim();
}

/** Asserts that nothing of any cnvm is left anywhere; it may take a moment to go. */
export async function assertNoResidue(): Promise<void> {
  await Promise.all(
    NODES.map(async (node) => {
      const deadline = Date.now() + 5_000 * lab.slowness;
      let left = await residueOf(node);
      while (left !== '' && Date.now() < deadline) {
        await sleep(200);
        left = await residueOf(node);
      }
      assert.equal(left, '', `left on ${node}`);
    }),
  );
}
