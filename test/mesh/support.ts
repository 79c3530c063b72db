/** What the tests of meshes share: a mesh for each test, and what must be true when all is quiet. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MeshNode, type MeshOfDaemons, type MeshSetting, startMesh } from './mesh-of-daemons.js';

export const NAME = 'sneaker01.gonkulator.io';

/**
 * Call it within `describe`. @param one mesh for `each` test, or for `all` of them.
 * @returns what gives the mesh; two copies at once fail the test that saw them.
 */
export function testMesh(
  names: readonly string[],
  one: 'each' | 'all' = 'each',
  setting: MeshSetting = {},
): () => MeshOfDaemons {
  let mesh: MeshOfDaemons | undefined;
  const [first, last] = one === 'each' ? [beforeEach, afterEach] : [before, after];
  first(async () => {
    mesh = await startMesh(names, setting);
  });
  last(async () => {
    await mesh?.stop();
  });
  // A daemon dies of one; the test runner would let it pass.
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => void unhandled.push(reason);
  before(() => void process.on('unhandledRejection', listener));
  after(() => void process.off('unhandledRejection', listener));
  afterEach(() => {
    assert.deepEqual(mesh?.witness.seen(), []);
    assert.deepEqual(unhandled.splice(0), []);
  });
  return () => {
    if (mesh === undefined) throw new Error('the mesh is not up');
    return mesh;
  };
}

/** Nothing announces what is waited for here: it settles in the background. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 5_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come about in ${withinMs} ms`);
    await sleep(10);
  }
}

/** "node2 at 3", "nobody", or every claim that this node knows of. */
export async function ownerBy(node: MeshNode, name: string): Promise<string> {
  const claims = (await node.list()).filter((cnvm) => cnvm.name === name);
  return claims.map(({ owner, epoch }) => `${owner} at ${epoch}`).join(' and ') || 'nobody';
}

/**
 * Asserts that the cnvm is at `owner` alone, in this state, that every node says so, that nothing of it is left on any
 * other host, and that every journal is settled.
 */
export async function assertAtRest(
  mesh: MeshOfDaemons,
  name: string,
  owner: string,
  epoch: number,
  state = 'running',
): Promise<void> {
  for (const node of mesh.nodes) {
    const wanted = node.name === owner ? state : 'stopped';
    await eventually(`"${wanted}" on ${node.name}`, () => node.host.stateOf(name) === wanted).catch(() => undefined);
    assert.equal(node.host.stateOf(name), wanted, `${name} on ${node.name}`);
    await told(node, name, `${owner} at ${epoch}`);
    await assertNoTrace(node, node.name === owner ? name : undefined);
  }
}

/** For tests that share a mesh: a name of each one's own, and nothing left by any. @returns what gives the name. */
export function ownName(mesh: () => MeshOfDaemons): () => string {
  let count = 0;
  beforeEach(async () => {
    count += 1;
    await Promise.all(mesh().nodes.map((node) => node.hearsAll()));
  });
  afterEach(async () => {
    for (const node of mesh().nodes) {
      node.host.plan.clear();
      for (const { name, owner } of await node.list()) if (owner === node.name) await node.remove(name);
    }
    await assertNothingLeft(mesh());
  });
  return () => `cnvm-${count}`;
}

/** Asserts that no host has anything of any cnvm or migration. */
export async function assertNothingLeft(mesh: MeshOfDaemons): Promise<void> {
  for (const { name, host } of mesh.nodes) {
    await eventually(`nothing on ${name}`, () => host.residue().length === 0).catch(() => undefined);
    assert.deepEqual(host.residue(), [], `left on ${name}`);
  }
}

async function told(node: MeshNode, name: string, word: string): Promise<void> {
  await eventually(word, async () => (await ownerBy(node, name)) === word).catch(() => undefined);
  assert.equal(await ownerBy(node, name), word, `by ${node.name}'s word`);
}

/** Of all cnvms but `home`; and nothing of any migration, whoever is at home. */
async function assertNoTrace(node: MeshNode, home: string | undefined): Promise<void> {
  const own = new Set((await node.list()).filter(({ owner }) => owner === node.name).map((cnvm) => cnvm.name));
  if (home !== undefined) assert.ok(own.has(home), `${home} is not listed by ${node.name}`);
  const foreign = (line: string) =>
    /^(?:images|watch) of/.test(line) || line.startsWith('filter') || ![...own].some((name) => line.includes(name));
  const left = () => node.host.residue().filter(foreign);
  await eventually(`no residue on ${node.name}`, () => left().length === 0).catch(() => undefined);
  assert.deepEqual(left(), [], `left on ${node.name}`);
  const open = () =>
    node
      .journal()
      .filter(({ settled }) => !settled)
      .map(({ role, state }) => `${role} ${state}`);
  await eventually(`a settled journal on ${node.name}`, () => open().length === 0).catch(() => undefined);
  assert.deepEqual(open(), [], `the journal of ${node.name}`);
}
