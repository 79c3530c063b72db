/** The house's rules that no linter knows: floors, sizes, purity, names. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => existsSync(join(ROOT, file)));
const sources = tracked.filter((file) => file.startsWith('src/') && file.endsWith('.ts'));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** From the top of the house down; a file imports its own room or one further down. */
const FLOORS = [
  ['main', 'cli'],
  ['plant-faults'],
  ['daemon'],
  ['parts'],
  ['rpc'],
  ['telemetry'],
  ['watch'],
  ['snapshots'],
  ['migration'],
  ['mesh'],
  ['pki'],
  ['overlay'],
  ['cnvms'],
  ['images'],
  ['tools'],
  ['base'],
  ['gen'],
  ['dashboard'],
];
/** `cli` calls the daemon; what it shares with `rpc` is how errors travel. */
const LINES_MAX = 300;
const FUNCTION_LINES_MAX = 60;
/** Decisions: no waiting, no clock, nothing of the host. */
const PURE = [
  'src/base/figures.ts',
  'src/cnvms/address.ts',
  'src/cnvms/bundle.ts',
  'src/cnvms/check-new.ts',
  'src/cnvms/labels.ts',
  'src/cnvms/program.ts',
  'src/cnvms/seccomp.ts',
  'src/cnvms/states.ts',
  'src/cnvms/unmovable.ts',
  'src/cnvms/users.ts',
  'src/images/garbage.ts',
  'src/images/layers.ts',
  'src/images/layout.ts',
  'src/images/oci.ts',
  'src/images/reference.ts',
  'src/images/space.ts',
  'src/mesh/directory.ts',
  'src/mesh/find-peer.ts',
  'src/mesh/placement.ts',
  'src/mesh/shortlist.ts',
  'src/mesh/standing.ts',
  'src/mesh/strains.ts',
  'src/mesh/swim/arithmetic.ts',
  'src/mesh/swim/card.ts',
  'src/mesh/swim/claims.ts',
  'src/mesh/swim/compare.ts',
  'src/mesh/swim/digest.ts',
  'src/mesh/swim/gossip-queue.ts',
  'src/mesh/swim/hear.ts',
  'src/mesh/swim/probe.ts',
  'src/mesh/swim/settings.ts',
  'src/mesh/swim/size.ts',
  'src/mesh/swim/state.ts',
  'src/mesh/swim/swim.ts',
  'src/mesh/swim/talk.ts',
  'src/mesh/swim/timers.ts',
  'src/mesh/swim/words.ts',
  'src/mesh/versions.ts',
  'src/migration/convergence.ts',
  'src/migration/freeze-cost.ts',
  'src/migration/leftover.ts',
  'src/migration/memory-mode.ts',
  'src/migration/negotiate.ts',
  'src/migration/outcome.ts',
  'src/migration/protocol.ts',
  'src/migration/residue.ts',
  'src/migration/round-text.ts',
  'src/migration/token-bucket.ts',
  'src/overlay/hook.ts',
  'src/overlay/publish.ts',
  'src/overlay/rules.ts',
  'src/overlay/tunnel.ts',
  'src/overlay/wanted.ts',
  'src/overlay/world.ts',
  'src/pki/join-token.ts',
  'src/pki/lifetimes.ts',
  'src/pki/revoked.ts',
  'src/pki/subject.ts',
  'src/snapshots/manifest.ts',
  'src/snapshots/refusals.ts',
  'src/rpc/link-speed.ts',
  'src/rpc/roles.ts',
  'src/telemetry/migration-spans.ts',
  'src/watch/happenings.ts',
  'src/watch/stand.ts',
  'src/dashboard/layout.ts',
  'src/cli/arguments.ts',
  'src/cli/dashboard-messages.ts',
  'src/cli/evacuation-text.ts',
  'src/cli/exit-codes.ts',
  'src/cli/lifetime.ts',
  'src/cli/progress.ts',
  'src/cli/text.ts',
  'src/cli/top-text.ts',
  'src/cli/watch-text.ts',
];

function roomOf(file: string): string {
  const [, first = ''] = file.split('/');
  return basename(first, '.ts');
}

function floorOf(room: string): number {
  const floor = FLOORS.findIndex((rooms) => rooms.includes(room));
  assert.notEqual(floor, -1, `the room ${room} has no floor`);
  return floor;
}

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/^(?:import|export)[^;]*?from '([^']+)';/gms)].map((match) => match[1] ?? '');
}

describe('tidy', () => {
  it('imports go down the house, never up', () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((path) => path.startsWith('.'))
        .map((path) => relative(ROOT, join(ROOT, file, '..', path)).replace(/\.js$/, '.ts'))
        .filter((target) => floorOf(roomOf(target)) < floorOf(roomOf(file)))
        .map((target) => `${file} -> ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('only tools/run.ts imports execa, and only the entry points read argv and environment', () => {
    const execa = sources.filter((file) => importsOf(file).includes('execa'));
    assert.deepEqual(execa, ['src/tools/run.ts']);
    const argv = sources.filter(
      (file) => /process\.(argv|env)\b/.test(read(file)) && !/^src\/(main\.ts|cli\/)/.test(file),
    );
    assert.deepEqual(argv, []);
  });

  it('files are small and open with what they are for', () => {
    const wrong = sources.filter((file) => read(file).split('\n').length > LINES_MAX);
    assert.deepEqual(wrong, []);
    const silent = sources.filter((file) => !/^(#!.*\n)?(import type.*\n)*\/\*\*/.test(read(file)));
    assert.deepEqual(silent, []);
  });

  it('functions are short', () => {
    const long = sources.flatMap((file) =>
      functionsOf(read(file))
        .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
        .map(({ name, lines }) => `${file}: ${name} has ${lines} lines`),
    );
    assert.deepEqual(long, []);
  });

  it('decisions are pure', () => {
    for (const file of PURE) {
      const text = read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      assert.doesNotMatch(text, /\bawait\b|\bDate\.now\b|new Date\(\)|performance\.|from 'node:|process\./, file);
    }
  });

  it('names say what is inside', () => {
    const vague = tracked.filter((file) => /(^|[-/])(manager|service|helper|util|utils|index)s?\.ts$/.test(file));
    assert.deepEqual(vague, []);
  });

  it('the map names every room', () => {
    const map = read('src/README.md');
    const rooms = new Set(sources.filter((file) => file.split('/').length > 2).map(roomOf));
    for (const room of rooms) assert.match(map, new RegExp(`\`${room}/\``), `src/README.md does not name ${room}/`);
  });

  it('nothing but what belongs there stands at the top', () => {
    const top = new Set(tracked.map((file) => file.split('/')[0]));
    const allowed = [
      '.ci',
      '.gitignore',
      '.mocharc.json',
      '.npmrc',
      'LICENSE',
      'README.md',
      'ansible',
      'biome.json',
      'buf.gen.yaml',
      'buf.yaml',
    ];
    const more = ['knip.json', 'package-lock.json', 'package.json', 'proto', 'scripts', 'src', 'test', 'tsconfig.json'];
    assert.deepEqual(
      [...top].filter((name) => ![...allowed, ...more].includes(name ?? '')),
      [],
    );
  });
});

/** Named functions and how many lines each has; one that only builds and returns a table of small ones is not counted. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n');
  const found: { name: string; lines: number }[] = [];
  for (const [start, line] of lines.entries()) {
    const match =
      /^( *)(?:export )?(?:async )?function\*? (\w+)/.exec(line) ?? /^( +)(?:async )?\*?(\w+)\(.*\{$/.exec(line);
    if (match === null || /^(if|for|while|switch|catch)$/.test(match[2] ?? '')) continue;
    if (/^create[A-Z]|^open[A-Z]/.test(match[2] ?? '')) continue;
    const end = lines.findIndex((candidate, index) => index > start && candidate === `${match[1]}}`);
    if (end > start) found.push({ name: match[2] ?? '', lines: end - start + 1 });
  }
  return found;
}
