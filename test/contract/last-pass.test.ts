/**
 * The last pass of a disk, by real find and rsync: `test/host/contract.test.ts` runs it in a node of the lab. A tree is changed
 * at random while the seed goes on, and after it; what then differs from a full comparison would be lost.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBulk } from '../../src/migration/bulk.js';
import { syncFileSystem } from '../../src/tools/sync.js';
import { pull } from './machine-contract.js';

/** On a disk: in memory a write to mapped memory never shows in a file's time. */
const ON_DISK = process.env['CNVM_CONTRACT_DISK'] ?? '/var/lib/cnvm';
const ROUNDS = 12;
const CHANGES = 60;
const OLD_MS = 300;

/** Each change is one that a program may make; one that cannot be made just then is left out. The seed makes it repeatable. */
const CHANGER = `
const fs = require('node:fs');
const { execFileSync } = require('node:child_process');
const [root, seed, count, how] = process.argv.slice(1);
process.chdir(root);
let state = Number(seed);
const below = (most) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * most);
};
const one = (list) => list[below(list.length)];
const names = ['a', 'b', 'c', '#d', '-e', 'f g', 'new\\nline', Buffer.from([0x63, 0xe9])].map((name) => Buffer.from(name));
const join = (steps) => Buffer.concat(steps.flatMap((step) => [Buffer.from('/'), step]).slice(1));
const place = () => join([Buffer.from('.'), ...Array.from({ length: 1 + below(4) }, () => one(names))]);
const parent = (path) => path.subarray(0, path.lastIndexOf('/'));
function all(directory = Buffer.from('.')) {
  const entries = fs.readdirSync(directory, { withFileTypes: true, encoding: 'buffer' });
  return entries.flatMap((entry) => {
    const path = join([directory, Buffer.from(entry.name)]);
    return [{ path, entry }, ...(entry.isDirectory() ? all(path) : [])];
  });
}
const some = (is = () => true) => one(all().filter(({ entry }) => is(entry))).path;
const file = () => some((entry) => entry.isFile());
const directory = () => some((entry) => entry.isDirectory());
const bytes = (length) => Buffer.from(Array.from({ length }, () => below(256)));
const sh = (script, ...paths) => execFileSync('sh', ['-c', script, ...paths.map(String)], { stdio: 'ignore' });
const write = () => {
  const path = place();
  fs.mkdirSync(parent(path), { recursive: true });
  fs.writeFileSync(path, bytes(one([0, 10, 5000])));
};
const inPlace = (act) => {
  const descriptor = fs.openSync(file(), 'r+');
  act(descriptor);
  fs.closeSync(descriptor);
};
const move = () => fs.renameSync(some(), place());
const link = () => fs.linkSync(file(), place());
const changes = [
  write, write, move, move, link, link,
  () => fs.appendFileSync(file(), 'more'),
  () => inPlace((descriptor) => fs.writeSync(descriptor, bytes(fs.fstatSync(descriptor).size), 0)),
  () => fs.utimesSync(file(), 4e9, 4e9),
  () => {
    const path = directory();
    fs.renameSync(path, './aside');
    fs.renameSync('./aside', path);
  },
  () => fs.symlinkSync(one(['/etc', 'a', '../b']), place()),
  () => fs.unlinkSync(file()),
  () => fs.rmSync(directory(), { recursive: true }),
  () => fs.chmodSync(some((entry) => !entry.isSymbolicLink()), one([0o600, 0o755, 0o4755])),
  () => fs.lchownSync(some(), below(5), below(5)),
  () => sh('setfattr -h -n trusted.cnvm -v "$1" "./$0"', file().toString('latin1'), below(1000)),
  () => sh('mkfifo "./$0"', below(1000)),
  () => sh('mknod "./$0" c 0 0', below(1000)),
];
for (let made = 0; made < Number(count); made += 1) {
  try {
    (how === 'first' ? write : one(changes))();
  } catch {}
}
`;

const NEVER = new AbortController().signal;
const missing = (error: unknown) => assert.fail(String(error));

describe('the last pass of a disk', () => {
  let directory: string;
  beforeEach(() => {
    mkdirSync(ON_DISK, { recursive: true });
    directory = mkdtempSync(join(ON_DISK, 'last-pass-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const change = (at: string, seed: number, count: number, how = 'then') =>
    spawn(process.execPath, ['-e', CHANGER, at, String(seed), String(count), how], { stdio: 'inherit' });
  const changed = async (...what: Parameters<typeof change>) =>
    assert.deepEqual(await once(change(...what), 'exit'), [0, null]);
  const linesOf = (paths: Uint8Array | undefined) => paths && Buffer.from(paths).toString('latin1').split('\0').sort();
  /** What rsync would still do if it looked at the content of all files. */
  const differences = (from: string, to: string) => {
    const what = ['--archive', '--hard-links', '--acls', '--xattrs', '--numeric-ids', '--delete', '--checksum'];
    return execFileSync('rsync', [...what, '--dry-run', '--itemize-changes', `${from}/`, `${to}/`]).toString();
  };

  it('misses nothing, whatever was changed in the seed and after it', async function () {
    this.timeout(600_000);
    let told = 0;
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const [from, to] = [join(directory, `from-${seed}`), join(directory, `to-${seed}`)];
      for (const path of [from, to]) mkdirSync(path);
      await changed(from, seed, 300, 'first');
      // What is as old as the flush is taken for changed.
      await sleep(OLD_MS);
      const bulk = createBulk(join(directory, 'run'));
      const flushedMs = Date.now();
      await syncFileSystem(from);
      const meanwhile = change(from, seed + 1000, CHANGES);
      const ended = once(meanwhile, 'exit');
      await pull(bulk, from, to);
      assert.deepEqual(await ended, [0, null]);
      // They go on while the watch begins.
      const beside = change(from, seed + 3000, CHANGES);
      const besideEnded = once(beside, 'exit');
      await bulk.watchDisk('from', from, flushedMs, NEVER);
      assert.deepEqual(await besideEnded, [0, null]);
      await changed(from, seed + 2000, seed % 3 === 0 ? 3 : CHANGES);
      await bulk.distrust(to, flushedMs);
      const paths = await bulk.changes('from', from, flushedMs, missing);
      if (paths !== undefined) told += 1;
      const unwatched = await bulk.changes('another', from, flushedMs, missing);
      assert.deepEqual(linesOf(paths), linesOf(unwatched), `with seed ${seed}`);
      await bulk.sweep('from');
      await pull(bulk, from, to, bulk, paths && Promise.resolve(paths));
      assert.equal(differences(from, to), '', `with seed ${seed}`);
    }
    assert.ok(told > 0, 'it was never told what has changed');
  });

  it('looks at nothing else', async () => {
    const [from, to] = [join(directory, 'from'), join(directory, 'to')];
    for (const path of [from, to]) mkdirSync(path);
    await changed(from, 1, 200, 'first');
    const bulk = createBulk(join(directory, 'run'));
    await pull(bulk, from, to);
    await pull(bulk, from, to, bulk, Promise.resolve(Buffer.alloc(0)));
    assert.equal(differences(from, to), '');
    execFileSync('sh', ['-c', 'echo other >"$0/here"; mkdir -p "$0/q/r"; echo mine >"$0/q/r/s"', from]);
    const paths = Buffer.from('./q/\0./q/r/\0');
    await pull(bulk, from, to, bulk, Promise.resolve(paths));
    assert.equal(readFileSync(join(to, 'q/r/s'), 'utf8'), 'mine\n');
    assert.match(differences(from, to), /here/);
  });

  it('brings everything when it is not told what has changed, and nothing when it is called off', async () => {
    const [from, to] = [join(directory, 'from'), join(directory, 'to')];
    for (const path of [from, to]) mkdirSync(path);
    await changed(from, 2, 200, 'first');
    const bulk = createBulk(join(directory, 'run'));
    const untold = Promise.reject(new Error('not told'));
    untold.catch(() => undefined);
    await assert.rejects(pull(bulk, from, to, bulk, untold));
    await pull(bulk, from, to);
    assert.equal(differences(from, to), '');
  });
});
