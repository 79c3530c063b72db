/** du: what a directory takes on disk. */
import { run } from './run.js';

/** Its bytes on disk; files that vanish meanwhile, as those of a running cnvm do, are no failure. */
export async function diskUsage(path: string): Promise<number> {
  const { stdout } = await run(['du', '--summarize', '--block-size=1', path], { accept: [1], timeoutMs: 120_000 });
  return Number(/^\d+/.exec(stdout)?.[0] ?? 0);
}
