/** A terminal that somebody sits at: what is to be seen on it, and what is typed then. */
import { spawn } from 'node:child_process';

/** Colours, titles and their like, which are no words. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals send
const CONTROL = /\u001b(\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007)|\r/g;

export type Terminal = ReturnType<typeof openTerminal>;

/** Starts a program that makes a terminal of its own where it goes, as "ssh -tt" does. */
export function openTerminal(program: string, argv: readonly string[], patienceMs: number) {
  const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  let whole = '';
  let ended = false;
  let arrived: () => void = () => undefined;
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    whole += chunk.toString();
    arrived();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  // What is typed after its end is lost, and is seen not to be answered.
  child.stdin.on('error', () => undefined);
  child.on('close', () => {
    ended = true;
    arrived();
  });
  const changed = (leftMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      arrived = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  return {
    /** Waits for it, and forgets what was there until then. @returns that. @throws with the end of it when it does not come. */
    async seen(marker: RegExp): Promise<string> {
      const deadline = Date.now() + patienceMs;
      for (;;) {
        const words = text.replaceAll(CONTROL, '');
        const match = marker.exec(words);
        if (match !== null) {
          text = words.slice(match.index + match[0].length);
          return words.slice(0, match.index + match[0].length);
        }
        const left = deadline - Date.now();
        if (ended || left <= 0)
          throw new Error(
            `${marker} was not seen, and ${ended ? 'it has ended' : 'nothing comes'}: ${words.slice(-600)}`,
          );
        await changed(left);
      }
    },
    /** A line, and Enter. */
    type(line: string): void {
      child.stdin.write(`${line}\n`);
    },
    get ended(): boolean {
      return ended;
    },
    /** All that was ever on it. */
    get whole(): string {
      return whole.replaceAll(CONTROL, '');
    },
    /** Waits until it has ended by itself. @returns whether it has. */
    async end(): Promise<boolean> {
      const deadline = Date.now() + patienceMs;
      while (!ended && Date.now() < deadline) await changed(deadline - Date.now());
      if (!ended) child.kill('SIGKILL');
      return ended;
    },
  };
}
