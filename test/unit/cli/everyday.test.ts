/** What people who run a mesh need every day, where no daemon answers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { remember } from '../../../src/cli/first-login-command.js';
import { bundledCli } from '../../support/bundled-cli.js';
import { temporary } from '../../support/temporary.js';

const PLANTED = 'Pl4nt3dS3cr3t';

describe('every day', () => {
  const run = bundledCli();
  const directory = temporary();
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory(), name), text);
    return join(directory(), name);
  };

  it('the config is explained, and a wrong one has every wrong key named', async () => {
    const good = write('good.yaml', 'node: node1\noverlay: {address: 10.100.0.1}\n');
    const { stdout, code } = await run('cnvm', ['config', 'show', good]);
    assert.equal(code, 0);
    assert.match(stdout, /^node +file +node1$/m);
    assert.match(stdout, /^limits\.stall +default +30$/m);
    assert.match((await run('cnvm', ['config', 'check', good])).stdout, /is valid/);
    const bad = await run('cnvm', ['config', 'check', write('bad.yaml', 'node: A B\noverlay: {address: x}\n')]);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /node: must be a lower-case DNS name[\s\S]*overlay\.address: must be an IPv4 address/);
    assert.equal((await run('cnvm', ['config', 'show', '/nowhere'])).code, 2);
  }).timeout(60_000);

  it('a support bundle holds what is known, and nothing that is secret', async () => {
    for (const name of ['migrations', 'cnvms/web']) mkdirSync(join(directory(), 'state', name), { recursive: true });
    const key = `-----BEGIN PRIVATE KEY-----\n${PLANTED}\n-----END PRIVATE KEY-----`;
    write('state/audit.log', `alice forced web --token ${PLANTED}\n`);
    write('state/migrations/1.json', JSON.stringify({ id: '1', reasons: [`password=${PLANTED}`] }));
    write(
      'state/cnvms/web/record.json',
      JSON.stringify({ name: 'web', program: { env: [`DB=${PLANTED}`], command: [PLANTED] } }),
    );
    const config = write('cnvmd.yaml', `node: node1\npassword: ${PLANTED}\n`);
    const log = write(
      'cnvmd.log',
      `{"msg":"serving"}\n{"authorization":"Bearer ${PLANTED}"}\ncnvm-join-${PLANTED}\n${key}\n`,
    );
    const out = join(directory(), 'bundle.tar.gz');
    const at = ['--out', out, '--config', config, '--state', join(directory(), 'state'), '--log', log];
    const { stdout, code, stderr } = await run('cnvm', [
      'support-bundle',
      ...at,
      '--socket',
      '/nowhere.sock',
      '--json',
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    const { files } = JSON.parse(stdout) as { files: string[] };
    for (const file of [
      'cnvmd.yaml',
      'log.txt',
      'audit.log',
      'migrations-1.json',
      'cnvms-web.json',
      'nodes.json',
      'kernel.txt',
    ])
      assert.ok(files.includes(file), `${file} in ${files.join()}`);
    const all = execFileSync('tar', ['--extract', '--to-stdout', '--file', out], { encoding: 'utf8' });
    assert.doesNotMatch(all, new RegExp(PLANTED));
    assert.match(all, /serving/);
    assert.match(all, /not to be had: .*\/nowhere\.sock/);
    assert.ok(readFileSync(out).length > 0);
  }).timeout(60_000);

  it('a first login says that no daemon answers', async () => {
    const { code, stderr } = await run('cnvm', ['first-login', '--socket', '/nowhere.sock'], '', {
      XDG_STATE_HOME: directory(),
    });
    assert.equal(code, 4);
    assert.match(stderr, /Is cnvmd running/);
  }).timeout(60_000);

  it('what a first login cannot note is no failure', async () => {
    assert.equal(await remember(join(directory(), 'a/b/c')), undefined);
    assert.match(
      (await remember(join(write('file', ''), 'below'))) ?? '',
      /said again at the next login: .*ENOTDIR|EEXIST/,
    );
  });

  it('and nothing where somebody has logged in before', async () => {
    mkdirSync(join(directory(), 'cnvm'));
    write('cnvm/has-logged-in', '');
    const ended = await run('cnvm', ['first-login', '--socket', '/nowhere.sock'], '', { XDG_STATE_HOME: directory() });
    assert.deepEqual(ended, { code: 0, stdout: '', stderr: '' });
  }).timeout(60_000);
});
