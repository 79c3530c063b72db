/** script(1) and stty(1): a terminal of the node's for a program that wants one. */
import { readFileSync, readlinkSync } from 'node:fs';
import { run } from './run.js';

/** argv that runs `argv` on a terminal of its own; its exit code passes through. */
export function onTerminal(argv: readonly string[]): string[] {
  // script takes one string for its shell, and nothing else; a quoted word means itself to every POSIX shell.
  const words = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return ['script', '--quiet', '--return', '--flush', '--echo', 'never', '--command', `exec ${words}`, '/dev/null'];
}

/** Sets the size of the terminal that the program run by `scriptPid` sits on; it gets SIGWINCH. */
export async function resizeTerminal(scriptPid: number, rows: number, columns: number): Promise<void> {
  const children = readFileSync(`/proc/${scriptPid}/task/${scriptPid}/children`, 'utf8').trim().split(' ');
  const device = readlinkSync(`/proc/${children[0] ?? ''}/fd/0`);
  if (!device.startsWith('/dev/pts/')) return;
  await run(['stty', '-F', device, 'rows', String(rows), 'columns', String(columns)]);
}
