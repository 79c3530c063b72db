/** Who a certificate stands for, and which enrolment it belongs to. Pure. */

/**
 * - `node`: serves and calls as a node of the mesh.
 * - `operator`: may do everything that people may do.
 * - `reader`: may list, inspect and watch, and change nothing.
 * - `authority`: answers those who join, and is let in nowhere.
 */
export type CertificateRole = 'node' | 'operator' | 'reader' | 'authority';

export interface Subject {
  readonly role: CertificateRole;
  readonly name: string;
}

/** Also a file name and a DNS name, so nothing else may be in it. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

export const isName = (text: string): boolean => NAME.test(text) && !text.includes('..');

export const uriOf = ({ role, name }: Subject): string => `spiffe://cnvm/${role}/${name}`;

/** Who a certificate's subject alternative names, as Node.js prints them, stand for. Undefined: for nobody, or for two. */
export function subjectOf(alternativeNames: string): Subject | undefined {
  const found = [...alternativeNames.matchAll(/(?:^|, )URI:spiffe:\/\/cnvm\/([a-z]+)\/([a-z0-9.-]+)(?=,|$)/g)];
  const [, word, name = ''] = found.length === 1 ? (found[0] ?? []) : [];
  const role = ROLES.find((one) => one === word);
  return role === undefined ? undefined : { role, name };
}

const ROLES: readonly CertificateRole[] = ['node', 'operator', 'reader', 'authority'];

/**
 * The first digits of a serial number name the enrolment: a certificate that renews another one keeps them. So to revoke
 * any one certificate is to revoke all that it was ever renewed to, also one that its revoker has not heard of.
 */
export const ENROLMENT_DIGITS = 24;

/** In one spelling: tools differ in the case, and in zeros at the front. */
export const plainSerial = (serial: string): string => serial.toLowerCase().replace(/^0+(?=.)/, '');

export const enrolmentOf = (serial: string): string => plainSerial(serial).slice(0, ENROLMENT_DIGITS);
