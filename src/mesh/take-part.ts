/**
 * How a node takes part in the mesh, starts what is to run, and takes leave. Invariant: a node that was away may own less than it did, so the peers are asked
 * first, for as long as some have not answered and the config allows.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cutText } from '../base/cut-text.js';
import { refused } from '../base/errors.js';

export interface TakePartPorts {
  readonly mesh: {
    start(port: number): Promise<void>;
    isComplete(): boolean;
    onHeard(listener: () => void): void;
  };
  readonly cnvms: {
    wantsStart(): Promise<boolean>;
    /** @returns whether some are left that may be started later. */
    startWanted(): Promise<boolean>;
  };
  /** Stops what runs here and is another node's by now. */
  readonly yielding: () => Promise<void>;
}

const SETTLE_LOOK_MS = 50;
/** Who is told that the daemon serves may ask it at once about its peers. */
const JOIN_WAIT_MS = 1_000;

/** @param port at which this node serves its peers. */
export async function takePart(
  { mesh, cnvms, yielding }: TakePartPorts,
  port: number,
  settleMs: number,
): Promise<void> {
  const joined = mesh.start(port);
  const until = performance.now() + settleMs;
  if (await cnvms.wantsStart()) {
    await Promise.race([joined, sleep(until - performance.now(), undefined, { ref: false })]);
    while (!mesh.isComplete() && performance.now() < until) await sleep(SETTLE_LOOK_MS);
  }
  let left = await cnvms.startWanted();
  const again = async () => {
    left = await cnvms.startWanted();
  };
  mesh.onHeard(() => {
    void yielding();
    // Whoever claimed it may have thought better of it.
    if (left) void again();
  });
  await Promise.race([joined, sleep(JOIN_WAIT_MS, undefined, { ref: false })]);
}

export interface LeavePorts {
  readonly mesh: { leave(): Promise<void> };
  readonly cnvms: { list(all: boolean): Promise<readonly { readonly record: { readonly name: string } }[]> };
}

/** @throws `refused` while cnvms are here that nobody would find any more, but with `force`. */
export async function leave({ mesh, cnvms }: LeavePorts, force: boolean): Promise<void> {
  const own = (await cnvms.list(false)).map(({ record }) => record.name);
  if (own.length > 0 && !force)
    throw refused('state', `this node owns ${own.length} cnvms: ${cutText(own.join(', '), NAMES_MAX)}`, {
      remedy: 'Teleport them to a peer first, or leave with --force: then nobody finds them.',
    });
  await mesh.leave();
}
const NAMES_MAX = 500;
