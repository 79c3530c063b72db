/**
 * What is wrong in a mesh: what each node says of itself, held against what the others say. Pure. Invariant: whatever is found
 * says what to do about it.
 */
import type { Finding, NodeFacts, NodeStatus } from './node-facts.js';

/** What one node says of itself. */
export interface Word {
  readonly findings: readonly Finding[];
  readonly facts: NodeFacts;
  /** Its clock, when it answered. */
  readonly timeMs: number;
  /** Of its certificate. */
  readonly notAfterMs: number;
  /** It renews the others' certificates. */
  readonly holdsCa: boolean;
  /** Cnvms that it has handed over, of which nobody has said whether they run. */
  readonly inDoubt: readonly string[];
}

/** One node as it is looked at from here. */
export interface Patient {
  readonly name: string;
  readonly reach: NodeStatus['reach'];
  readonly state: NodeStatus['state'];
  readonly error: string;
  /** Undefined: it does not answer, or is too old to say. */
  readonly word: Word | undefined;
  /** When it was asked, and when it had answered, by the clock here. */
  readonly askedMs: number;
  readonly answeredMs: number;
}

export interface Diagnosis {
  readonly name: string;
  readonly reach: NodeStatus['reach'];
  readonly findings: readonly Finding[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Certificates are valid from an hour before they are made. */
const CLOCK_ERROR_MS = 30 * 60 * 1000;
/** Times in logs and histories are compared by people. */
const CLOCK_WARNING_MS = 2_000;
/** Of a life of 30 days: where somebody renews by hand, a week is what it takes to notice. */
const EXPIRES_SOON_MS = 7 * DAY_MS;
const EXPIRES_NOW_MS = 2 * DAY_MS;

/** @param nowMs by the clock here. */
export function diagnose(patients: readonly Patient[], nowMs: number): Diagnosis[] {
  const self = patients.find(({ reach }) => reach === 'self');
  const renewed = patients.some(({ word }) => word?.holdsCa === true);
  return patients.map((patient) => ({
    name: patient.name,
    reach: patient.reach,
    findings:
      patient.word === undefined
        ? [silence(patient)]
        : [
            ...patient.word.findings,
            certificate(patient.name, patient.word, renewed, nowMs),
            ...doubts(patient.name, patient.word),
            ...(patient === self || self?.word === undefined
              ? []
              : [clock(patient), ...beside(patient.word.facts, self.word.facts)]),
          ],
  }));
}

function silence({ name, reach, state, error }: Patient): Finding {
  if (state === 'left') return ok('peer', 'has left the mesh');
  if (reach === 'up') return warning('peer', 'is too old to say how it is', `Upgrade cnvm on ${name}.`);
  if (state === 'suspect')
    return warning(
      'peer',
      `does not answer: ${error}`,
      `Wait some seconds: cnvm nodes says whether ${name} comes back.`,
    );
  const remedy =
    `Bring ${name} back, or its network; its cnvms wait for it. If it is gone for good: ` +
    `cnvm pki revoke node ${name}, and cnvm recover for what was handed to it.`;
  return failing('peer', `does not answer: ${error}`, remedy);
}

function certificate(name: string, { notAfterMs, holdsCa }: Word, renewed: boolean, nowMs: number): Finding {
  const left = notAfterMs - nowMs;
  const days = Math.floor(left / DAY_MS);
  const until = `until ${new Date(notAfterMs).toISOString().slice(0, 10)}`;
  if (left > EXPIRES_SOON_MS) return ok('certificate', `is valid ${until}${holdsCa ? "; the CA's key is here" : ''}`);
  const remedy = renewed
    ? `Its daemon's log says why it is not renewed: journalctl -u cnvmd on ${name}.`
    : `Nobody renews it: run the playbook again, or: cnvm pki renew node ${name}, and bring both files to ${name}.`;
  if (left <= 0) return failing('certificate', 'has expired', remedy);
  const words = `expires in ${days} days`;
  return left > EXPIRES_NOW_MS ? warning('certificate', words, remedy) : failing('certificate', words, remedy);
}

const doubts = (name: string, { inDoubt }: Word): Finding[] =>
  inDoubt.map((cnvm) =>
    failing(
      'in doubt',
      `${cnvm} was handed over, and its target does not say whether it runs`,
      `On ${name}: cnvm recover ${cnvm} says what is known, and what it costs to take it back.`,
    ),
  );

/** The answer was on its way for some part of the time that the call took. */
function clock({ name, word, askedMs, answeredMs }: Patient): Finding {
  const theirs = word?.timeMs ?? 0;
  const off = theirs < askedMs ? theirs - askedMs : Math.max(0, theirs - answeredMs);
  if (Math.abs(off) <= CLOCK_WARNING_MS) return ok('clock', 'agrees with the one here');
  const words = `is ${Math.round(Math.abs(off) / 1000)} s ${off > 0 ? 'ahead of' : 'behind'} the one here`;
  const remedy = `Set it by the network on both: apt install systemd-timesyncd, and timedatectl on ${name}.`;
  return Math.abs(off) > CLOCK_ERROR_MS ? failing('clock', words, remedy) : warning('clock', words, remedy);
}

/** What two nodes should have alike: what of it, how bad it is when they have not, and why. */
const ALIKE: readonly {
  readonly subject: string;
  readonly of: (facts: NodeFacts) => string;
  readonly level: 'warning' | 'error';
  readonly cost: string;
  readonly remedy: string;
}[] = [
  {
    subject: 'version',
    of: ({ version }) => version,
    level: 'warning',
    cost: 'what only the newer one knows does not work',
    remedy: 'Upgrade the older one.',
  },
  {
    subject: 'criu',
    of: ({ criuVersion }) => criuVersion,
    level: 'error',
    cost: 'nothing moves hot between the two',
    remedy: 'Install the same criu on both.',
  },
  {
    subject: 'runc',
    of: ({ runcVersion }) => runcVersion,
    level: 'error',
    cost: 'nothing moves hot between the two',
    remedy: 'Install the same runc on both.',
  },
  {
    subject: 'overlay encryption',
    of: ({ overlayEncryption }) => overlayEncryption || 'none',
    level: 'error',
    cost: 'nothing goes over the overlay between the two',
    remedy: 'Set overlay.encryption alike on all nodes, and restart cnvmd.',
  },
  {
    subject: 'processor',
    of: ({ architecture }) => architecture,
    level: 'warning',
    cost: 'nothing moves between the two',
    remedy: 'Cnvms of one kind of processor stay among nodes of that kind.',
  },
];

function beside(there: NodeFacts, here: NodeFacts): Finding[] {
  return ALIKE.filter(({ of }) => of(there) !== of(here)).map(({ subject, of, level, cost, remedy }) => ({
    ...{ level, subject, detail: `is ${of(there)}, and ${of(here)} here: ${cost}`, remedy },
  }));
}

const ok = (subject: string, detail: string): Finding => ({ level: 'ok', subject, detail, remedy: '' });
const warning = (subject: string, detail: string, remedy: string): Finding => ({
  ...{ level: 'warning', subject, detail, remedy },
});
const failing = (subject: string, detail: string, remedy: string): Finding => ({
  ...{ level: 'error', subject, detail, remedy },
});
