/** `cnvm.v1.NodeService` over what the mesh's room offers. */
import type { NodeServiceServer } from '../gen/cnvm/v1/node.js';
import type { Finding, NodeFacts, NodeStatus } from '../mesh/node-facts.js';
import { type Handling, unary } from './handle.js';
import { required } from './messages.js';
import { toFacts, toFinding, toNodeStatus } from './node-messages.js';

export interface NodesPort {
  describe(): Promise<{ facts: NodeFacts; findings: readonly Finding[] }>;
  list(): Promise<NodeStatus[]>;
  /** @returns the name of who answered. */
  join(endpoint: string): Promise<string>;
  leave(force: boolean): Promise<void>;
  rekeyOverlay(): Promise<{ key: string; told: string[]; notTold: string[] }>;
}

export function nodeCalls(handling: Handling, nodes: NodesPort): NodeServiceServer {
  return {
    getNode: unary(handling, async () => {
      const { facts, findings } = await nodes.describe();
      return { facts: toFacts(facts), findings: findings.map(toFinding) };
    }),
    joinMesh: unary(handling, async ({ endpoint }) => ({ name: await nodes.join(required(endpoint, 'endpoint')) })),
    leaveMesh: unary(handling, async ({ force }) => {
      await nodes.leave(force);
      return {};
    }),
    rekeyOverlay: unary(handling, async () => nodes.rekeyOverlay()),
    listNodes: unary(handling, async () => ({ nodes: (await nodes.list()).map(toNodeStatus) })),
  };
}
