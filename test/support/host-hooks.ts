/** One lab for all tests on real hosts, and no trace of a cnvm between them. */
import { assertNoResidue, lab, mend, NODES, removeAll } from '../host/support.js';
import { UP_OPTIONS } from './test-lab.js';

export const UP_MS = lab.upMs;
/** Some ten commands, each of which takes its time on a busy machine. */
const CLEAR_MS = 4 * 60_000 * lab.slowness;
/** For who tries one test again and again: what is up is used, and stays up. */
export const KEEP_LAB = process.env['CNVM_TEST_KEEP'] !== undefined;

const LOG_LINES = 60;

/** What failed on a machine that nobody can look at any more must be told by what it printed. */
async function tellLogs(): Promise<void> {
  for (const node of NODES) {
    const { stdout } = await lab.run(node, ['tail', '-n', String(LOG_LINES), '/var/log/cnvmd.log']);
    const programs = await lab.run(node, ['sh', '-c', 'ps -eo pid,ppid,stat,wchan:24,etimes,args | grep -v "\\]$"']);
    console.error(`${node}, its last lines:\n${stdout}\n${programs.stdout}`);
  }
}

export const mochaHooks = {
  async beforeAll(this: Mocha.Context) {
    this.timeout(UP_MS);
    if (!KEEP_LAB) await lab.down();
    await lab.up(NODES.length, ...UP_OPTIONS);
  },
  async afterEach(this: Mocha.Context) {
    this.timeout(CLEAR_MS);
    if (this.currentTest?.state === 'failed') await tellLogs();
    await Promise.all(NODES.map((node) => mend(node, 'criu', 'rsync', 'runc', 'nft')));
    await removeAll();
    await assertNoResidue();
  },
  async afterAll(this: Mocha.Context) {
    this.timeout(CLEAR_MS);
    if (!KEEP_LAB) await lab.down();
  },
};
