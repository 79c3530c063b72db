/**
 * The page that people look at: the mesh as a map, what moves in it, what has moved. Invariant: it shows what the server has told it
 * and asks for nothing else; text is only ever set as text.
 */

import { drawPast, drawRunning } from './draw-migrations.js';
import { drawNodes } from './draw-nodes.js';
import { drawWays } from './draw-ways.js';
import { byId, element } from './elements.js';
import type { PageChange, PageCnvm, PageMigration, PageNode, PageSnapshot } from './words.js';

/** A screen full. */
const LINES_MAX = 30;

const nodes = new Map<string, PageNode>();
const cnvms = new Map<string, PageCnvm>();
const migrations = new Map<string, PageMigration>();
const tables = { node: nodes, cnvm: cnvms, migration: migrations };
let chosen = '';
let waiting = false;

function drawSoon(): void {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function draw(): void {
  drawNodes([...nodes.values()], [...cnvms.values()], chosen);
  const all = [...migrations.values()];
  const running = all.filter(({ endMs }) => endMs === 0);
  drawRunning(running);
  const wanted = all.filter(({ name, source, target }) => chosen === '' || [name, source, target].includes(chosen));
  drawPast(wanted.filter(({ endMs }) => endMs > 0));
  drawWays(running);
}

function choose(name: string): void {
  chosen = chosen === name ? '' : name;
  drawSoon();
}

function say(line: string): void {
  const log = byId('log');
  log.prepend(element('li', 'line', line));
  while (log.childElementCount > LINES_MAX) log.lastElementChild?.remove();
}

function showState(text: string, live: boolean): void {
  const state = byId('state');
  state.textContent = text;
  state.dataset['live'] = live ? 'yes' : 'no';
}

function stand({ node, nodes: all, cnvms: machines, migrations: moves }: PageSnapshot): void {
  for (const table of Object.values(tables)) table.clear();
  for (const one of all) nodes.set(one.name, one);
  for (const one of machines) cnvms.set(one.name, one);
  for (const one of moves) migrations.set(one.id, one);
  byId('from').textContent = `seen from ${node}`;
  showState('live', true);
  drawSoon();
}

function change({ kind, key, value, line }: PageChange): void {
  if (value === undefined) tables[kind].delete(key);
  else (tables[kind] as Map<string, typeof value>).set(key, value);
  if (line !== '') say(line);
  drawSoon();
}

const source = new EventSource('events');
const told = <T>(event: Event): T => JSON.parse((event as MessageEvent<string>).data) as T;
source.addEventListener('snapshot', (event) => stand(told(event)));
source.addEventListener('change', (event) => change(told(event)));
source.addEventListener('down', (event) => showState(told<{ why: string }>(event).why, false));
source.addEventListener('error', () => showState('cnvm dashboard does not answer; trying again', false));

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>('button[data-name]') : null;
  if (button !== null) choose(button.dataset['name'] ?? '');
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && chosen !== '') choose(chosen);
});
addEventListener('resize', drawSoon);
