/** What a node sends and receives as the mesh grows, as a picture. Pure. */
import { fixed, text, ticksTo } from '../../scripts/lib/bench/svg.js';
import type { Figures } from './scenarios.js';

const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 70;
const RIGHT = 150;
const TOP = 20;
const BOTTOM = 40;
/** Told apart by who sees no difference between red and green (Okabe and Ito, 2008). */
const LINES = [
  { name: 'nothing happens', color: '#0072b2', of: (one: Figures) => one.quietBytes },
  { name: 'nodes die, cnvms move', color: '#d55e00', of: (one: Figures) => one.busyBytes },
] as const;

/** An SVG: the count of nodes to the right, in powers of ten, and bytes a second of one node upwards. */
export function plotOf(figures: readonly Figures[]): string {
  const most = Math.max(1, ...figures.flatMap((one) => LINES.map(({ of }) => of(one))));
  const least = Math.min(...figures.map(({ nodes }) => nodes));
  const span = Math.log10(Math.max(...figures.map(({ nodes }) => nodes)) / least) || 1;
  const x = (nodes: number) => LEFT + (Math.log10(nodes / least) / span) * (WIDTH - LEFT - RIGHT);
  const ticks = ticksTo(most);
  const end = ticks.at(-1) ?? most;
  const y = (bytes: number) => HEIGHT - BOTTOM - (bytes / end) * (HEIGHT - TOP - BOTTOM);
  const lines = LINES.flatMap(({ name, color, of }) => {
    const points = figures.map((one) => `${fixed(x(one.nodes))},${fixed(y(of(one)))}`);
    const last = figures.at(-1);
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map(
        (point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3" fill="${color}"/>`,
      ),
      last === undefined ? '' : text(x(last.nodes) + 8, y(of(last)) + 4, name, 'start'),
    ];
  });
  const columns = figures.map(({ nodes }) => text(x(nodes), HEIGHT - BOTTOM + 18, String(nodes), 'middle'));
  const rows = ticks.flatMap((bytes) => [
    `<path d="M${LEFT} ${fixed(y(bytes))}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
    text(LEFT - 8, y(bytes) + 4, bytes === 0 ? '0 B/s' : String(bytes), 'end'),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">`,
    '<title>What a node sends and receives, as the mesh grows</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...columns,
    ...rows,
    ...lines,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, 'nodes', 'middle'),
    '</svg>\n',
  ].join('\n');
}
