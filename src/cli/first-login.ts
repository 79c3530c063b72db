/**
 * The first cnvm of a mesh, which is made when somebody logs in on it for the first time. Invariant: however many log in at
 * once, on however many nodes, there is one; and none is made while a peer that may have one cannot be asked.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, refused } from '../base/errors.js';
import {
  type Cnvm,
  CnvmState,
  CreateCnvmRequest,
  type CreateCnvmResponse,
  type ListCnvmsResponse,
} from '../gen/cnvm/v1/cnvm.js';
import { type ListNodesResponse, NodeReach, NodeState } from '../gen/cnvm/v1/node.js';
import { type Connection, call } from './connect.js';

export interface FirstOrder {
  readonly name: string;
  readonly address: string;
  readonly image: string;
}

export interface First {
  /** Undefined when the mesh has others, and not this one. */
  readonly cnvm: Cnvm | undefined;
  /** Made here and now. */
  readonly made: boolean;
}

/** Somebody else is making it; a busy node needs some seconds, an emulated one a minute. */
const WAIT_MS = 120_000;
const LOOK_EVERY_MS = 250;

/** Afterwards it runs, on whatever node, or the mesh has others. @param say told what is done, in words. */
export async function firstCnvm(
  connection: Connection,
  order: FirstOrder,
  say: (words: string) => void,
): Promise<First> {
  const there = await all(connection);
  const found = there.find(({ name }) => name === order.name);
  if (found === undefined && there.length > 0) return { cnvm: undefined, made: false };
  if (found !== undefined) return { cnvm: await running(connection, order.name, say), made: false };
  await demandAllAnswer(connection, order.name);
  say(`making your first cnvm, ${order.name}`);
  try {
    const request = CreateCnvmRequest.fromPartial(order);
    const { cnvm } = await call<CreateCnvmResponse>(connection, (done) => connection.cnvms.createCnvm(request, done));
    return { cnvm, made: true };
  } catch (error) {
    if (!(error instanceof CnvmError) || error.kind !== 'exists') throw error;
    return { cnvm: await running(connection, order.name, say), made: false };
  }
}

/** Silence is no sign that there is none. */
async function demandAllAnswer(connection: Connection, name: string): Promise<void> {
  const { nodes } = await call<ListNodesResponse>(connection, (done) => connection.nodes.listNodes({}, done));
  const silent = nodes
    .filter(({ reach, state }) => reach === NodeReach.DOWN && state !== NodeState.LEFT)
    .map((node) => node.name);
  if (silent.length === 0) return;
  throw refused('unavailable', `${silent.join(', ')} cannot be asked whether there is a cnvm already`, {
    remedy: `Log in again when all nodes answer; or make one all the same: cnvm create ${name}`,
  });
}

/** Waits for one that is being made. One that is not running by then is not for us to start. */
async function running(connection: Connection, name: string, say: (words: string) => void): Promise<Cnvm | undefined> {
  const until = Date.now() + WAIT_MS;
  for (let told = false; ; told = true) {
    const cnvm = (await all(connection)).find((one) => one.name === name);
    const rests = cnvm?.state === CnvmState.RUNNING || cnvm?.state === CnvmState.STOPPED;
    if (cnvm !== undefined && (rests || Date.now() > until)) return cnvm;
    if (Date.now() > until)
      throw refused('unavailable', `somebody else was making ${name}, and it is not there`, {
        remedy: 'Log in again.',
      });
    if (!told) say(`${name} is on its way on another node`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function all(connection: Connection): Promise<readonly Cnvm[]> {
  const { cnvms } = await call<ListCnvmsResponse>(connection, (done) =>
    connection.cnvms.listCnvms({ all: true }, done),
  );
  return cnvms;
}
