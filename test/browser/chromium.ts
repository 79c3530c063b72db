/**
 * A real Chromium in a root of its own, driven over a pipe by its DevTools protocol. Invariant: it, its processes and its mounts end
 * with this process at the latest.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT_SCRIPT = fileURLToPath(new URL('../../scripts/lib/browser-root', import.meta.url));
/** In mounts and processes of its own, which go with it; the root itself is not written to but for its caches. */
const ENTER = `mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" && exec chroot "$0" "$@"`;
const OPTIONS = [
  ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
  ...['--remote-debugging-pipe', '--user-data-dir=/tmp/profile', '--hide-scrollbars', 'about:blank'],
];
const ANSWER_MS = 30_000;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export type Browser = Awaited<ReturnType<typeof openChromium>>;

const makeRoot = (): string =>
  execFileSync(ROOT_SCRIPT, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();

/** A picture that moves (WebP), of PNG pictures of one size, each shown for `frameMs`. */
export function animate(pictures: readonly Buffer[], frameMs: number): Buffer {
  const root = makeRoot();
  const directory = mkdtempSync(join(root, 'var/tmp/frames-'));
  try {
    const names = pictures.map((_, index) => `${String(index).padStart(3, '0')}.png`);
    for (const [index, name] of names.entries()) writeFileSync(join(directory, name), pictures[index] ?? '');
    const script = `cd "$1" && shift && exec img2webp -loop 0 -mixed -d ${frameMs} "$@" -o out.webp`;
    execFileSync('chroot', [root, 'sh', '-c', script, 'frames', `/${relative(root, directory)}`, ...names]);
    return readFileSync(join(directory, 'out.webp'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The root is made first, if it is not there yet. */
export async function openChromium() {
  const root = makeRoot();
  const within = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', ENTER, root, 'chromium', ...OPTIONS];
  const child: ChildProcess = spawn('unshare', within, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
  const [orders, answers] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = `${words}${chunk.toString()}`.slice(-4_000);
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  const listeners: ((answer: Answer) => void)[] = [];
  let count = 0;
  let text = '';
  answers.on('data', (chunk: Buffer) => {
    const parts = `${text}${chunk.toString()}`.split('\0');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const answer = JSON.parse(part) as Answer;
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
      for (const listener of listeners) listener(answer);
    }
  });

  async function order(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    count += 1;
    const id = count;
    const answered = new Promise<Answer>((resolve) => void waiting.set(id, resolve));
    orders.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const answer = await Promise.race([answered, sleep(ANSWER_MS, undefined, { ref: false })]);
    waiting.delete(id);
    if (answer === undefined) throw new Error(`Chromium does not answer ${method}: ${words}`);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  return {
    /** A page of its own; what goes wrong in it is kept. */
    async open(url: string) {
      const { targetId } = await order('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await order('Target.attachToTarget', { targetId, flatten: true });
      const to = (method: string, params: object = {}) => order(method, params, String(sessionId));
      const complaints: string[] = [];
      listeners.push(({ method = '', params = {} }) => {
        if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
          complaints.push(JSON.stringify(params));
      });
      for (const domain of ['Page', 'Runtime', 'Log']) await to(`${domain}.enable`);
      await to('Page.navigate', { url });
      async function evaluate<T>(expression: string): Promise<T> {
        const answer = await to('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
        const { result, exceptionDetails } = answer as { result?: { value: T }; exceptionDetails?: object };
        if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
        return result?.value as T;
      }
      return {
        complaints,
        evaluate,
        size: (width: number, height: number) =>
          to('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 }),
        media: (name: string, value: string) => to('Emulation.setEmulatedMedia', { features: [{ name, value }] }),
        async press(key: 'Tab' | 'Enter' | 'Escape'): Promise<void> {
          const codes = { Tab: 9, Enter: 13, Escape: 27 };
          const event = {
            key,
            code: key,
            windowsVirtualKeyCode: codes[key],
            ...(key === 'Enter' ? { text: '\r' } : {}),
          };
          await to('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
          await to('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
        },
        async picture(): Promise<Buffer> {
          const { data } = await to('Page.captureScreenshot', { format: 'png' });
          return Buffer.from(String(data), 'base64');
        },
      };
    },
    async close(): Promise<void> {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
