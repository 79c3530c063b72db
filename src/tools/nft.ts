/** nftables: whole rule sets in one transaction. */
import { run } from './run.js';

/** Applies a script all at once or not at all. */
export async function nft(script: string): Promise<void> {
  await run(['nft', '--file', '-'], { input: script });
}
