/** The lab, for programs: brings nodes up and down, and runs commands in them. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** What a node of a lab is: namespaces of this machine, or an emulated machine of its own. */
export type LabKind = 'namespaces' | 'machines';

const MINUTE_MS = 60_000;

/** `upMs`: the first time, roots and disks are built; a busy machine takes its time. */
const KINDS = {
  namespaces: { script: '../lab', slowness: 1, upMs: 15 * MINUTE_MS },
  /** Emulated processors are 10 to 20 times slower, and there are more of them than real ones. */
  machines: { script: '../vmlab', slowness: 15, upMs: 45 * MINUTE_MS },
} as const;

/** What the lab keeps on the machine's disk: a directory a lab, in it the id of each node's first process. */
const STATE = '/var/lib/cnvm-lab';
const COMMAND_TIMEOUT_MS = 120_000;

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export type Lab = ReturnType<typeof openLab>;

/**
 * @param show whether what the lab says of its progress goes to our standard error.
 * @param slowness multiplies how long a command may take; by its kind without it.
 */
export function openLab(
  name: string,
  show: boolean,
  kind: LabKind = 'namespaces',
  slowness: number = KINDS[kind].slowness,
) {
  const { script, upMs } = KINDS[kind];
  const program = fileURLToPath(new URL(script, import.meta.url));
  const timeout = COMMAND_TIMEOUT_MS * slowness;
  const lab = async (args: readonly string[], detached = false): Promise<void> => {
    const stderr = show ? 'inherit' : 'pipe';
    const options = { stdin: 'ignore', stdout: 'ignore', stderr, timeout: upMs, detached } as const;
    await execa(program, ['--name', name, ...args], options);
  };
  const argv = (node: string, command: readonly string[]) => ['--name', name, 'exec', node, '--', ...command];

  return {
    name,
    /** By which every time limit of who uses this lab is to be multiplied. */
    slowness,
    /** What "up" may take. */
    upMs,
    up: (nodes: number, ...more: string[]) => lab(['up', '--nodes', String(nodes), ...more]),
    /** Detached, so that another Ctrl-C of somebody in a hurry does not leave half of the lab behind. */
    down: () => lab(['down'], true),

    /** Where the files of a node that is up are found from here; of namespaces alone. */
    rootOf: (node: string): string =>
      `/proc/${readFileSync(`${STATE}/${name}/${node}.pid`, 'utf8').split(' ')[0]}/root`,

    /** Runs a command in a node, whatever its exit code. */
    async run(node: string, command: readonly string[], input: string | Uint8Array = ''): Promise<Output> {
      const result = await execa(program, argv(node, command), { reject: false, input, timeout });
      return { stdout: result.stdout, stderr: result.stderr, code: result.exitCode ?? -1 };
    },

    /** Its standard output. @throws with everything it said when it fails. */
    async must(node: string, command: readonly string[], input: string | Uint8Array = ''): Promise<string> {
      const { stdout, stderr, code } = await this.run(node, command, input);
      if (code === 0) return stdout;
      throw new Error(`${node}: ${command.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`);
    },

    /** The JSON that a command of ours prints. */
    async json<T>(node: string, ...command: string[]): Promise<T> {
      return JSON.parse(await this.must(node, [...command, '--json'])) as T;
    },

    /** A command that goes on; its input and output are pipes. */
    start(node: string, command: readonly string[]) {
      return spawn(program, argv(node, command), { stdio: ['pipe', 'pipe', 'pipe'] });
    },
  };
}
