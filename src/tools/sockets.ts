/** getfattr: the protocol of a socket that another process holds, by the kernel's own name. */
import { run } from './run.js';

/** Beyond it an argv might be too long. */
const PATHS_AT_ONCE = 1_000;
/** In the output: "# file: PATH", and the value on the next line. */
const ENTRY = /^# file: (.+)\nsystem\.sockprotoname="([^"]*)"/gm;

/**
 * @param paths as in `/proc/PID/fd/FD`. @returns protocols such as "TCP", "NETLINK" or "AF_VSOCK"; a path that is gone, or no
 * socket, has none.
 */
export async function socketProtocols(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
    const some = paths.slice(at, at + PATHS_AT_ONCE);
    const argv = ['getfattr', '--absolute-names', '--name=system.sockprotoname', '--', ...some];
    const { stdout } = await run(argv, { accept: [1] });
    // Some kernels give the name with the zero at its end, which getfattr writes as "\000".
    for (const [, path = '', name = ''] of stdout.matchAll(ENTRY)) found.set(path, name.replace(/\\000$/, ''));
  }
  return found;
}
