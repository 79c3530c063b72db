/** What the daemon tells systemd, where that has started it and waits to be told. Nowhere else anything is told. */
import { run } from './run.js';

/** systemd reads it at once; a busy machine starts programs slowly. */
const TELL_MS = 30_000;

/** Afterwards systemd knows that we serve. @param socket where it listens, by NOTIFY_SOCKET. @throws `tool` when it cannot be told. */
export async function tellReady(socket: string | undefined): Promise<void> {
  if (socket === undefined) return;
  await run(['systemd-notify', '--ready', '--status=serving'], { timeoutMs: TELL_MS });
}
