/** The dashboard's page in a real Chromium, of a mesh of real daemons on hosts that are not there. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenDashboard, openDashboard } from '../mesh/open-dashboard.js';
import { eventually, testMesh } from '../mesh/support.js';
import { animate, type Browser, openChromium } from './chromium.js';

/** The first one makes the browser's root. */
const ROOT_MS = 10 * 60_000;
/** Where pictures for the docs go, if anywhere. */
const PICTURES = process.env['CNVM_PICTURES'];
const FRAME_MS = 250;
const SNEAKER = 'sneaker01.gonkulator.io';

type Page = Awaited<ReturnType<Browser['open']>>;

describe('the page', () => {
  const mesh = testMesh(['node1', 'node2', 'node3'], 'all');
  let browser: Browser;
  let dashboard: OpenDashboard;
  let page: Page;

  before(async function () {
    this.timeout(ROOT_MS);
    browser = await openChromium();
    const [node1, node2, node3] = [mesh().node('node1'), mesh().node('node2'), mesh().node('node3')];
    await node1.create(SNEAKER);
    await node1.create('db.example');
    await node2.create('web.example');
    await node3.create('batch.example', { start: false });
    dashboard = await openDashboard(node3.readerSocket());
    page = await browser.open(dashboard.url);
    await page.size(1280, 900);
    await shows(
      'every node and cnvm',
      `document.querySelectorAll('.cnvm').length === 4 && document.querySelectorAll('.node').length === 3`,
    );
  });
  after(async () => {
    await dashboard?.close();
    await browser?.close();
  });

  const shows = (what: string, expression: string) =>
    eventually(what, () => page.evaluate<boolean>(expression), 10_000);
  async function picture(name: string): Promise<void> {
    const png = await page.picture();
    assert.ok(png.length > 5_000 && png.subarray(1, 4).toString() === 'PNG');
    if (PICTURES !== undefined) writeFileSync(join(PICTURES, `${name}.png`), png);
  }
  const film: Buffer[] = [];
  async function frames(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) film.push(await page.picture());
  }
  const cnvmOn = (node: string, name: string) =>
    `[...document.querySelectorAll('.node[data-key="${node}"] .cnvm')].some((one) => one.dataset.key === '${name}')`;

  it('has the nodes around the map, with their cnvms on them', async () => {
    assert.ok(await page.evaluate(cnvmOn('node1', SNEAKER)));
    assert.ok(await page.evaluate(cnvmOn('node3', 'batch.example')));
    const places = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.node')].map((one) => { const { x, y } = one.getBoundingClientRect(); return Math.round(x) + ' ' + Math.round(y); })`,
    );
    assert.equal(new Set(places).size, 3);
    const apart = await page.evaluate<boolean>(
      `(() => { const boxes = [...document.querySelectorAll('.node')].map((one) => one.getBoundingClientRect());
        return boxes.every((a, i) => boxes.every((b, j) => i === j || a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top)); })()`,
    );
    assert.ok(apart, 'no node lies on another');
    assert.equal(await page.evaluate(`document.querySelectorAll('#ways .link').length`), 3);
  });

  it('shows a migration on its way, its phase, and afterwards its downtime', async () => {
    const node1 = mesh().node('node1');
    const hold = node1.host.plan.hold('machine.freeze', 'after');
    const moving = node1.teleport(SNEAKER, 'node2');
    await hold.reached;
    await shows('the freeze', `document.querySelector('#running [aria-current="step"]')?.textContent === 'freeze'`);
    await shows('the packet', `document.querySelectorAll('#packets .packet').length === 1`);
    await shows(
      'the frozen cnvm',
      `document.querySelector('.cnvm[data-key="${SNEAKER}"]')?.dataset.state === 'frozen'`,
    );
    // Between the two, off the straight line.
    await shows(
      'the packet on its way',
      `(() => { const at = (one) => { const { x, y, width, height } = document.querySelector(one).getBoundingClientRect(); return [x + width / 2, y + height / 2]; };
        const [from, to, packet] = [at('.node[data-key="node1"]'), at('.node[data-key="node2"]'), at('#packets .packet')];
        return [0, 1].every((axis) => packet[axis] > Math.min(from[axis], to[axis]) && packet[axis] < Math.max(from[axis], to[axis])); })()`,
    );
    await page.media('prefers-color-scheme', 'light');
    await picture('dashboard-frozen');
    hold.goOn();
    assert.equal((await moving).outcome, 'succeeded');
    await shows('the cnvm at node2', cnvmOn('node2', SNEAKER));
    await shows(
      'that nothing moves',
      `document.querySelectorAll('#running > li').length === 0 && !document.querySelector('#none-running').hidden`,
    );
    const row = await page.evaluate<string[]>(
      `[...document.querySelector('#past tr').children].map((cell) => cell.textContent)`,
    );
    assert.deepEqual(row.slice(1, 5), [SNEAKER, 'node1', 'node2', 'succeeded']);
    assert.match(row[5] ?? '', /^\d+ ms$|^\d+\.\d s$/);
    assert.match(
      await page.evaluate<string>(`document.querySelector('#log').textContent`),
      /moved from node1 to node2/,
    );
  });

  it('takes the packet along from phase to phase', async () => {
    const source = mesh().node('node2');
    const holds = [
      source.host.plan.hold('machine.flushDisk', 'after'),
      source.host.plan.hold('machine.freeze', 'after'),
      mesh().node('node1').host.plan.hold('machine.restore', 'before'),
    ];
    await page.size(900, 720);
    await frames(2);
    const moving = source.teleport(SNEAKER, 'node1');
    const steps: string[] = [];
    for (const hold of holds) {
      await hold.reached;
      await shows('a step', `document.querySelectorAll('#running [aria-current="step"]').length === 1`);
      await frames(5);
      steps.push(await page.evaluate<string>(`document.querySelector('#running [aria-current="step"]').textContent`));
      hold.goOn();
    }
    assert.equal((await moving).outcome, 'succeeded');
    await shows('the cnvm at node1', cnvmOn('node1', SNEAKER));
    await frames(6);
    assert.equal(new Set(steps).size, 3, steps.join(', '));
    if (PICTURES !== undefined) writeFileSync(join(PICTURES, 'dashboard.webp'), animate(film, FRAME_MS));
    await page.size(1280, 900);
  });

  it('is used by keyboard: what is chosen narrows the history down, and Escape shows all', async () => {
    const rows = `document.querySelectorAll('#past tr').length`;
    assert.equal(await page.evaluate(rows), 2);
    await page.evaluate(`document.activeElement?.blur()`);
    await page.press('Tab');
    assert.equal(await page.evaluate(`document.activeElement.dataset.name`), 'node1', 'the first that is focused');
    for (let at = 0; at < 10 && (await page.evaluate(`document.activeElement.dataset.name`)) !== 'node3'; at += 1)
      await page.press('Tab');
    await page.press('Enter');
    await shows('node3 as chosen', `document.activeElement.getAttribute('aria-pressed') === 'true'`);
    await shows('that node3 had no part in it', `${rows} === 0`);
    // What is drawn anew keeps the focus.
    await mesh().node('node2').create('another.example');
    await shows('the new one', cnvmOn('node2', 'another.example'));
    assert.equal(await page.evaluate(`document.activeElement.dataset.name`), 'node3');
    await page.press('Escape');
    await shows('all', `${rows} === 2`);
  });

  it('fits a phone, and moves nothing for who wants no motion', async () => {
    const hold = mesh().node('node1').host.plan.hold('machine.freeze', 'after');
    const moving = mesh().node('node1').teleport(SNEAKER, 'node3');
    await hold.reached;
    await shows('the way', `document.querySelectorAll('#ways .way').length === 1`);
    await page.size(1120, 1180);
    await picture('dashboard');
    await page.size(360, 740);
    assert.equal(await page.evaluate(`document.documentElement.scrollWidth`), 360);
    assert.notEqual(
      await page.evaluate(`getComputedStyle(document.querySelector('#ways .way')).animationName`),
      'none',
    );
    await page.media('prefers-reduced-motion', 'reduce');
    assert.equal(await page.evaluate(`getComputedStyle(document.querySelector('#ways .way')).animationName`), 'none');
    assert.equal(
      await page.evaluate(`getComputedStyle(document.querySelector('#packets .packet')).transitionDuration`),
      '0s',
    );
    await picture('dashboard-phone');
    hold.goOn();
    assert.equal((await moving).outcome, 'succeeded');
    await page.size(1280, 900);
  });

  it('says when the daemon is gone, and nothing has gone wrong in it before', async () => {
    assert.deepEqual(page.complaints, []);
    await mesh().node('node3').stop();
    await shows('that it is gone', `document.querySelector('#state').dataset.live === 'no'`);
    assert.ok((await page.evaluate<string>(`document.querySelector('#state').textContent`)).length > 5);
    await mesh().node('node3').begin();
  });
});
