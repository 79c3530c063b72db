/** `cnvm top`: the nodes, the cnvms and what moves, live on the whole terminal. Decides nothing. */
import type { Command } from 'commander';
import { type CommonOptions, connected, withCommonOptions } from './common-options.js';
import type { Connection } from './connect.js';
import { applied, followMesh } from './follow-mesh.js';
import { openFullScreen } from './full-screen.js';
import { jsonText } from './text.js';
import { topScreen, topText } from './top-text.js';
import type { Mesh } from './watch-text.js';

const EVERYTHING = { kinds: [], name: '' };
/** As often as people see a difference. */
const DRAW_EVERY_MS = 250;
/** Times go on while nothing happens. */
const TICK_MS = 1_000;

export function addTopCommand(program: Command): void {
  withCommonOptions(program.command('top'))
    .description('a live view of the nodes, the cnvms and what moves; q quits')
    .option('--once', 'print it once and end, as where there is no terminal')
    .action(top);
}

async function top(options: CommonOptions & { once?: boolean }): Promise<void> {
  const live = process.stdout.isTTY && process.stdin.isTTY && !options.once && !options.json;
  await connected(options, async (connection) => {
    if (live) await show(connection);
    else await print(connection, options.json ?? false);
  });
}

async function print(connection: Connection, json: boolean): Promise<void> {
  for await (const item of followMesh(connection, EVERYTHING)) {
    if (item.kind !== 'snapshot') continue;
    process.stdout.write(json ? `${jsonText({ time: item.time, ...item.mesh })}\n` : topText(item.mesh, new Date()));
    return;
  }
}

async function show(connection: Connection): Promise<void> {
  const quit = new AbortController();
  let mesh: Mesh | undefined;
  let drawn = 0;
  let waiting: NodeJS.Timeout | undefined;
  const draw = () => {
    waiting = undefined;
    drawn = Date.now();
    const lines = mesh === undefined ? [`asking ${connection.who} ...`] : topScreen(mesh, new Date(), screen.size());
    screen.draw(lines);
  };
  const drawSoon = () => {
    waiting ??= setTimeout(draw, Math.max(0, drawn + DRAW_EVERY_MS - Date.now()));
  };
  const screen = openFullScreen(process.stdin, process.stdout, { quit: () => quit.abort(), resized: drawSoon });
  const tick = setInterval(drawSoon, TICK_MS);
  try {
    draw();
    for await (const item of followMesh(connection, EVERYTHING, quit.signal)) {
      if (item.kind === 'snapshot') mesh = item.mesh;
      if (item.kind === 'event' && mesh !== undefined) mesh = applied(mesh, item.event);
      drawSoon();
    }
  } finally {
    clearInterval(tick);
    clearTimeout(waiting);
    screen.leave();
  }
}
