/**
 * `npm run sim`: the simulated mesh in every size, as a table on standard output and a picture in a file.
 *   npm run sim -- [--sizes 3,10,...] [--seed N] [--loss PART] [--seconds N] [--plot FILE]
 * Exit code 1 when the traffic of a node does not stay flat, or somebody was wrongly taken for dead.
 */
import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { notFlat } from './flat.js';
import { plotOf } from './plot.js';
import { type Figures, measure } from './scenarios.js';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '3,10,30,100,300,1000' },
    seed: { type: 'string', default: '1' },
    loss: { type: 'string', default: '0.01' },
    seconds: { type: 'string', default: '40' },
    plot: { type: 'string' },
  },
});

const HEADER = [
  'nodes',
  'joined',
  'quiet B/s',
  'busy B/s',
  'dead after',
  'move known',
  'healed',
  'false dead',
  'suspects',
];
const row = (cells: readonly (string | number)[]) => `${cells.map((cell) => String(cell).padStart(11)).join('')}\n`;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

const all: Figures[] = [];
process.stdout.write(`seed ${values.seed}, ${Number(values.loss) * 100} % of messages lost, clocks off by up to 1 %\n`);
process.stdout.write(row(HEADER));
for (const nodes of values.sizes.split(',').map(Number)) {
  const began = performance.now();
  const one = measure(
    { seed: Number(values.seed), nodes, loss: Number(values.loss), skew: 0.01 },
    Number(values.seconds) * 1000,
  );
  all.push(one);
  process.stdout.write(
    row([
      nodes,
      seconds(one.joinMs),
      Math.round(one.quietBytes),
      Math.round(one.busyBytes),
      seconds(one.deathMs),
      seconds(one.moveMs),
      seconds(one.healMs),
      one.falseDeaths,
      one.falseSuspicions,
    ]),
  );
  process.stderr.write(`(${nodes} nodes took ${seconds(performance.now() - began)})\n`);
}
if (values.plot !== undefined) writeFileSync(values.plot, plotOf(all));
const wrong = [
  ...notFlat(all),
  ...all.filter(({ falseDeaths }) => falseDeaths > 0).map(({ nodes }) => `false deaths among ${nodes}`),
];
for (const line of wrong) process.stderr.write(`${line}\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
