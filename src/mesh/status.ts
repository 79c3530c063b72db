/** What a node shows of a peer: what the membership says of it, and what it answers now. */
import { messageOf, refused } from '../base/errors.js';
import type { NodeFacts, NodeStatus } from './node-facts.js';

/**
 * @param base what is known of it without asking.
 * @param link undefined while nobody knows where it is reached.
 * @returns why it is down, when it is.
 */
export async function statusOf(
  base: Pick<NodeStatus, 'name' | 'endpoint' | 'overlayAddress' | 'state' | 'stateMs'>,
  link: { describe(call: { timeoutMs: number }): Promise<NodeFacts> } | undefined,
  timeoutMs: number,
): Promise<NodeStatus> {
  const down = { ...base, reach: 'down', facts: undefined } as const;
  if (base.state === 'left') return { ...down, error: 'it has left' };
  try {
    if (link === undefined) throw refused('unavailable', 'it has not said where it is reached');
    return { ...base, reach: 'up', error: '', facts: await link.describe({ timeoutMs }) };
  } catch (error) {
    return { ...down, error: messageOf(error) };
  }
}

/** What a node shows of itself. */
export function selfStatus(endpoint: string, facts: NodeFacts): NodeStatus {
  const { name, overlayAddress } = facts;
  return { name, endpoint, overlayAddress, error: '', facts, stateMs: 0, reach: 'self', state: 'alive' };
}
