/** An interactive ssh session with a password, held open: what is typed, and what comes back. */
import { once } from 'node:events';
import type { Lab } from './lab.js';

/** No command of ours takes long; a frozen machine answers when it runs again. */
const ANSWER_MS = 20_000;

/** Logs in as user/password. @throws when that does not work. */
export async function openShell(lab: Lab, node: string, address: string) {
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    `ConnectTimeout=${10 * lab.slowness}`,
  ];
  const ssh = ['ssh', '-tt', ...options.flatMap((option) => ['-o', option]), `user@${address}`];
  const child = lab.start(node, ['sshpass', '-p', 'password', ...ssh]);
  let text = '';
  let arrived: () => void = () => undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    arrived();
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  let ended = false;
  // Not on "exit": why it ended may still be on its way through the pipe.
  child.on('close', (code, signal) => {
    complaint += ` (${code ?? signal})`;
    ended = true;
    arrived();
  });
  let count = 0;

  async function until(marker: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + ANSWER_MS * lab.slowness;
    for (;;) {
      const match = marker.exec(text);
      if (match !== null) return match;
      if (ended) throw new Error(`the ssh session has ended: ${complaint} ${text.slice(-300)}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`the ssh session does not answer: ${text.slice(-300)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  const session = {
    /** Types a line in the one shell of this session. @returns what it printed. */
    async type(line: string): Promise<string> {
      count += 1;
      const mark = `done-${count}`;
      text = '';
      // The marker is typed in two parts, so that the terminal's echo of it does not look like the answer.
      child.stdin.write(`${line}; echo "${mark.slice(0, 5)}""${mark.slice(5)}"\n`);
      await until(new RegExp(`^${mark}\\r?$`, 'm'));
      const lines = text.split(/\r?\n/);
      const end = lines.indexOf(mark);
      return lines
        .slice(0, end)
        .filter((candidate) => !candidate.includes('echo "done-'))
        .join('\n')
        .trim();
    },
    get alive(): boolean {
      return !ended;
    },
    async close(): Promise<void> {
      if (ended) return;
      const exited = once(child, 'close');
      child.stdin.end('exit\n');
      const timer = setTimeout(() => child.kill('SIGKILL'), 3_000 * lab.slowness);
      await exited;
      clearTimeout(timer);
    },
  };
  await until(/[$#] /);
  await session.type("PS1=; stty -echo; bind 'set enable-bracketed-paste off'");
  return session;
}
