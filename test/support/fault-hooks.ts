/** One lab for all tests of faults. Each of them sees to what it leaves. */
import { lab, NODES } from '../host/support.js';
import { KEEP_LAB, UP_MS } from './host-hooks.js';

export const mochaHooks = {
  async beforeAll(this: Mocha.Context) {
    this.timeout(UP_MS);
    if (!KEEP_LAB) await lab.down();
    await lab.up(NODES.length);
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(60_000);
    if (!KEEP_LAB) await lab.down();
  },
};
