/** One lab for all tests on real hosts, and no trace of a cnvm between them. */
import { assertNoResidue, lab, mend, NODES, removeAll } from '../host/support.js';

const UP_MS = 15 * 60_000;

export const mochaHooks = {
  async beforeAll(this: Mocha.Context) {
    this.timeout(UP_MS);
    await lab.down();
    await lab.up(NODES.length);
  },
  async afterEach(this: Mocha.Context) {
    this.timeout(60_000);
    await Promise.all(NODES.map((node) => mend(node, 'criu', 'rsync', 'runc', 'nft')));
    await removeAll();
    await assertNoResidue();
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(60_000);
    await lab.down();
  },
};
