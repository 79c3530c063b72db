/** `cnvm.peer.v1.TrustService` and `cnvm.v1.IdentityService`, over what the certificates' room offers. */
import { messageOf, refused } from '../base/errors.js';
import type { RevocationsResponse, TrustServiceServer } from '../gen/cnvm/peer/v1/trust.js';
import type { IdentityServiceServer } from '../gen/cnvm/v1/identity.js';
import type { Crl } from '../pki/crl.js';
import type { Identity } from '../pki/identity.js';
import { createAllowance } from './allowance.js';
import { type Handling, unary } from './handle.js';
import { fromBig, toBig } from './messages.js';

export interface TrustPort {
  readonly identity: () => Identity;
  readonly revocations: {
    current(): Crl | undefined;
    hear(crl: Uint8Array): Promise<void>;
  };
  /** A node's next certificate, PEM. Undefined: this node does not hold the CA's key. */
  readonly renew: ((holder: { name: string; serial: string }, request: Uint8Array) => Promise<string>) | undefined;
}

/** Of one node: it does so once in weeks, and each is kept on disk. */
const RENEWALS_AN_HOUR = 30;
const HOUR_MS = 60 * 60 * 1000;
const NOTHING = new Uint8Array();

export function trustCalls(handling: Handling, { revocations, renew }: TrustPort): TrustServiceServer {
  const allowances = new Map<string, () => boolean>();
  return {
    revocations: unary(handling, async ({ number, crl }): Promise<RevocationsResponse> => {
      if (crl.length > 0) await revocations.hear(crl);
      const ours = revocations.current();
      const newer = ours !== undefined && ours.number > fromBig(number, 'number');
      return { number: toBig(ours?.number ?? 0), crl: newer ? ours.der : NOTHING };
    }),
    renew: unary(handling, async ({ request }, { caller }) => {
      if (renew === undefined) throw refused('unavailable', "this node does not hold the CA's key; ask another one");
      const allowed = allowances.get(caller.name) ?? createAllowance(RENEWALS_AN_HOUR, HOUR_MS);
      allowances.set(caller.name, allowed);
      if (!allowed()) throw refused('unavailable', `${caller.name} has renewed its certificate too often; wait`);
      const holder = { name: caller.name, serial: caller.serial ?? '' };
      const certificate = await renew(holder, request);
      handling.log.info({ peer: caller.name }, 'the certificate of a peer is renewed');
      return { certificate };
    }),
  };
}

export function identityCalls(handling: Handling, { identity, revocations, renew }: TrustPort): IdentityServiceServer {
  return {
    getIdentity: unary(handling, async () => {
      const { subject, serial, notBeforeMs, notAfterMs, caFingerprint, believed } = identity();
      const crl = revocations.current();
      return {
        identity: {
          ...{ node: subject.name, serial, caFingerprint, holdsCa: renew !== undefined, believedCas: [...believed] },
          ...{ notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) },
          ...{
            crlNumber: toBig(crl?.number ?? 0),
            crl: crl?.der ?? NOTHING,
            revoked: [...(crl?.revoked.keys() ?? [])],
          },
        },
      };
    }),
    publishRevocations: unary(handling, async ({ crl }, { caller }) => {
      try {
        await revocations.hear(crl);
      } catch (error) {
        handling.log.warn({ caller: caller.name, error: messageOf(error) }, 'a list of what is revoked is not taken');
        throw error;
      }
      return { crlNumber: toBig(revocations.current()?.number ?? 0) };
    }),
  };
}
