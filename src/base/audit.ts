/** What people have decided against the rules, kept for ever. Invariant: a line is durable before the act that it tells of. */
import { open } from 'node:fs/promises';

/** Appends one JSON line with the time. @throws when it cannot be made durable: then the act is not to be done. */
export async function audit(file: string, facts: Readonly<Record<string, string | number>>): Promise<void> {
  const handle = await open(file, 'a', 0o600);
  try {
    await handle.appendFile(`${JSON.stringify({ time: new Date().toISOString(), ...facts })}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
