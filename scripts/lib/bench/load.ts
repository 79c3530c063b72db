/** What a cnvm of the benchmark holds and changes beside its services. Invariant: when it is said to run, all of it is held. */

export interface Load {
  /** In all, of bytes that no compression makes smaller. */
  readonly mib: number;
  /** Of those, in turn. */
  readonly dirtyMibPerS: number;
  /** Each holds and changes an equal part. */
  readonly processes: number;
}

export const IDLE: Load = { mib: 0, dirtyMibPerS: 0, processes: 0 };

export function loadName({ mib, dirtyMibPerS, processes }: Load): string {
  if (mib === 0) return 'idle base image';
  return `${mib} MiB, ${dirtyMibPerS} MiB/s dirtied, ${processes} ${processes === 1 ? 'process' : 'processes'}`;
}

/** Small against a second, large against what a turn of the loop costs. */
const TURN_S = 0.05;

/** A page is dirtied by a write of eight bytes into it. */
const PROGRAM = `
import os, struct, sys, time
mib, rate, processes = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
for number in range(1, processes):
    if os.fork() == 0:
        break
else:
    number = 0
pages = int(mib * 256 / processes)
held = bytearray(pages * 4096)
part = os.urandom(4096 * 256)
# Page by page: it never has more than it is to hold, and equal pages would be packed.
for page in range(pages):
    held[page * 4096:(page + 1) * 4096] = part[page % 256 * 4096:(page % 256 + 1) * 4096]
    struct.pack_into("<QQ", held, page * 4096, page, number)
open("/tmp/load-%d" % number, "w").close()
each = int(rate * 256 / processes * ${TURN_S})
page = 0
turn = 0
begun = time.monotonic()
while True:
    turn += 1
    for _ in range(each):
        struct.pack_into("<Q", held, page * 4096 + 16, turn)
        page = (page + 1) % pages
    time.sleep(max(0, begun + turn * ${TURN_S} - time.monotonic()) if each else 3600)
`;

/** A command for sh that starts the load, which belongs to init then: nothing else is dumped. */
export function startLoad({ mib, dirtyMibPerS, processes }: Load): string {
  return `setsid python3 -c '${PROGRAM}' ${mib} ${dirtyMibPerS} ${processes} >/dev/null 2>&1 </dev/null &`;
}

/** Within what a command in a node may take; a GiB on a busy machine takes longer than a minute. */
const WAIT_S = 110;

/** A script for sh; it ends when all of the load is held. */
export function loadHeld({ processes }: Load): string {
  const held = `[ "$(ls /tmp/load-* 2>/dev/null | wc -l)" -eq ${processes} ]`;
  return `for _ in $(seq ${WAIT_S * 10}); do ${held} && exit 0; sleep 0.1; done; echo "the load does not come" >&2; exit 1`;
}

/** A script for sh; it starts the load, and ends when all of it is held. */
export function loadCommand(load: Load): string {
  return `${startLoad(load)}\n${loadHeld(load)}`;
}
