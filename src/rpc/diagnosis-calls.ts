/** How nodes are, as messages: for people, and between nodes, at both ends. */
import { Metadata } from '@grpc/grpc-js';
import { cutText } from '../base/cut-text.js';
import type {
  DiagnoseResponse,
  DiagnosisServiceClient,
  DiagnosisServiceServer as PeerDiagnosisServer,
} from '../gen/cnvm/peer/v1/diagnosis.js';
import type { DiagnosisServiceServer } from '../gen/cnvm/v1/diagnosis.js';
import type { Diagnosing, DiagnosisLink } from '../mesh/diagnosing.js';
import type { Word } from '../mesh/diagnosis.js';
import type { Clients, Connection } from './connection.js';
import { type Handling, unary } from './handle.js';
import { fromFacts, fromFinding, REACHES, toFacts, toFinding } from './node-messages.js';
import { unlessTooOld } from './status.js';

export type DiagnosisPort = Diagnosing;

export function diagnosisCalls(handling: Handling, { all }: DiagnosisPort): DiagnosisServiceServer {
  return {
    getDiagnosis: unary(handling, async ({ onlyHere }) => ({
      nodes: (await all(onlyHere)).map(({ name, reach, findings }) => ({
        ...{ node: name, reach: REACHES[reach], findings: findings.map(toFinding) },
      })),
    })),
  };
}

export function peerDiagnosisCalls(handling: Handling, { here }: DiagnosisPort): PeerDiagnosisServer {
  return { diagnose: unary(handling, async () => toWord(await here())) };
}

export interface WithDiagnosis extends Clients {
  readonly diagnosis: DiagnosisServiceClient;
}

export function diagnosisLink(control: Connection<WithDiagnosis>): DiagnosisLink {
  return {
    async diagnose(limits) {
      const answer = await unlessTooOld(() =>
        control.call<DiagnoseResponse>(limits, ({ diagnosis }, o, done) =>
          diagnosis.diagnose({}, new Metadata(), o, done),
        ),
      );
      return answer === undefined ? undefined : fromWord(answer);
    },
  };
}

function toWord({ findings, facts, timeMs, notAfterMs, holdsCa, inDoubt }: Word): DiagnoseResponse {
  const times = { time: new Date(timeMs), notAfter: new Date(notAfterMs) };
  return { ...times, findings: findings.map(toFinding), facts: toFacts(facts), holdsCa, inDoubt: [...inDoubt] };
}

/** A self-check has some thirty; what a peer says is read by people. */
const FINDINGS_MAX = 200;
const DOUBTS_MAX = 1_000;
const TEXT_MAX = 500;

function fromWord({ findings, facts, time, notAfter, holdsCa, inDoubt }: DiagnoseResponse): Word {
  return {
    findings: findings.slice(0, FINDINGS_MAX).map(fromFinding),
    facts: fromFacts(facts),
    timeMs: time?.getTime() || 0,
    notAfterMs: notAfter?.getTime() || 0,
    holdsCa,
    inDoubt: inDoubt.slice(0, DOUBTS_MAX).map((name) => cutText(name, TEXT_MAX)),
  };
}
