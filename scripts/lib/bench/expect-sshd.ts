/** Whether a machine is really there: its sshd says who it is. */
import type { Lab } from '../lab.js';

/** @throws when no sshd at `address` greets who connects from `node`. */
export async function expectSshd(lab: Lab, node: string, address: string): Promise<void> {
  const greet = 'nc -w 5 "$0" 22 </dev/null | head -c 8';
  const banner = await lab.must(node, ['sh', '-c', greet, address]);
  if (banner !== 'SSH-2.0-') throw new Error(`sshd at ${address} does not greet: "${banner}"`);
}
