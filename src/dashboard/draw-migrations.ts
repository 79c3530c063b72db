/** What moves with its phases and figures, and what has moved with its downtime. */
import { byId, element, keep, setText } from './elements.js';
import { bytes, duration } from './figures.js';
import { type PageMigration, STEPS } from './words.js';

const PAST_MAX = 50;

export function drawRunning(running: readonly PageMigration[]): void {
  byId('none-running').hidden = running.length > 0;
  keep(byId('running'), running, ({ id }) => id, makeRunning, updateRunning);
}

function makeRunning({ name, source, target }: PageMigration): HTMLElement {
  const item = element('li', 'migration');
  const steps = element('ol', 'steps');
  steps.append(...STEPS.map((step) => element('li', '', step)));
  const progress = element('progress', '');
  progress.setAttribute('aria-label', `how far ${name} is`);
  item.append(
    element('strong', '', `${name}: ${source} → ${target}`),
    element('p', 'doing'),
    steps,
    progress,
    element('p', 'figures'),
  );
  return item;
}

function updateRunning(item: HTMLElement, migration: PageMigration): void {
  const { phase, doing, bytesDone, bytesTotal, bytesPerSecond, round, expectedDowntimeMs } = migration;
  const now = STEPS.indexOf(phase === 'postcopy' ? 'activate' : phase);
  for (const [at, step] of [...item.querySelectorAll<HTMLElement>('.steps li')].entries()) {
    step.dataset['done'] = at < now ? 'yes' : 'no';
    if (at === now) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
  }
  setText(item, '.doing', doing);
  const bar = item.querySelector('progress');
  if (bar !== null) {
    bar.max = Math.max(1, bytesTotal);
    bar.value = bytesDone;
    bar.hidden = bytesTotal === 0;
  }
  const moved = bytesTotal === 0 ? '' : `${bytes(bytesDone)} of ${bytes(bytesTotal)}, ${bytes(bytesPerSecond)}/s`;
  const memory = round === 0 ? '' : `, round ${round}`;
  const expected = expectedDowntimeMs === 0 ? '' : `, expected downtime ${duration(expectedDowntimeMs)}`;
  setText(item, '.figures', `${moved}${memory}${expected}`.replace(/^, /, ''));
}

export function drawPast(past: readonly PageMigration[]): void {
  const latest = [...past].sort((one, other) => other.endMs - one.endMs).slice(0, PAST_MAX);
  byId('none-past').hidden = latest.length > 0;
  keep(
    byId('past'),
    latest,
    ({ id }) => id,
    () => {
      const row = element('tr', '');
      row.append(...Array.from({ length: 9 }, (_, at) => element('td', `c${at}`)));
      return row;
    },
    (row, one) => {
      for (const [at, text] of cellsOf(one).entries()) setText(row, `.c${at}`, text);
    },
  );
}

function cellsOf(migration: PageMigration): string[] {
  const { endMs, name, source, target, outcome, downtimeMs, memoryBytes, diskBytes, totalMs, error } = migration;
  return [
    new Date(endMs).toLocaleTimeString(),
    name,
    source,
    target,
    error === '' ? outcome : `${outcome}: ${error}`,
    downtimeMs === 0 ? '-' : duration(downtimeMs),
    bytes(memoryBytes),
    bytes(diskBytes),
    duration(totalMs),
  ];
}
