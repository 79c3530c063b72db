/**
 * A disk that is written to in every way while it is watched, by real programs: `test/host/contract.test.ts` runs it in a node of
 * the lab. One process writes through an overlay, as those of a cnvm do, also what it had opened and mapped before there was a
 * watch; what the last pass then brings is compared with it byte by byte.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBulk } from '../../src/migration/bulk.js';
import { syncFileSystem } from '../../src/tools/sync.js';
import { pull } from './machine-contract.js';

const ON_DISK = process.env['CNVM_CONTRACT_DISK'] ?? '/var/lib/cnvm';
const OLD_MS = 300;

/** The image's layer. */
const LOWER = `
mkdir -p etc usr/share/doc gone; for n in a b c d e f; do echo $n >etc/$n; echo $n >usr/share/doc/$n; echo $n >gone/$n; done`;

/** As it is when the seed begins. No name in "w" changes, so that only what is done to a file itself shows that. */
const FIRST = `
mkdir -p many w r move/deep/er swap/one swap/two far/links; for d in $(seq 40); do mkdir many/$d; for n in $(seq 50); do echo $d-$n >many/$d/$n; done; done
for n in $(seq 40); do head -c 20000 /dev/zero | tr '\\0' x >w/$n; cp w/$n r/$n; done
echo deep >move/deep/er/file; echo 1 >swap/one/file; echo 2 >swap/two/file; mkdir taken; echo taken >taken/file
echo linked >far/links/a; ln far/links/a far/links/b; echo lost >far/links/lost; ln far/links/lost far/links/kept; echo copied >>etc/f`;

/** In Perl, which every node has. A mapping is written to by a read into it. */
const WRITER = `
use strict; use warnings; use POSIX ();
my ($mmap, $munmap, $pread) = @{{x86_64 => [9, 11, 17], aarch64 => [222, 215, 67]}->{(POSIX::uname())[4]}};
$| = 1;
my $SIZE = 20000;
sub opened { my ($path, $mode) = @_; open(my $file, $mode // '+<', $path) or die "$path: $!"; binmode $file; my $old = select($file); $| = 1; select($old); return $file }
sub mapped { my $file = opened(shift); my $at = syscall($mmap, 0, $SIZE, 3, 1, fileno($file), 0); die "mmap: $!" if $at == -1; close $file; return $at }
sub fill { my ($at, $text) = @_; open(my $out, '>', '/tmp/fill') or die; print $out $text; close $out; my $in = opened('/tmp/fill', '<'); syscall($pread, fileno($in), $at + 4096, length $text, 0) == length $text or die "pread: $!" }
sub sh { system('sh', '-ec', shift) == 0 or die }
sub old { my $path = shift; utime 1e9, 1e9, $path or die }
sub rewrite { my $file = opened(shift); print $file 'in place'; close $file }
my %open = map { $_ => opened("w/$_") } 1 .. 4;
my $appended = opened('w/5', '>>');
my $lost = opened('far/links/lost', '>>');
my ($stays, $goes, $twice) = map { mapped("w/$_") } 6 .. 8;
fill($twice, 'before the seed');
while (my $word = <STDIN>) {
  if ($word =~ /seed/) { fill($twice, 'in the seed'); rewrite('w/9') }
  if ($word =~ /write/) {
    fill($stays, 'mapped, and closed long ago');
    fill($goes, 'mapped before, and gone'); syscall($munmap, $goes, $SIZE);
    fill($twice, 'after the seed');
    seek($open{1}, 100, 0); print { $open{1} } 'by a file that was open';
    seek($open{2}, 500_000_000, 0); print { $open{2} } 'far away';
    truncate($open{3}, 10); truncate($open{4}, 40_000);
    print $appended 'more'; print $lost 'by a name that goes';
    unlink 'far/links/lost' or die;
    rewrite('w/9'); rewrite('w/10'); old('w/10');
    my $now = mapped('w/11'); fill($now, 'mapped just now'); syscall($munmap, $now, $SIZE); old('w/11');
    rename 'r/12', 'r/12-new' or die; rename 'r/13', 'r/14' or die; link 'w/15', 'far/links/of-15' or die; unlink 'r/16' or die;
    chmod 04755, 'w/17'; chown 7, 8, 'w/18';
    sh('setfattr -n user.cnvm -v new w/19; setfattr -n user.cnvm -v new many/3');
    sh('mkdir -p new/very/deep/one; echo new >new/very/deep/one/file; ln -s ../file new/very/link; mkfifo new/pipe; mknod new/null c 1 3');
    sh('mv move/deep swap/deep; mv swap/one swap/x; mv swap/two swap/one; mv swap/x swap/two');
    sh('mv taken many/7/taken; ln -s /etc taken; mv many/8 r/8-moved; mkdir many/8; echo other >many/8/1');
    sh('mv many/9 many/9-away; mv many/9-away many/9; mv many/10/1 many/11/new-name; echo more >>many/12/5; rm -r many/13');
    sh('rm etc/a; chmod 600 etc/b; echo more >>etc/c; mv etc/d etc/d-new; rm -r gone; mkdir gone; echo again >gone/a; touch -h -d @5 etc/f');
    sh("echo odd >'r/new\\nline'; echo odd >r/-e; echo odd >\\"r/\\$(printf '\\\\351')\\"");
  }
  print "done\\n";
}`;

const INSTANCES = '/sys/kernel/tracing/instances';
const NEVER = new AbortController().signal;
const missing = (error: unknown) => assert.fail(String(error));

describe('a disk that is watched while it is written to', () => {
  let directory: string;
  const at = (...steps: string[]) => join(directory, ...steps);
  const sh = (cwd: string, script: string) => execFileSync('sh', ['-ec', script], { cwd, encoding: 'latin1' });
  let before: readonly string[];
  beforeEach(() => {
    before = readdirSync(INSTANCES);
    mkdirSync(ON_DISK, { recursive: true });
    directory = mkdtempSync(join(ON_DISK, 'watched-'));
    for (const name of ['lower', 'upper', 'work', 'whole', 'to']) mkdirSync(at(name));
    sh(at('lower'), LOWER);
    sh(directory, 'mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work whole');
    sh(at('whole'), FIRST);
  });
  afterEach(() => {
    sh(directory, 'umount whole');
    rmSync(directory, { recursive: true, force: true });
  });

  const traces = () => readdirSync(INSTANCES).filter((name) => !before.includes(name));
  /** It has ended when its input does. */
  function startWriter() {
    const writer = spawn('perl', ['-e', WRITER], { cwd: at('whole'), stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: writer.stdout })[Symbol.asyncIterator]();
    return {
      async tell(word: string): Promise<void> {
        writer.stdin.write(`${word}\n`);
        assert.equal((await lines.next()).value, 'done');
      },
      end: () => writer.stdin.end(),
    };
  }
  /** All that is known of every file, in words. What the overlay puts where a name of the image is gone is one file for all of them. */
  const words = (tree: string) =>
    sh(
      tree,
      `find . -printf '%P %y %m %U %G %T@ %l\\n' | LC_ALL=C sort
      find . -type f -printf '%P %n %s\\n' | LC_ALL=C sort
      find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
      getfattr --recursive --no-dereference --dump --match=- .`,
    ).split('\n');

  it('is at the other end as it was, whatever was done', async () => {
    const bulk = createBulk(at('run'));
    const writer = startWriter();
    try {
      await writer.tell('open');
      await sleep(OLD_MS);
      const flushedMs = Date.now();
      await syncFileSystem(at('upper'));
      await writer.tell('seed');
      await pull(bulk, at('upper'), at('to'));
      await bulk.watchDisk('from', at('upper'), flushedMs, NEVER);
      await sleep(OLD_MS);
      await writer.tell('write');
      const told = await bulk.changes('from', at('upper'), flushedMs, missing);
      const looked = await bulk.changes('another', at('upper'), flushedMs, missing);
      assert.ok(told !== undefined && looked !== undefined);
      const names = (paths: Uint8Array) => Buffer.from(paths).toString('latin1').split('\0').sort();
      assert.deepEqual(names(told), names(looked));
      await bulk.distrust(at('to'), flushedMs);
      await pull(bulk, at('upper'), at('to'), bulk, Promise.resolve(told));
      const [here, there] = [words(at('upper')), words(at('to'))];
      assert.deepEqual(
        there.filter((line) => !here.includes(line)),
        [],
      );
      assert.deepEqual(there, here);
      await bulk.sweep('from');
      assert.deepEqual(traces(), []);
    } finally {
      writer.end();
      await bulk.sweep('from');
    }
  });

  it('is looked at as a whole when the trace has missed something, or is gone', async () => {
    const bulk = createBulk(at('run'));
    const missed: unknown[] = [];
    const flushedMs = Date.now();
    await bulk.watchDisk('from', at('upper'), flushedMs, NEVER);
    const [trace = ''] = traces();
    sh(join(INSTANCES, trace), 'echo 0 >events/ext4/ext4_mark_inode_dirty/enable; echo 0 >events/ext4/enable');
    sh(at('whole'), 'echo unseen >many/1/1');
    const paths = await bulk.changes('from', at('upper'), flushedMs, (error) => missed.push(error));
    assert.match(Buffer.from(paths ?? '').toString(), /many\/1\/1\0/);
    assert.match(String(missed[0]), /has missed something/);
    await bulk.sweep('from');
    assert.deepEqual(traces(), []);
  });

  it('is not watched where the kernel does not tell', async () => {
    const bulk = createBulk(at('run'));
    sh('/', `mount -t tmpfs tmpfs ${at('to')}`);
    try {
      mkdirSync(at('to', 'upper'));
      await assert.rejects(bulk.watchDisk('from', at('to', 'upper'), Date.now(), NEVER), /not ext4/);
    } finally {
      sh('/', `umount ${at('to')}`);
      await bulk.sweep('from');
    }
  });
});
