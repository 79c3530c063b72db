/** Asks this node and every peer how they are. Invariant: a peer that does not answer is a finding, never a failure. */
import { messageOf } from '../base/errors.js';
import { type Diagnosis, diagnose, type Patient, type Word } from './diagnosis.js';
import type { NodeStatus } from './node-facts.js';

/** What this room needs of a peer for it. */
export interface DiagnosisLink {
  /** @returns undefined when the peer is too old to know. */
  diagnose(call: { timeoutMs: number }): Promise<Word | undefined>;
}

export interface DiagnosingOptions {
  readonly node: string;
  /** This node and all peers, left ones too. */
  readonly list: () => Promise<readonly NodeStatus[]>;
  readonly peer: (name: string) => { readonly link: { readonly diagnosis: DiagnosisLink } } | undefined;
  /** What this node is, and what its self-check finds. */
  readonly describe: () => Promise<Pick<Word, 'facts' | 'findings'>>;
  /** What it has handed over, and has not heard of. */
  readonly doubts: () => readonly { readonly name: string }[];
  /** Its certificate, and whether it renews others'. */
  readonly identity: { readonly identity: () => { readonly notAfterMs: number }; readonly renew: unknown };
  readonly patience: number;
}

/** A self-check runs criu, which takes a busy node seconds. */
const ANSWER_MS = 15_000;

export type Diagnosing = ReturnType<typeof createDiagnosing>;

export function createDiagnosing({ node, list, peer, patience, ...options }: DiagnosingOptions) {
  async function here(): Promise<Word> {
    const { facts, findings } = await options.describe();
    const { notAfterMs } = options.identity.identity();
    const inDoubt = options.doubts().map(({ name }) => name);
    return { facts, findings, timeMs: Date.now(), notAfterMs, holdsCa: options.identity.renew !== undefined, inDoubt };
  }

  async function look({ name, reach, state, error }: NodeStatus): Promise<Patient> {
    const askedMs = Date.now();
    try {
      const link = reach === 'up' ? peer(name)?.link.diagnosis : undefined;
      const word = reach === 'self' ? await here() : await link?.diagnose({ timeoutMs: ANSWER_MS * patience });
      return { name, reach, state, error, word, askedMs, answeredMs: Date.now() };
    } catch (failure) {
      const why = messageOf(failure);
      return { name, reach: 'down', state, error: why, word: undefined, askedMs, answeredMs: Date.now() };
    }
  }
  return {
    here,
    /** @param onlyHere nobody else is asked. */
    async all(onlyHere: boolean): Promise<Diagnosis[]> {
      const nodes = onlyHere ? [{ ...SELF, name: node }] : await list();
      return diagnose(await Promise.all(nodes.map(look)), Date.now());
    },
  };
}

const SELF: Omit<NodeStatus, 'name'> = {
  ...{ endpoint: '', overlayAddress: '', reach: 'self', error: '', facts: undefined, state: 'alive', stateMs: 0 },
};
