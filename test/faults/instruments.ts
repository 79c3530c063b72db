/**
 * Programs of a node with a place to stop: what stands in /usr/local/sbin before the real criu, runc and rsync while
 * faults are tested. Invariant: without a gate each does exactly what the real one does, under the same process id.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lab } from '../host/support.js';

/** Where the gates of a node are; the daemon's too. */
export const GATES_DIR = '/tmp/gates';

/**
 * `pass` stops at a gate, at the n-th visit when the gate holds n - 1. `fails` takes one from a counter of failures.
 * `stop_at` stops the program that this becomes, when the words are in a log that is newer than the gate; it must not be
 * its child, for criu waits for whatever child ends.
 */
const COMMON = `#!/bin/bash
unset LD_PRELOAD
dir=${GATES_DIR}
pass() {
  local left
  [ -e "$dir/$1" ] || return 0
  left=$(<"$dir/$1")
  if [ "\${left:-0}" -gt 0 ]; then
    echo $((left - 1)) >"$dir/$1"
    return 0
  fi
  mv "$dir/$1" "$dir/$1.reached" || return 0
  while [ -e "$dir/$1.reached" ]; do sleep 0.02; done
}
fails() {
  local left
  [ -e "$dir/$1" ] || return 1
  left=$(<"$dir/$1")
  [ "\${left:-0}" -gt 0 ] || return 1
  echo $((left - 1)) >"$dir/$1"
}
stop_at() {
  [ -e "$dir/$1" ] || return 0
  for fd in /proc/"$BASHPID"/fd/*; do
    fd=\${fd##*/}
    [ "$fd" = 255 ] || eval "exec $fd>&-"
  done
  exec 2>/dev/null
  while kill -0 $$; do
    for log in $2; do
      [[ "$log" -nt "$dir/$1" && "$(<"$log")" == *"$3"* ]] || continue
      kill -STOP $$
      mv "$dir/$1" "$dir/$1.reached"
      while [ -e "$dir/$1.reached" ]; do sleep 0.02; done
      kill -CONT $$
      return 0
    done
  done
}
`;

const PROGRAMS = {
  criu: `case "$*" in
  *--version*) [ -e "$dir/criu-version" ] && exec echo "Version: $(<"$dir/criu-version")" ;;
  *page-server*) echo $$ >"$dir/page-server.pid"; pass page-server ;;
  *swrk*)
    echo $$ >"$dir/criu.pid"
    (stop_at criu-dumping "/run/cnvm/criu/*/dump.log" 'Dumping task' &)
    (stop_at criu-restoring "/run/cnvm/criu/*/restore.log" 'Forking task' &)
    ;;
esac
exec /usr/sbin/criu "$@"`,
  runc: `case " $* " in
  *" checkpoint "*) echo $$ >"$dir/runc-checkpoint.pid" ;;
  *" restore "*) echo $$ >"$dir/runc-restore.pid"; fails runc-restore-failures && exit 1 ;;
esac
exec /usr/sbin/runc "$@"`,
  rsync: `case " $* " in
  *" --server "*) echo $$ >"$dir/rsync-serve.pid"; pass rsync-serve ;;
  *" rsync://"*) echo $$ >"$dir/rsync-pull.pid"; pass rsync-pull ;;
esac
exec /usr/bin/rsync "$@"`,
} as const;

/** Afterwards the node has them, and no gate. */
export async function installInstruments(node: string): Promise<void> {
  const root = lab.rootOf(node);
  rmSync(join(root, GATES_DIR), { recursive: true, force: true });
  mkdirSync(join(root, GATES_DIR));
  for (const [program, script] of Object.entries(PROGRAMS)) {
    const path = join(root, 'usr/local/sbin', program);
    writeFileSync(path, `${COMMON}${script}\n`);
    chmodSync(path, 0o755);
  }
}

/** In the gates' directory: how far the daemon's clock is off, as libfaketime reads it; without the file it is not. */
export const CLOCK = 'clock';

/** The day's time alone: what counts seconds goes on as it did. */
const FAKE_CLOCK = [
  `[ ! -e ${GATES_DIR}/${CLOCK} ] || export LD_PRELOAD='/usr/$LIB/faketime/libfaketime.so.1'`,
  `export FAKETIME_TIMESTAMP_FILE=${GATES_DIR}/${CLOCK} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1`,
].join('\n');

/** Gives the node's daemon its gates, or takes them away again: it is started anew. */
export async function gateDaemon(node: string, gated: boolean): Promise<void> {
  const root = lab.rootOf(node);
  const command = gated
    ? `${FAKE_CLOCK}\nCNVM_FAULTS=${GATES_DIR} exec /usr/local/bin/cnvmd --config /etc/cnvm/cnvmd.yaml`
    : 'exec /usr/local/bin/cnvmd --config /etc/cnvm/cnvmd.yaml';
  writeFileSync(join(root, 'etc/service/cnvmd/run'), `#!/bin/sh\n${command} >>/var/log/cnvmd.log 2>&1\n`);
  await lab.must(node, ['sv', '-w', '20', 'restart', 'cnvmd']);
}
