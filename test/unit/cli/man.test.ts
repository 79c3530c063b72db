/** The manual says what `--help` says: of every command that there is, and of every option. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pageFromHelp } from '../../../src/cli/man-page.js';
import { bundledCli } from '../../support/bundled-cli.js';
import { temporary } from '../../support/temporary.js';

/** As somebody reads it. */
const plain = (roff: string) =>
  roff.replaceAll('\\-', '-').replaceAll('\\(dq', '"').replaceAll('\\&', '').replaceAll('\\e', '\\');
const optionsIn = (help: string) => [...help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option ?? '');
/** The part of a help that lists commands. */
const commandsIn = (help: string) =>
  [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name ?? '');

describe('the manual', () => {
  const run = bundledCli();
  const directory = temporary();

  it('has every command and every option', async () => {
    assert.equal((await run('cnvm', ['__man', directory()])).code, 0);
    const pageOf = (name: string) => plain(readFileSync(join(directory(), `${name}.1`), 'utf8'));
    const top = (await run('cnvm', ['--help'])).stdout;
    const commands = commandsIn(top).filter((name) => name !== 'help');
    assert.ok(commands.length > 20, top);
    assert.deepEqual(readdirSync(directory()).sort(), ['cnvm.1', ...commands.map((name) => `cnvm-${name}.1`)].sort());
    for (const name of commands) assert.match(pageOf('cnvm'), new RegExp(`cnvm-${name}\\(1\\)`));
    await Promise.all(
      commands.map(async (name) => {
        const { stdout: help } = await run('cnvm', [name, '--help']);
        const page = pageOf(`cnvm-${name}`);
        for (const option of optionsIn(help)) assert.ok(page.includes(option), `${option} of ${name}`);
        for (const below of commandsIn(help).filter((one) => one !== 'help')) {
          const more = (await run('cnvm', [name, below, '--help'])).stdout;
          assert.ok(page.includes(`cnvm ${name} ${below}`), `${name} ${below}`);
          for (const option of optionsIn(more)) assert.ok(page.includes(option), `${option} of ${name} ${below}`);
        }
      }),
    );
  }).timeout(180_000);

  it('has what a help says after the options, and the one of teleport', async () => {
    const { stdout } = await run('teleport', ['__man']);
    const { stdout: help } = await run('teleport', ['--help']);
    for (const option of optionsIn(help)) assert.ok(plain(stdout).includes(option), option);
    assert.match(plain(stdout), /Ctrl-C calls the migration off/);
    assert.match(plain(stdout), /^Exit codes: 0 done/m);
  }).timeout(60_000);

  it('takes no word of ours for a request of roff', () => {
    const { file, text } = pageFromHelp('x.8', 'Usage: x\n\nIt does. More.\n.hidden\n\'quoted\na \\ b "c"\n', '1');
    assert.equal(file, 'x.8');
    assert.match(text, /^\\&\.hidden$/m);
    assert.match(text, /^\\&'quoted$/m);
    assert.match(text, /^a \\e b \\\(dqc\\\(dq$/m);
    assert.match(text, /^x \\- it does$/m);
  });
});
