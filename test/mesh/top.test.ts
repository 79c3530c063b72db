/** The watching commands as people run them: on a terminal, and where there is none. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually, NAME, testMesh } from './support.js';

const CLI = fileURLToPath(new URL('../../src/cli/cnvm.ts', import.meta.url));
const NODE = [process.execPath, '--import', 'tsx', CLI];
/** A command starts from source, on a busy machine. */
const START_MS = 30_000;
const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';

describe('the watching commands', function () {
  this.timeout(60_000);
  const mesh = testMesh(['node1', 'node2'], 'all');
  const children: ChildProcess[] = [];
  before(async () => {
    await mesh().node('node1').create(NAME);
  });
  afterEach(() => children.splice(0).forEach((child) => void child.kill('SIGKILL')));

  /** On a terminal of its own, with a shell that goes on afterwards in the same terminal. */
  function onTerminal(...words: string[]) {
    const socket = mesh().node('node2').socket();
    const command = `stty rows 20 cols 90; stty -g; ${[...NODE, ...words].join(' ')} --socket ${socket}; echo "code $?"; stty -g`;
    const child = spawn('script', ['-qfec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    return { child, output: () => output, ended: once(child, 'exit') };
  }
  /** What the terminal was set to before and after. */
  function assertRestored(output: string): void {
    const settings = output.split(/\r?\n/).filter((line) => /^[0-9a-f]+(:[0-9a-f]+){10,}$/.test(line));
    assert.equal(settings.length, 2, output);
    assert.equal(settings[0], settings[1], 'the keyboard is as it was');
    assert.ok(output.lastIndexOf(LEAVE) > output.lastIndexOf(ENTER), 'the first screen is back');
    assert.ok(output.lastIndexOf('\u001b[?25h') > output.lastIndexOf('\u001b[?25l'), 'and the cursor');
  }

  it('top shows the mesh on the whole terminal, follows it, and gives it back at q', async () => {
    const { child, output, ended } = onTerminal('top');
    await eventually('the table', () => output().includes(NAME) && output().includes('2 nodes'), START_MS);
    await mesh().node('node2').create('while-you-look');
    await eventually('the new one', () => output().includes('while-you-look'));
    child.stdin?.write('q');
    await ended;
    assert.match(output(), /code 0/);
    assertRestored(output());
    const screens = output().split('\u001b[H').slice(1, -1);
    assert.ok(
      screens.every((screen) => screen.split('\n').length <= 20),
      'no screen is higher than the terminal',
    );
  });

  it('top gives the terminal back when it fails', async () => {
    const { output, ended } = onTerminal(
      'top',
      '--endpoint',
      '127.0.0.1:1',
      '--tls-ca',
      CLI,
      '--tls-cert',
      CLI,
      '--tls-key',
      CLI,
    );
    await ended;
    assert.match(output(), /code [24]/);
    assert.ok(!output().includes(ENTER) || output().includes(LEAVE));
  });

  it('top ends by Ctrl-C with the terminal as it was', async () => {
    const { child, output, ended } = onTerminal('top');
    await eventually('the table', () => output().includes(NAME), START_MS);
    child.stdin?.write('\u0003');
    await ended;
    assertRestored(output());
  });

  it('top prints it once where there is no terminal, and as JSON', async () => {
    const socket = mesh().node('node1').socket();
    const run = async (...words: string[]) =>
      (await promisify(execFile)(NODE[0] ?? '', [...NODE.slice(1), ...words, '--socket', socket])).stdout;
    const text = await run('top');
    assert.match(text, /^cnvm top at node1, /);
    assert.match(text, new RegExp(`${NAME} +running +node1`));
    assert.ok(!text.includes('\u001b'));
    const { node, cnvms } = JSON.parse(await run('top', '--json')) as { node: string; cnvms: { name: string }[] };
    assert.equal(node, 'node1');
    assert.ok(cnvms.some(({ name }) => name === NAME));
  });

  it('watch prints a line for each event, and ends well at Ctrl-C', async () => {
    const socket = mesh().node('node1').socket();
    const child = spawn(NODE[0] ?? '', [
      ...NODE.slice(1),
      'watch',
      '--kind',
      'cnvm',
      '--json',
      'seen',
      '--socket',
      socket,
    ]);
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await eventually('the snapshot', () => output.includes('\n'), START_MS);
    await mesh().node('node2').create('unseen');
    await mesh().node('node2').create('seen');
    await eventually('the event', () => output.trim().split('\n').length >= 2);
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 0);
    const [snapshot, event] = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>);
    assert.equal(snapshot?.['snapshot']?.['node'], 'node1');
    assert.equal(event?.['event']?.['type'], 'WATCH_EVENT_TYPE_CNVM_CREATED');
    assert.ok(!output.includes('unseen'));
  });

  it('watch refuses a kind that there is not', async () => {
    const failed = await promisify(execFile)(NODE[0] ?? '', [...NODE.slice(1), 'watch', '--kind', 'weather']).catch(
      (error: { code: number; stderr: string }) => error,
    );
    assert.equal('code' in failed && failed.code, 2);
    assert.match(failed.stderr, /member, cnvm, migration/);
  });
});
