/** What a node's daemon and the programs that it started cost. Invariant: a peak is that since the last reset, and no older. */
import type { Lab } from '../lab.js';

export interface Cost {
  /** Of the daemon alone. */
  readonly rssMib: number;
  /** The most since `resetPeak`. */
  readonly peakMib: number;
  /** Of the daemon, and of what it started and has seen end. */
  readonly cpuS: number;
}

const PID = '$(cat /run/runit-cnvmd/pid)';
/** Of /proc/PID/stat, after the name: utime, stime, cutime, cstime (proc(5), fields 14 to 17). */
const READ = `
awk '/^VmRSS/ { rss = $2 } /^VmHWM/ { peak = $2 } END { printf "%s %s ", rss, peak }' /proc/${PID}/status
sed 's/.*) //' /proc/${PID}/stat | awk -v hz="$(getconf CLK_TCK)" '{ print ($12 + $13 + $14 + $15) / hz }'
`;

export async function readCost(lab: Lab, node: string): Promise<Cost> {
  const output = await lab.must(node, ['sh', '-e', '-c', READ]);
  const [rss = Number.NaN, peak = Number.NaN, cpuS = Number.NaN] = output.trim().split(' ').map(Number);
  if (!(rss > 0 && peak > 0 && cpuS >= 0)) throw new Error(`the daemon of ${node} cannot be measured: ${output}`);
  return { rssMib: rss / 1024, peakMib: peak / 1024, cpuS };
}

/** As the kernel documents it: 5 sets the peak to what is there now (proc(5), clear_refs). */
export async function resetPeak(lab: Lab, node: string): Promise<void> {
  await lab.must(node, ['sh', '-e', '-c', `echo 5 >/proc/${PID}/clear_refs`]);
}
