import assert from 'node:assert/strict';
import fc from 'fast-check';
import { reserveFor } from '../../../src/cnvms/reserve-port.js';
import { type Answer, createReservations, OF_ONE_MAX, obstacle } from '../../../src/mesh/reservations.js';

const LASTS = 1_000;
const wish = (id: string, name = 'web', address = '10.100.101.111') => ({ id, name, address });
const no = (holder: string, what: 'name' | 'address' = 'name', made = false): Answer => ({
  granted: false,
  ...{ holder, what, made },
});

describe('reservations', () => {
  it('give a name, and an address, to one at a time', () => {
    const table = createReservations('node2', LASTS);
    assert.deepEqual(table.ask(wish('1'), 'node3', 0), { granted: true });
    assert.deepEqual(table.ask(wish('2', 'web', '10.100.101.112'), 'node1', 1), no('node3', 'name'));
    assert.deepEqual(table.ask(wish('3', 'db'), 'node1', 1), no('node3', 'address'));
    assert.deepEqual(table.ask(wish('4', 'db', '10.100.101.112'), 'node1', 1), { granted: true });
    // Whoever asks anew has given its last try up.
    assert.deepEqual(table.ask(wish('5'), 'node3', 2), { granted: true });
    table.letGo('5', 'node1');
    assert.deepEqual(table.ask(wish('6'), 'node2', 3), no('node3'));
    table.letGo('5', 'node3');
    table.letGo('1', 'node3');
    assert.deepEqual(table.ask(wish('6'), 'node2', 3), { granted: true });
  });

  it('end by themselves', () => {
    const table = createReservations('node2', LASTS);
    table.ask(wish('1'), 'node3', 0);
    assert.deepEqual(table.ask(wish('2'), 'node1', LASTS - 1), no('node3'));
    assert.deepEqual(table.ask(wish('2'), 'node1', LASTS), { granted: true });
  });

  it('yield to a lower name until they are settled, and to nobody afterwards', () => {
    const table = createReservations('node2', LASTS);
    table.ask(wish('own'), 'node2', 0);
    assert.deepEqual(table.ask(wish('3'), 'node3', 0), no('node2'));
    assert.deepEqual(table.ask(wish('1'), 'node1', 0), { granted: true });
    assert.deepEqual(table.settle(wish('own'), 0), { holder: 'node1', what: 'name' });
    const settled = createReservations('node2', LASTS);
    settled.ask(wish('own'), 'node2', 0);
    assert.equal(settled.settle(wish('own'), 0), undefined);
    assert.deepEqual(settled.ask(wish('1'), 'node1', 0), no('node2'));
  });

  it('of one node are bounded', () => {
    const table = createReservations('node2', LASTS);
    for (let at = 0; at <= OF_ONE_MAX; at += 1) table.ask(wish(`${at}`, `web${at}`, `a${at}`), 'node3', 0);
    assert.deepEqual(table.ask(wish('x', 'web0', 'x'), 'node1', 0), { granted: true });
    assert.deepEqual(table.ask(wish('y', 'web1', 'y'), 'node1', 0), no('node3'));
  });

  it('a no on account of one who has yielded is none', () => {
    const answers = (entries: [string, Answer][]) => obstacle(new Map(entries));
    assert.equal(
      answers([
        ['b', { granted: true }],
        ['c', no('b')],
      ]),
      undefined,
    );
    assert.deepEqual(
      answers([
        ['b', { granted: true }],
        ['c', no('b', 'name', true)],
      ]),
      no('b', 'name', true),
    );
    assert.deepEqual(answers([['c', no('b')]]), no('b'));
    assert.equal(
      answers([
        ['b', { granted: true }],
        ['c', no('b')],
        ['d', no('c')],
      ]),
      undefined,
    );
    assert.deepEqual(
      answers([
        ['c', no('d')],
        ['d', no('c')],
      ]),
      no('d'),
    );
    assert.equal(answers([]), undefined);
  });

  it('whatever the order, of nodes that ask each other for one name exactly one gets it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.infiniteStream(fc.nat()), (count, stream) => {
        const nodes = Array.from({ length: count }, (_, index) => `node${index + 1}`);
        const tables = new Map(nodes.map((node) => [node, createReservations(node, LASTS)]));
        const answers = new Map(nodes.map((node) => [node, new Map<string, Answer>()]));
        const winners: string[] = [];
        // What each has still to do, in its order; whose turn it is is chance. It asks itself first, and settles last.
        const steps = new Map(
          nodes.map((node) => [node, ['self', ...nodes.filter((other) => other !== node), 'settle']]),
        );
        const lost = new Set<string>();
        for (;;) {
          const waiting = nodes.filter((node) => (steps.get(node)?.length ?? 0) > 0 && !lost.has(node));
          const node = waiting[(stream.next().value ?? 0) % Math.max(1, waiting.length)];
          if (node === undefined) break;
          const mine = steps.get(node) ?? [];
          // The peers are asked at once: any of them may answer first.
          const open = mine.length - 1;
          const at = mine[0] === 'self' || open === 0 ? 0 : (stream.next().value ?? 0) % open;
          const [step = ''] = mine.splice(at, 1);
          if (step === 'settle') {
            const against = obstacle(answers.get(node) ?? new Map()) ?? tables.get(node)?.settle(wish(node), 0);
            if (against === undefined) winners.push(node);
            else lost.add(node);
          } else if (step === 'self') {
            if (tables.get(node)?.ask(wish(node), node, 0).granted === false) lost.add(node);
          } else {
            const answer = tables.get(step)?.ask(wish(node), node, 0);
            if (answer !== undefined) answers.get(node)?.set(step, answer);
          }
        }
        assert.equal(winners.length, 1, winners.join());
      }),
      { numRuns: 500 },
    );
  }).timeout(60_000);
});

describe('what a new cnvm is called', () => {
  const held = (silent: string[] = []) => ({ kind: 'held' as const, silent, release: () => undefined });

  it('is another address when one is taken, and a refusal when it was asked for', async () => {
    const asked: string[] = [];
    const reserve = async ({ address }: { address: string }) => {
      asked.push(address);
      return asked.length === 1 ? { kind: 'taken' as const, what: 'address' as const, by: 'node2' } : held();
    };
    const dropped: string[] = [];
    const choose = ({ avoid }: { avoid: ReadonlySet<string> }) => ({ name: 'web', address: `a${avoid.size}` });
    const drop = ({ address }: { address: string }) => void dropped.push(address);
    assert.equal((await reserveFor({ reserve, part: 1 }, { given: false, choose, drop })).wish.address, 'a1');
    assert.deepEqual(dropped, ['a0']);
    asked.length = 0;
    await assert.rejects(
      reserveFor({ reserve, part: 1 }, { given: true, choose, drop }),
      /the address a0 is taken: node2 has it/,
    );
  });

  it("is of the node's own part when not all can be asked", async () => {
    const parts: (number | undefined)[] = [];
    const choose = ({ part }: { part: number | undefined }) => {
      parts.push(part);
      return { name: 'web', address: 'a' };
    };
    const reserving = { reserve: async () => held(['node3']), part: 7 };
    await reserveFor(reserving, { given: false, choose, drop: () => undefined });
    assert.deepEqual(parts, [undefined, 7]);
  });
});
