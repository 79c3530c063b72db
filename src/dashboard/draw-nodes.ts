/** The nodes of the mesh with their cnvms, on the map. */
import { byId, element, keep, setText } from './elements.js';
import { bytes } from './figures.js';
import { placesOf } from './layout.js';
import type { PageCnvm, PageNode } from './words.js';

/** More do not fit on a ring. */
const RING_MAX = 9;
const byName = (one: { readonly name: string }, other: { readonly name: string }) => one.name.localeCompare(other.name);

/** @param chosen the name of a node or a cnvm. */
export function drawNodes(nodes: readonly PageNode[], cnvms: readonly PageCnvm[], chosen: string): void {
  const sorted = [...nodes].sort(byName);
  const places = placesOf(sorted.length);
  byId('map').dataset['round'] = sorted.length <= RING_MAX ? 'yes' : 'no';
  keep(
    byId('nodes'),
    sorted,
    ({ name }) => name,
    makeNode,
    (card, node) => {
      const place = places[sorted.indexOf(node)];
      card.style.setProperty('--x', String(place?.x ?? 0));
      card.style.setProperty('--y', String(place?.y ?? 0));
      card.dataset['state'] = node.state;
      setText(card, '.facts', factsOf(node));
      press(card.querySelector('.name'), node.name === chosen);
      drawCnvms(card, cnvms.filter(({ owner }) => owner === node.name).sort(byName), chosen);
    },
  );
}

function makeNode({ name }: PageNode): HTMLElement {
  const card = element('li', 'node');
  const head = element('button', 'name', name);
  head.dataset['name'] = name;
  card.append(head, element('p', 'facts'), element('ul', 'cnvms'));
  return card;
}

function factsOf({ state, self, cordoned, load, cpus, memoryTotalBytes, memoryAvailableBytes }: PageNode): string {
  const memory = memoryTotalBytes === 0 ? '' : `, ${bytes(memoryAvailableBytes)} free`;
  return `${state}${self ? ', asked' : ''}${cordoned ? ', cordoned' : ''}, load ${load.toFixed(2)}${cpus === 0 ? '' : ` on ${cpus} CPUs`}${memory}`;
}

function drawCnvms(card: HTMLElement, cnvms: readonly PageCnvm[], chosen: string): void {
  const list = card.querySelector('.cnvms');
  if (list === null) return;
  keep(
    list,
    cnvms,
    ({ name }) => name,
    ({ name }) => {
      const item = element('li', 'cnvm');
      const button = element('button', '');
      button.dataset['name'] = name;
      item.append(button);
      return item;
    },
    (item, { name, state, address, epoch, conflict }) => {
      item.dataset['state'] = state;
      item.dataset['conflict'] = conflict === '' ? 'no' : 'yes';
      item.title = `${address}, epoch ${epoch}${conflict === '' ? '' : `; ${conflict}`}`;
      setText(item, 'button', `${name} · ${state}${conflict === '' ? '' : ' (!)'}`);
      press(item.querySelector('button'), name === chosen);
    },
  );
}

function press(button: Element | null, pressed: boolean): void {
  button?.setAttribute('aria-pressed', String(pressed));
}
