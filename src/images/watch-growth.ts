/** How much has come of what a program fetches, by what lies on disk: it tells nobody else. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 250;

/** @param directory where what is half fetched lies. @param files what it becomes. */
export function watchGrowth(directory: string, files: readonly string[], onBytes: (bytes: number) => void) {
  const ended = new AbortController();
  const bytesOf = async (path: string) => (await stat(path).catch(() => undefined))?.size ?? 0;
  async function look(): Promise<void> {
    const half = (await readdir(directory).catch(() => [])).filter((name) => name.startsWith('oci-put-blob'));
    const sizes = await Promise.all([...half.map((name) => join(directory, name)), ...files].map(bytesOf));
    onBytes(sizes.reduce((sum, size) => sum + size, 0));
  }
  async function run(): Promise<void> {
    while (!ended.signal.aborted) {
      await look();
      await sleep(EVERY_MS, undefined, { signal: ended.signal, ref: false }).catch(() => undefined);
    }
  }
  const running = run();
  return {
    async stop(): Promise<void> {
      ended.abort();
      await running;
    },
  };
}
