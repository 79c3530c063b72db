/** What every connection stands on: who this node is now, and whom it lets in. */
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { pino } from 'pino';
import { type Identity, readIdentity, type TlsFiles } from '../pki/identity.js';
import type { Rotation } from '../pki/rotation.js';
import { createSessions, type Sessions } from './sessions.js';

export interface Trust {
  readonly identity: () => Identity;
  /** Called after another certificate is in use. */
  readonly onChange: (listener: () => void) => void;
  readonly sessions: Sessions;
}

export function createTrust(rotation: Rotation, sessions: Sessions): Trust {
  return { identity: rotation.current, onChange: rotation.onChange, sessions };
}

/** The files as they are now, for as long as the process lives; for what is no daemon. */
export function fixedTrust(files: TlsFiles): Trust {
  const identity = readIdentity(files, undefined);
  const sessions = createSessions(() => false, pino({ level: 'silent' }));
  return { identity: () => identity, onChange: () => undefined, sessions };
}

/**
 * What goes to every TLS context. 1.3 alone: all who speak to us are as new as we are. No tickets: who comes back with one is
 * not asked for a certificate again, and could outlive it.
 */
export const TLS: SecureContextOptions = { minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET };
