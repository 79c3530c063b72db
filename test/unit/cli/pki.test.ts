/** `cnvm pki` as people type it, each command a process of its own, from a new CA to a node that has joined and is out again. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readIdentity } from '../../../src/pki/identity.js';
import { temporary } from '../../support/temporary.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** As the package's own script bundles it: a process of it starts many times faster than from the sources. */
const BANNER =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";
let bundle = '';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function pki(argv: readonly string[], input = ''): Promise<Ended> {
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, [bundle, 'pki', ...argv], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

describe('cnvm pki', () => {
  let built = '';
  before(async () => {
    built = mkdtempSync(join(tmpdir(), 'cnvm-cli-'));
    bundle = join(built, 'dist', 'cli', 'cnvm.js');
    copyFileSync(join(ROOT, 'package.json'), join(built, 'package.json'));
    await build({
      ...{ entryPoints: [join(ROOT, 'src/cli/cnvm.ts')], outfile: bundle, bundle: true, platform: 'node' },
      ...{ format: 'esm', target: 'node20', banner: { js: BANNER } },
    });
  });
  after(() => rmSync(built, { recursive: true, force: true }));
  const directory = temporary();
  const ca = () => join(directory(), 'ca');
  const at = (...argv: string[]) => [...argv, '--dir', ca()];
  const must = async (argv: readonly string[], input = ''): Promise<string> => {
    const { code, stdout, stderr } = await pki(argv, input);
    assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`);
    return stdout;
  };

  it('makes, lists, renews and revokes, with private keys in a closed directory', async () => {
    await must(at('init'));
    await must(at('issue', 'node', 'node1'));
    await must(at('issue', 'operator', 'ann', '--ttl', '2d'));
    const { files } = JSON.parse(await must(at('issue', 'reader', 'bob', '--json'))) as { files: string[] };
    assert.deepEqual(
      files,
      ['key', 'crt'].map((end) => join(ca(), 'readers', `bob.${end}`)),
    );
    assert.equal(statSync(ca()).mode & 0o777, 0o700);
    for (const name of readdirSync(ca(), { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.key')))
      assert.equal(statSync(join(ca(), name)).mode & 0o777, 0o600, name);
    const before = readFileSync(join(ca(), 'nodes', 'node1.crt'), 'utf8');
    await must(at('renew', 'node', 'node1'));
    assert.notEqual(readFileSync(join(ca(), 'nodes', 'node1.crt'), 'utf8'), before);
    await must(at('revoke', 'node', 'node1'));
    const { code, stdout } = await pki(at('list', '--json'));
    // One expires within a week.
    assert.equal(code, 1);
    const rows = JSON.parse(stdout) as { role: string; name: string; state: string }[];
    assert.deepEqual(rows.map(({ role, name, state }) => `${role} ${name} ${state}`).sort(), [
      'node node1 revoked',
      'node node1 revoked',
      'operator ann valid',
      'reader bob valid',
    ]);
  }).timeout(120_000);

  it('says what is wrong, and what to do', async () => {
    const wrong: [string[], RegExp][] = [
      [at('issue', 'node', 'node1'), /holds no CA[\s\S]*cnvm pki init/],
      [at('issue', 'king', 'node1'), /"king" is no role; there are node, operator, reader/],
      [at('revoke'), /say whom/],
      [at('renew', 'node', 'node1'), /to renew[\s\S]*cnvm pki issue node node1/],
      [at('serve'), /no open token[\s\S]*cnvm pki token/],
      [at('issue', 'node', 'node1', '--ttl', '9999d'), /up to 398 days/],
    ];
    const ended = await Promise.all(wrong.map(([argv]) => pki(argv)));
    for (const [index, { code, stderr }] of ended.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, wrong[index]?.[1] ?? /^$/);
    }
  }).timeout(120_000);

  it('lets a machine join by a token that is on no command line, with a key that stays there', async () => {
    await must(at('init'));
    const listen = '127.0.0.1:17444';
    const token = (await must(at('token', '--node', 'node4', '--address', listen))).trim();
    const there = join(directory(), 'there');
    const seen = await pki(['join', token, '--node', 'node4', '--dir', there]);
    assert.equal(seen.code, 2);
    assert.match(seen.stderr, /can be read by everybody/);
    assert.ok(!seen.stderr.includes(token));
    const door = spawn(process.execPath, [bundle, 'pki', ...at('serve', '--listen', listen)]);
    const closed = once(door, 'exit');
    await once(door.stdout, 'data');
    await must(['join', '--node', 'node4', '--dir', there], token);
    const files = { ca: join(there, 'ca.crt'), cert: join(there, 'node.crt'), key: join(there, 'node.key') };
    assert.equal(readIdentity(files, 'node4').subject.name, 'node4');
    assert.equal(statSync(there).mode & 0o777, 0o700);
    assert.equal(statSync(files.key).mode & 0o777, 0o600);
    assert.ok(!existsSync(join(ca(), 'nodes', 'node4.key')));
    // It has nothing more to wait for.
    assert.deepEqual(await closed, [0, null]);
    const again = await pki(['join', '--node', 'node4', '--dir', there], token);
    assert.match(again.stderr, /is a node already/);
    await must(at('revoke', 'node', 'node4'));
  }).timeout(120_000);

  it('stops waiting for newcomers at Ctrl-C', async () => {
    await must(at('init'));
    await must(at('token'));
    const door = spawn(process.execPath, [bundle, 'pki', ...at('serve', '--listen', '127.0.0.1:0')]);
    const closed = once(door, 'exit');
    await once(door.stdout, 'data');
    door.kill('SIGINT');
    assert.deepEqual(await closed, [0, null]);
  }).timeout(60_000);

  it('shows no token to a mesh whose certificate it could not keep', async () => {
    await must(at('init'));
    const listen = '127.0.0.1:17445';
    const token = (await must(at('token', '--address', listen))).trim();
    const door = spawn(process.execPath, [bundle, 'pki', ...at('serve', '--listen', listen)]);
    const closed = once(door, 'exit');
    await once(door.stdout, 'data');
    const nowhere = join(ca(), 'ca.crt', 'pki');
    const { code, stderr } = await pki(['join', '--node', 'node5', '--dir', nowhere], token);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /cannot write/);
    await must(['join', '--node', 'node5', '--dir', join(directory(), 'there')], token);
    assert.deepEqual(await closed, [0, null]);
  }).timeout(120_000);
});
