/** The ways between the nodes, and what moves on them. */
import { byId } from './elements.js';
import { along, bend, type Point, partDone } from './layout.js';
import { type PageMigration, STEPS } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
/** With more it would be all lines. */
const LINKED_MAX = 9;
const PACKET_RADIUS = 9;

function shape(parent: Element, tag: string, key: string, className: string): SVGElement {
  const old = [...parent.children].find((child) => child instanceof SVGElement && child.dataset['key'] === key);
  if (old instanceof SVGElement) return old;
  const made = document.createElementNS(SVG, tag) as SVGElement;
  made.dataset['key'] = key;
  made.setAttribute('class', className);
  parent.append(made);
  return made;
}

/** In the map's own pixels. */
function centres(): Map<string, Point> {
  const origin = byId('map').getBoundingClientRect();
  const cards = [...document.querySelectorAll<HTMLElement>('#nodes > li')];
  return new Map(
    cards.map((card) => {
      const { left, top, width, height } = card.getBoundingClientRect();
      return [card.dataset['key'] ?? '', { x: left - origin.left + width / 2, y: top - origin.top + height / 2 }];
    }),
  );
}

export function drawWays(running: readonly PageMigration[]): void {
  const [ways, packets] = [byId('ways'), byId('packets')];
  const places = centres();
  const wanted = new Set<string>();
  if (places.size <= LINKED_MAX) drawLinks(ways, places, wanted);
  for (const migration of running) drawWay({ ways, packets }, places, migration, wanted);
  for (const child of [...ways.children, ...packets.children])
    if (!wanted.has((child as SVGElement).dataset['key'] ?? '')) child.remove();
}

function drawLinks(svg: Element, places: ReadonlyMap<string, Point>, wanted: Set<string>): void {
  const names = [...places.keys()];
  for (const [at, one] of names.entries()) {
    for (const other of names.slice(at + 1)) {
      const key = `link ${one} ${other}`;
      wanted.add(key);
      const line = shape(svg, 'line', key, 'link');
      const [from, to] = [places.get(one), places.get(other)];
      const ends = { x1: from?.x, y1: from?.y, x2: to?.x, y2: to?.y };
      for (const [name, value] of Object.entries(ends)) line.setAttribute(name, String(Math.round(value ?? 0)));
    }
  }
}

/** The packets lie on the cards, and the ways under them. */
function drawWay(
  { ways, packets }: { readonly ways: Element; readonly packets: Element },
  places: ReadonlyMap<string, Point>,
  { id, source, target, phase, bytesDone, bytesTotal }: PageMigration,
  wanted: Set<string>,
): void {
  const [from, to] = [places.get(source), places.get(target)];
  if (from === undefined || to === undefined) return;
  const over = bend(from, to);
  const way = shape(ways, 'path', `way ${id}`, 'way');
  way.setAttribute('d', `M${from.x} ${from.y}Q${over.x} ${over.y} ${to.x} ${to.y}`);
  const packet = shape(packets, 'circle', `packet ${id}`, 'packet');
  packet.setAttribute('r', String(PACKET_RADIUS));
  const at = along(from, over, to, partDone(STEPS, phase, bytesDone, bytesTotal));
  packet.style.transform = `translate(${at.x}px, ${at.y}px)`;
  wanted.add(`way ${id}`).add(`packet ${id}`);
}
