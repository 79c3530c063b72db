/**
 * What the daemon tells systemd, where that has started it and waits to be told. Nowhere else anything is told. Invariant:
 * no other program knows where systemd listens. runc would tell it that the daemon is the init of a cnvm, and systemd would start
 * a second daemon when that ends; and it would show the place inside, a mount of this node's that the next one has not.
 */
import { run } from './run.js';

/** systemd reads it at once; a busy machine starts programs slowly. */
const TELL_MS = 30_000;
const SOCKET = 'NOTIFY_SOCKET';

export interface Supervisor {
  /** Afterwards systemd knows that we serve. @throws `tool` when it cannot be told. */
  tellReady(): Promise<void>;
}

/** Takes from the environment, which every program inherits, what is for us alone. */
export function takeSupervisor(env: NodeJS.ProcessEnv): Supervisor {
  const socket = env[SOCKET];
  delete env[SOCKET];
  return {
    async tellReady() {
      if (socket === undefined) return;
      await run(['systemd-notify', '--ready', '--status=serving'], { timeoutMs: TELL_MS, env: { [SOCKET]: socket } });
    },
  };
}
