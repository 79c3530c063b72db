/**
 * Stops what runs here and is another node's by now: this node's disk, or its power, came back from an older time. Invariant:
 * nothing is stopped for what somebody said of a third one; the node that is said to have it is asked itself.
 */
import type { Logger } from 'pino';
import { messageOf } from '../base/errors.js';

interface Rival {
  readonly node: string;
  readonly epoch: number;
}

export interface YieldPorts {
  readonly records: () => readonly { readonly name: string; readonly epoch: number }[];
  /** It moves now, and its journal knows better. */
  readonly busy: (name: string) => boolean;
  readonly runs: (name: string) => Promise<boolean>;
  readonly rival: (own: { readonly name: string; readonly epoch: number }) => Rival | undefined;
  /** Whether that node says so itself. */
  readonly confirms: (node: string, name: string, epoch: number) => Promise<boolean>;
  readonly yieldTo: (name: string, rival: Rival) => Promise<void>;
  readonly log: Logger;
}

/** @returns what looks at all of them, and is to be called when claims have changed. */
export function createYielding(ports: YieldPorts): () => Promise<void> {
  const asking = new Set<string>();

  async function judge(own: { readonly name: string; readonly epoch: number }, rival: Rival): Promise<void> {
    const { name } = own;
    if (asking.has(name) || ports.busy(name)) return;
    asking.add(name);
    try {
      if (!(await ports.runs(name)) || !(await ports.confirms(rival.node, name, own.epoch + 1))) return;
      if (!ports.busy(name)) await ports.yieldTo(name, rival);
    } catch (error) {
      ports.log.warn({ cnvm: name, peer: rival.node, error: messageOf(error) }, 'cannot ask who owns it');
    } finally {
      asking.delete(name);
    }
  }

  return async () => {
    for (const own of ports.records()) {
      const rival = ports.rival(own);
      if (rival !== undefined && rival.epoch > own.epoch) await judge(own, rival);
    }
  };
}
