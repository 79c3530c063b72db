/** The Grafana dashboard and the alert rules: whole, and of figures that there are. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { createMeters } from '../../../src/telemetry/meters.js';
import { temporary } from '../../support/temporary.js';

const PROMTOOL = '/usr/bin/promtool';
const read = (file: string) => readFileSync(new URL(`../../../scripts/monitoring/${file}`, import.meta.url), 'utf8');
const docs = readFileSync(new URL('../../../src/docs/metrics.md', import.meta.url), 'utf8');
const { registry } = createMeters({
  node: 'node1',
  members: () => ({ own: undefined, others: [] }),
  cnvms: () => Promise.resolve([]),
  migrations: () => [],
  certificateEndMs: () => 0,
});
const metrics = registry.getMetricsAsArray() as unknown as { name: string; type: string; labelNames?: string[] }[];
/** With what a histogram has beside it. */
const NAMES = new Set(
  metrics.flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]).concat('up'),
);

/** The names of figures in an expression, without functions, labels and words of the language. */
function namesIn(expr: string): string[] {
  const bare = expr.replace(/\{[^}]*\}/g, '{}').replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  const words = [...bare.matchAll(/\b([a-z][a-z0-9_]*)\b(?!\s*\()/g)].map((match) => match[1] ?? '');
  return words.filter((word) => !['and', 'or', 'unless', 'by', 'd', 'h', 'm', 's'].includes(word) && !/^\d/.test(word));
}
/** Brackets that are opened are closed. */
function assertBalanced(expr: string): void {
  for (const [open, close] of ['()', '{}', '[]'].map((pair) => [...pair]))
    assert.equal(expr.split(open ?? '').length, expr.split(close ?? '').length, `${open}${close} in ${expr}`);
}
function assertKnown(expr: string): void {
  assertBalanced(expr);
  const bare = expr.replace(/\[[^\]]*\]/g, '');
  const names = namesIn(bare);
  assert.ok(names.length > 0, `no figure in ${expr}`);
  for (const name of names) assert.ok(NAMES.has(name), `${name} in ${expr} is no figure that there is`);
}

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}
interface Panel {
  id: number;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string }[];
}

describe('the alert rules', () => {
  const directory = temporary();
  const { groups } = parse(read('alerts.yml')) as { groups: { name: string; rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);

  for (const rule of rules) {
    it(`${rule.alert} asks for figures that there are, and says what to do`, () => {
      assertKnown(rule.expr);
      assert.match(rule.labels.severity, /^(critical|warning)$/);
      assert.ok(rule.annotations.summary.length > 10 && rule.annotations.description.length > 10);
      if (rule.for !== undefined) assert.match(rule.for, /^\d+[mh]$/);
      assert.deepEqual(
        Object.keys(rule).filter((key) => !['alert', 'expr', 'for', 'labels', 'annotations'].includes(key)),
        [],
      );
    });
  }

  // Prometheus' own word, where its tools are installed; the other tests do without.
  if (existsSync(PROMTOOL))
    it('are taken by promtool, and so is every expression of the dashboard', () => {
      const { panels } = JSON.parse(read('grafana-dashboard.json')) as { panels: Panel[] };
      const exprs = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
      const shown = exprs.map((expr, at) => ({
        record: `panel:${at}`,
        expr: expr.replace(/\$__rate_interval|\$__range/g, '5m').replaceAll('$instance', '.*'),
      }));
      const file = join(directory(), 'rules.yml');
      writeFileSync(file, stringify({ groups: [...groups, { name: 'dashboard', rules: shown }] }));
      execFileSync(PROMTOOL, ['check', 'rules', file]);
    });

  it('have names of their own', () => {
    assert.ok(rules.length >= 10);
    assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  });
});

describe('the Grafana dashboard', () => {
  const { panels, uid } = JSON.parse(read('grafana-dashboard.json')) as { panels: Panel[]; uid: string };

  for (const { title, targets } of panels) {
    it(`"${title}" shows figures that there are`, () => {
      assert.ok(targets.length > 0);
      for (const { expr } of targets) assertKnown(expr);
    });
  }

  it('has panels that do not lie on one another, each with an id of its own', () => {
    assert.equal(uid, 'cnvm');
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length);
    assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
  });
});

describe('the page about the figures', () => {
  it('names every one of cnvm, and none that there is not', () => {
    const own = metrics.map(({ name }) => name).filter((name) => name.startsWith('cnvm_'));
    for (const name of own) assert.ok(docs.includes(`\`${name}\``), `${name} is not in src/docs/metrics.md`);
    for (const [name] of docs.matchAll(/\bcnvm_[a-z_]+/g)) assert.ok(NAMES.has(name), `${name} is no figure`);
  });
});
