/**
 * Where a program's output goes that outlives who started it: a pipe, as criu moves it, and at its other end a program that
 * writes a file. Invariant: the writer never makes the program wait for a disk that is full, keeps to a bounded size, and ends
 * when nobody holds the pipe any more.
 */

/** One that was full before is kept beside the one that is written: so at most twice as much. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** In Perl, as Node.js gives a program sockets for pipes, and those do not move. */
const WRITER = `
use strict; use warnings;
my ($file, $max) = @ARGV;
umask 077;
$SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
sub fresh { open(my $new, '>>', $file) or exit 1; return $new }
my $out = fresh();
while (1) {
  my $count = sysread(STDIN, my $bytes, 65536);
  next if !defined $count && $!{EINTR};
  last if !$count;
  if ((-s $out) + $count > $max) { rename($file, "$file.1"); close $out; $out = fresh() }
  syswrite($out, $bytes);
}
`;

const STARTER = `
use strict; use warnings;
use POSIX ();
my ($writer, $max, $file, $uid, $gid, @command) = @ARGV;
pipe(my $in, my $out) or die "pipe: $!\\n";
chown($uid, $gid, $out) or die "chown: $!\\n";
my $pid = fork() // die "fork: $!\\n";
if (!$pid) {
  POSIX::setsid();
  # Nobody waits for it, and it carries no mark of who started it: it goes on when that ends.
  POSIX::_exit(0) if fork();
  open(STDIN, '<&', $in) or POSIX::_exit(1);
  close $_ for $in, $out;
  %ENV = (PATH => $ENV{PATH});
  exec($^X, '-e', $writer, $file, $max) or POSIX::_exit(1);
}
waitpid($pid, 0);
close $in;
open(STDOUT, '>&', $out) or die "stdout: $!\\n";
open(STDERR, '>&', $out) or die "stderr: $!\\n";
close $out;
exec(@command) or die "exec: $!\\n";
`;

/** Who owns the pipe: within the cnvm it is opened anew by its name, /dev/stdout. */
export interface OutputLog {
  readonly file: string;
  readonly uid: number;
  readonly gid: number;
}

/** What to put before a command so that its output, and that of all it starts, goes to the file. */
export function logsTo({ file, uid, gid }: OutputLog): string[] {
  return ['perl', '-e', STARTER, WRITER, String(FILE_BYTES_MAX), file, String(uid), String(gid)];
}
