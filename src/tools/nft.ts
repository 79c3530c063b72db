/** nftables: whole rule sets in one transaction. */
import { run } from './run.js';

/** Applies a script all at once or not at all. */
export async function nft(script: string): Promise<void> {
  await run(['nft', '--file', '-'], { input: script });
}

/** The names of the `inet` tables. */
export async function inetTables(): Promise<string[]> {
  const { stdout } = await run(['nft', 'list', 'tables', 'inet']);
  return [...stdout.matchAll(/^table inet (\S+)$/gm)].map((match) => match[1] ?? '');
}
