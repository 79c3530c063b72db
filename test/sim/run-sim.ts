/**
 * `npm run sim`: the simulated mesh in every size, as a table on standard output, and on a page and in a picture if wanted.
 *   npm run sim -- [--sizes 3,10,...] [--seed N] [--loss PART] [--skew PART] [--delay LEAST,MOST] [--seconds N]
 *                  [--plot FILE] [--into PAGE]
 * Exit code 1 when the traffic of a node does not stay flat, somebody was wrongly taken for dead, or a cnvm runs nowhere or twice.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { faultsOf } from './faults.js';
import { blockOf, headOf, putInto, rowOf } from './page.js';
import { plotOf } from './plot.js';
import { type Figures, measure } from './scenarios.js';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '3,10,30,100,300,1000' },
    seed: { type: 'string', default: '1' },
    /** Of messages, either way. */
    loss: { type: 'string', default: '0.01' },
    /** How far clocks run too fast or slow, at most. */
    skew: { type: 'string', default: '0.01' },
    /** Of a message, in milliseconds. */
    delay: { type: 'string', default: '0.2,5' },
    /** How long nothing happens; half as long nodes die and come back. */
    seconds: { type: 'string', default: '40' },
    plot: { type: 'string' },
    into: { type: 'string' },
  },
});

const [least = 0, most = least] = values.delay.split(',').map(Number);
const all: Figures[] = [];
process.stdout.write(`${headOf()}\n`);
for (const nodes of values.sizes.split(',').map(Number)) {
  const began = performance.now();
  const one = measure(
    {
      seed: Number(values.seed),
      nodes,
      loss: Number(values.loss),
      skew: Number(values.skew),
      delayMs: [least, most],
    },
    Number(values.seconds) * 1000,
  );
  all.push(one);
  process.stdout.write(`${rowOf(one)}\n`);
  process.stderr.write(`(${nodes} nodes took ${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
}
if (values.plot !== undefined) writeFileSync(values.plot, plotOf(all));
if (values.into !== undefined) {
  const plot = values.plot === undefined ? undefined : relative(dirname(values.into), values.plot);
  const block = blockOf(`npm run sim -- ${process.argv.slice(2).join(' ')}`, plot, all);
  writeFileSync(values.into, putInto(readFileSync(values.into, 'utf8'), block));
}
const faults = faultsOf(all);
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
