/**
 * The door for new nodes: a port of its own, with TLS but without a client's certificate, that is open while a join token is.
 * Invariant: behind it there is one method; who comes in has a token, or is refused.
 */
import { Server } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { messageOf, refused } from '../base/errors.js';
import { type JoinServiceServer, JoinServiceService } from '../gen/cnvm/peer/v1/trust.js';
import { admit } from '../pki/admit.js';
import { issue } from '../pki/certificates.js';
import { readAuthority } from '../pki/pki-dir.js';
import { readOwnCrl } from '../pki/revoke.js';
import { countOpen } from '../pki/token-store.js';
import { createAllowance } from './allowance.js';
import { unary } from './handle.js';
import { STRANGER } from './roles.js';
import { listenTls } from './tls-listener.js';

export interface JoinDoorOptions {
  /** The CA's. */
  readonly directory: string;
  readonly listen: string;
  readonly log: Logger;
}

export interface OpenDoor {
  readonly port: number;
  close(): void;
}

/** A request has 1 KiB. */
const MESSAGE_BYTES_MAX = 16 * 1024;
const HANDSHAKE_MS = 5_000;
/** Anybody can connect: so not for long, and not so many. */
const CONNECTION_MS = 30_000;
const CONNECTIONS_MAX = 64;
/** Tries of all who come together: a machine that boots retries, and nobody guesses 256 bits. */
const TRIES_A_MINUTE = 20;

/** Opens it. @throws `refused` when the port is taken, or there is no CA. */
export async function openJoinDoor({ directory, listen, log }: JoinDoorOptions): Promise<OpenDoor> {
  const authority = await readAuthority(directory);
  // Of its own, not the node's: a node's certificate in bad hands cannot ask newcomers for their tokens.
  const pair = await issue(authority, { role: 'authority', name: 'authority' });
  // The CA's certificate goes along: who joins knows but its fingerprint.
  const context = { key: pair.key, cert: `${pair.certificate}\n${authority.certificate}` };
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_connection_age_ms': CONNECTION_MS,
    'grpc.max_connection_age_grace_ms': CONNECTION_MS,
  });
  server.addService(JoinServiceService, joinCalls(directory, log));
  const listener = await listenTls(server, {
    listen,
    context: () => context,
    mutual: false,
    admit: () => undefined,
    handshakeMs: HANDSHAKE_MS,
    connectionsMax: CONNECTIONS_MAX,
  });
  return {
    port: listener.port,
    close() {
      listener.close();
      server.forceShutdown();
    },
  };
}

function joinCalls(directory: string, log: Logger): JoinServiceServer {
  const allowed = createAllowance(TRIES_A_MINUTE, 60_000);
  return {
    join: unary({ log, caller: STRANGER }, async ({ token, secret, node, request }) => {
      if (!allowed()) throw refused('unavailable', 'too many tries; wait for a minute');
      const { certificate, ca } = await admit(directory, { id: token, secret, name: node, request });
      log.warn({ peer: node }, 'a new node has joined');
      const crl = await readOwnCrl(directory);
      return { certificate, ca, crl: crl?.der ?? new Uint8Array() };
    }),
  };
}

/** The tokens are files, which a command on this machine makes. */
const LOOK_EVERY_MS = 500;
/** A door that has just let somebody in has still to say so. */
const LINGER_MS = 2_000;

/** Opens the door whenever there is a token, and closes it when there is none. @returns what ends it. */
export function keepDoor(options: JoinDoorOptions, opened: (port: number) => void = () => undefined): () => void {
  const { directory, listen, log } = options;
  let door: OpenDoor | undefined;
  let neededMs = 0;
  let busy = false;
  let stopped = false;
  let failing = '';

  async function look(): Promise<void> {
    if ((await countOpen(directory, Date.now())) > 0) {
      neededMs = Date.now();
      if (door !== undefined) return;
      door = await openJoinDoor(options);
      // While it was opening.
      if (stopped) return door.close();
      log.info({ listen, port: door.port }, 'the door for new nodes is open: there is a join token');
      opened(door.port);
    } else if (door !== undefined && Date.now() - neededMs > LINGER_MS) {
      door.close();
      door = undefined;
      log.info({ listen }, 'the door for new nodes is closed');
    }
  }

  const looking = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .then(() => {
        failing = '';
      })
      .catch((error: unknown) => {
        if (failing !== messageOf(error))
          log.error({ error: messageOf(error) }, 'the door for new nodes does not open');
        failing = messageOf(error);
      })
      .finally(() => {
        busy = false;
      });
  }, LOOK_EVERY_MS);
  looking.unref();
  return () => {
    stopped = true;
    clearInterval(looking);
    door?.close();
  };
}
