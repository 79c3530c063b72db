import assert from 'node:assert/strict';
import { faultsOf } from './faults.js';
import { blockOf, putInto } from './page.js';
import type { Figures } from './scenarios.js';

const figures = (nodes: number, more: Partial<Figures> = {}): Figures => ({
  ...{ nodes, joinMs: 1_234, quietBytes: 800.4, busyBytes: 9_000, deathMs: 5_000, moveMs: 100, healMs: 900 },
  ...{ falseDeaths: 0, falseSuspicions: 3, wrongOwners: [] },
  ...more,
});

describe('the report of the simulation', () => {
  it('says what must not be, and nothing else', () => {
    assert.deepEqual(faultsOf([figures(3), figures(1000, { quietBytes: 1_500 })]), []);
    const faults = faultsOf([
      figures(3),
      figures(10, { quietBytes: 1_700 }),
      figures(30, { falseDeaths: 1 }),
      figures(100, { wrongOwners: ['cnvm1 of node2 runs on nobody'] }),
    ]);
    assert.deepEqual(faults, [
      'a node of 10 sends 1700 B/s, of 3 only 800',
      'false deaths among 30',
      'among 100: cnvm1 of node2 runs on nobody',
    ]);
  });

  it('stands on the page between its marks, each time anew', () => {
    const page = 'before\n<!-- simulation -->\n<!-- end of simulation -->\nafter\n';
    const once = putInto(page, blockOf('npm run sim', 'a.svg', [figures(3), figures(10)]));
    assert.match(once, /^before\n<!-- simulation -->\nMade by `npm run sim`:\n/);
    assert.match(once, /\| +10 \| +1\.2 s \| +800 \| +9000 \| +5\.0 s \|/);
    assert.match(once, /\(a\.svg\)\n<!-- end of simulation -->\nafter\n$/);
    assert.equal(putInto(once, blockOf('npm run sim', 'a.svg', [figures(3), figures(10)])), once);
    assert.throws(() => putInto('no marks', ''), /no <!-- simulation -->/);
  });
});
