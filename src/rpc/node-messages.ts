/** What is said of nodes: messages to domain values and back. Invariant: as in `messages.ts`. */
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';
import * as wireNode from '../gen/cnvm/v1/node.js';
import type { Finding, NodeFacts, NodeStatus } from '../mesh/node-facts.js';
import { fromMeasure, toBig } from './messages.js';

const LEVELS: Readonly<Record<Finding['level'], wireNode.FindingLevel>> = {
  ok: wireNode.FindingLevel.OK,
  warning: wireNode.FindingLevel.WARNING,
  error: wireNode.FindingLevel.ERROR,
};
export const REACHES: Readonly<Record<NodeStatus['reach'], wireNode.NodeReach>> = {
  self: wireNode.NodeReach.SELF,
  up: wireNode.NodeReach.UP,
  down: wireNode.NodeReach.DOWN,
};
const NODE_STATES: Readonly<Record<NonNullable<NodeStatus['state']>, wireNode.NodeState>> = {
  alive: wireNode.NodeState.ALIVE,
  suspect: wireNode.NodeState.SUSPECT,
  dead: wireNode.NodeState.DEAD,
  left: wireNode.NodeState.LEFT,
};

export function toFacts(facts: NodeFacts): wireNode.NodeFacts {
  return {
    ...facts,
    memoryTotalBytes: toBig(facts.memoryTotalBytes),
    memoryAvailableBytes: toBig(facts.memoryAvailableBytes),
    landingZones: facts.landingZones.map((zone) => ({ path: zone.path, availableBytes: toBig(zone.availableBytes) })),
    images: facts.images.map(({ name, digest }) => ({ name, digest })),
  };
}

/** @throws `refused` when a peer sent none. */
export function fromFacts(facts: wireNode.NodeFacts | undefined): NodeFacts {
  if (facts === undefined) throw refused('invalid', 'the facts of the node are missing');
  return {
    ...facts,
    memoryTotalBytes: fromMeasure(facts.memoryTotalBytes),
    memoryAvailableBytes: fromMeasure(facts.memoryAvailableBytes),
    landingZones: facts.landingZones.map(({ path, availableBytes }) => ({
      path,
      availableBytes: fromMeasure(availableBytes),
    })),
  };
}

export function toFinding(finding: Finding): wireNode.Finding {
  return { ...finding, level: LEVELS[finding.level] };
}

/** What a peer found; its words are cut, and a level that we do not know is a warning. */
export function fromFinding({ level, subject, detail, remedy }: wireNode.Finding): Finding {
  const known = (Object.keys(LEVELS) as Finding['level'][]).find((one) => LEVELS[one] === level) ?? 'warning';
  const [what, found, todo] = [subject, detail, remedy].map((text) => cutText(text, TEXT_MAX));
  return { level: known, subject: what ?? '', detail: found ?? '', remedy: todo ?? '' };
}
const TEXT_MAX = 500;

export function toNodeStatus(node: NodeStatus): wireNode.NodeStatus {
  const facts = node.facts === undefined ? undefined : toFacts(node.facts);
  const state = node.state === undefined ? wireNode.NodeState.UNSPECIFIED : NODE_STATES[node.state];
  return { ...node, reach: REACHES[node.reach], facts, state, stateMs: toBig(node.stateMs) };
}
