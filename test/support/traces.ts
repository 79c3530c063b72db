/** What a lab has left on this machine. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Programs that name its directory, mounts below it, and itself. */
export function tracesOf(directory: string): string[] {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
    .filter((command) => command.includes(directory));
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(directory));
  return [...processes, ...mounts, ...(existsSync(directory) ? [directory] : [])];
}

/** What ends while it is looked at has nothing to say. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
