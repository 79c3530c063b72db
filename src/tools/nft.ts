/** nftables: whole rule sets in one transaction. */
import { run } from './run.js';

/** Applies a script all at once or not at all. */
export async function nft(script: string): Promise<void> {
  await run(['nft', '--file', '-'], { input: script });
}

/** The elements of a set of addresses; none when there is no such set. */
export async function setElements(family: string, table: string, set: string): Promise<string[]> {
  const { stdout, exitCode } = await run(['nft', '--json', 'list', 'set', family, table, set], { accept: [1] });
  if (exitCode !== 0) return [];
  const { nftables } = JSON.parse(stdout) as { nftables: { set?: { elem?: unknown[] } }[] };
  return nftables.flatMap((item) => item.set?.elem ?? []).filter((element) => typeof element === 'string');
}
