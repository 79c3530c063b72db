/** gzip, zstd and xz, undone. */
import { open } from 'node:fs/promises';
import { type RunningTool, spawnTool } from './run.js';

/** How the first bytes of each begin. */
const MAGICS: readonly (readonly [program: string, magic: string])[] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
];
const MAGIC_BYTES = 6;

/** The program that undoes what a file is compressed with; undefined when it is not. */
export async function compressorOf(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
    const begins = buffer.subarray(0, bytesRead).toString('hex');
    return MAGICS.find(([, magic]) => begins.startsWith(magic))?.[0];
  } finally {
    await handle.close();
  }
}

/** From standard input to standard output. */
export function decompress(program: string): RunningTool {
  return spawnTool([program, '--decompress', '--stdout'], { pipes: true });
}
