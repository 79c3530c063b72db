/** sync: what the kernel has not yet written to disk. */
import { run } from './run.js';

/** A file system that others write to may have much to write. */
const SYNC_TIMEOUT_MS = 10 * 60_000;

/** Afterwards everything of the file system that holds `path` is on disk. */
export async function syncFileSystem(path: string): Promise<void> {
  await run(['sync', '--file-system', path], { timeoutMs: SYNC_TIMEOUT_MS });
}
