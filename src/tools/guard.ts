/**
 * A guard over one program that holds the last hold on memory which is not there yet. When a program ends, however it ends,
 * the kernel closes its files first, and with them a `userfaultfd`: then what waits for a page would be given zeros.
 * Invariant: while the guard lives, no page is ever given as zeros: when the program is about to end other than well, the
 * guard stops it in the kernel's exit, before its files are closed, ends every process of the control group, and only then
 * lets it go. The two have to be killed within one moment to get around that, and we start a guard anew that has died.
 */
import { hierarchyPaths } from './cgroup.js';
import { GENTLE_VARIABLE } from './orphans.js';
import { type RunningTool, spawnTool } from './run.js';

/** In Perl, which no Debian is without: ptrace(2) and wait4(2) are beyond what Node.js offers. */
const SCRIPT = `
use strict; use warnings;
use POSIX ();
my ($pid, $marker, @cgroups) = @ARGV;
$pid += 0;
my %numbers = (x86_64 => [101, 61], aarch64 => [117, 260]);
my ($ptrace, $wait4) = @{$numbers{(POSIX::uname())[4]} or die "no numbers of system calls for this machine\\n"};
my ($CONT, $EVENT_MESSAGE, $SEIZE, $TRACE_EXIT, $EXIT, $ALL) = (7, 0x4201, 0x4206, 0x40, 6, 0x40000000);
$SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);

sub groups { my $one = shift; return -d $one ? ($one, map { groups($_) } grep { -d $_ && !-l $_ } glob("$one/*")) : () }
sub lines { open(my $in, '<', shift) or return (); return <$in> }
sub put { my ($file, $text) = @_; open(my $out, '>', $file) or return; syswrite($out, $text); close($out) }

sub end_all {
  while (1) {
    my @all = map { groups($_) } @cgroups;
    my @left = map { my $line = $_; chomp $line; $line } map { lines("$_/cgroup.procs") } @all;
    return if !@left;
    kill 'KILL', @left;
    # Only now: with KILL pending not one of them runs a step of its own.
    for (@all) {
      put("$_/freezer.state", 'THAWED') if -e "$_/freezer.state";
      put("$_/cgroup.freeze", '0') if -e "$_/cgroup.freeze";
    }
    select(undef, undef, undef, 0.005);
  }
}

syscall($ptrace, $SEIZE, $pid, 0, $TRACE_EXIT) == 0 or do { print "cannot guard: $!\\n"; end_all(); exit 1 };
$| = 1;
print "guarding\\n";
while (1) {
  my $word = pack('l', 0);
  my $one = syscall($wait4, $pid, $word, $ALL, 0);
  next if $one < 0 && $!{EINTR};
  exit 0 if $one < 0;
  my $status = unpack('l', $word);
  exit 0 if ($status & 0xff) != 0x7f;
  my ($event, $signal) = ($status >> 16, ($status >> 8) & 0xff);
  if ($event == $EXIT) {
    my $code = pack('Q', 255);
    syscall($ptrace, $EVENT_MESSAGE, $pid, 0, $code);
    if (unpack('Q', $code) == 0) { put($marker, "complete\\n") } else { end_all() }
  }
  syscall($ptrace, $CONT, $pid, 0, $event ? 0 : $signal);
}
`;

export interface GuardOrder {
  /** The program's process id. */
  readonly pid: number;
  /** What is ended when the program does not end well. */
  readonly cgroup: string;
  /** A file that says "complete" once the program has ended well; written before anybody else can know. */
  readonly marker: string;
}

/** Begins to guard. Resolves when it does. @throws `tool` when it cannot: every process of the group has been ended then. */
export async function startGuard(order: GuardOrder): Promise<RunningTool> {
  const { pid, cgroup, marker } = order;
  const tool = spawnTool(['perl', '-e', SCRIPT, String(pid), marker, ...hierarchyPaths(cgroup)], {
    pipes: true,
    // It outlives us: that is when it is needed most.
    env: { [GENTLE_VARIABLE]: 'pages' },
  });
  const guarding = new Promise<void>((resolve) => {
    tool.stdout.once('data', (said: Uint8Array) => {
      if (Buffer.from(said).toString().startsWith('guarding')) resolve();
    });
  });
  const failed = tool.ended.then(() => {
    throw new Error('the guard ended before it had begun');
  });
  await Promise.race([guarding, failed]);
  tool.stdout.resume();
  return tool;
}

/** @throws why, when no program can be guarded here, now. */
export async function tryGuard(): Promise<void> {
  const child = spawnTool(['sleep', '60']);
  try {
    const guard = await startGuard({ pid: child.pid, cgroup: '/cnvm-no-such-group', marker: '/dev/null' });
    child.kill('SIGKILL');
    await guard.ended;
  } finally {
    child.kill('SIGKILL');
    await child.ended.catch(() => undefined);
  }
}
