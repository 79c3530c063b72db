/** How V8 keeps this process's memory. Invariant: what is set here is a matter of speed alone. */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called before anything moves. V8 gives the memory of buffers back in a thread of its own. Where every message has
 * a buffer of its own, as in grpc-js, the two threads stand in each other's way in the allocator: a gigabyte costs almost
 * twice the CPU time at either end, as `scripts/bench --part stream` shows.
 */
export function tuneHeap(): void {
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
}
