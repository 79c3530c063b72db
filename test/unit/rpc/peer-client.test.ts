import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { COUNT_MAX } from '../../../src/base/count.js';
import { CnvmError } from '../../../src/base/errors.js';
import * as wire from '../../../src/gen/cnvm/peer/v1/peer.js';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { createPeerClient, type PeerClient } from '../../../src/rpc/peer-client.js';
import { fixedTrust } from '../../../src/rpc/trust.js';
import { FUZZ_TIMEOUT_MS, runs } from '../../support/fuzz.js';
import { NO_CARD } from '../../support/samples.js';
import { temporary } from '../../support/temporary.js';

const WAIT = { timeoutMs: 5_000 };
const count = fc.oneof(fc.constantFrom(0n, 2n ** 52n, 2n ** 53n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 64n - 1n));
const text = fc.oneof(fc.constantFrom('', 'x'.repeat(100_000)), fc.string({ unit: 'binary', maxLength: 20 }));
const parts = fc.array(fc.record({ name: text, ms: fc.double() }), { maxLength: 50 });

/** Each method with what it may be answered, and how it is called. */
const ANSWERS: readonly [
  path: string,
  answers: fc.Arbitrary<Uint8Array>,
  call: (peer: PeerClient) => Promise<unknown>,
][] = [
  [
    'HandOverService/Collect',
    fc
      .record({ diskBytes: count, imageBytes: count, parts })
      .map((answer) => wire.CollectResponse.encode(answer).finish()),
    (peer) => peer.target.collect('m', undefined, WAIT),
  ],
  [
    'HandOverService/HandOver',
    fc
      .oneof(
        parts.map((value) => ({ $case: 'running' as const, value: { parts: value } })),
        fc.record({ reason: text, epoch: count }).map((value) => ({ $case: 'returned' as const, value })),
        fc.constant(undefined),
      )
      .map((result) => wire.HandOverResponse.encode({ result }).finish()),
    (peer) => peer.target.handOver('m', 2, WAIT),
  ],
  [
    'HandOverService/Query',
    fc
      .record({ standing: fc.constantFrom(...Object.values(wire.Standing)), reason: text, epoch: count })
      .map((answer) => wire.QueryResponse.encode(answer).finish()),
    (peer) => peer.target.query('m', WAIT),
  ],
  [
    'MeshService/Announce',
    fc.uint8Array({ maxLength: 100 }),
    (peer) => peer.announce('node1', { holdings: [], overlay: NO_CARD }, WAIT),
  ],
  ['MeshService/Describe', fc.uint8Array({ maxLength: 100 }), (peer) => peer.describe(WAIT)],
];

describe('a peer that answers anything', () => {
  const directory = temporary();
  let server: Server;
  let client: PeerClient;
  let answer: Uint8Array = new Uint8Array();

  beforeEach(async () => {
    await initPki(directory(), { force: false });
    await issueNode(directory(), 'node2', { force: false });
    const file = (...path: string[]) => join(directory(), ...path);
    const tls = { ca: file('ca.crt'), cert: file('nodes', 'node2.crt'), key: file('nodes', 'node2.key') };
    server = new Server();
    const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
    for (const service of [wire.HandOverServiceService, wire.MeshServiceService]) {
      // What it sends is no message of the service's, so neither is what it says about it.
      const methods = Object.entries(service).map(([name, method]) => [name, { ...method, responseSerialize: asIs }]);
      const calls = Object.keys(service).map((name) => [name, (_: unknown, done: Done) => done(null, answer)]);
      server.addService(Object.fromEntries(methods), Object.fromEntries(calls));
    }
    const port = await new Promise<number>((resolve, reject) => {
      const credentials = ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    client = createPeerClient({ name: 'node2', endpoint: `127.0.0.1:${port}` }, fixedTrust(tls));
  });
  afterEach(() => {
    client.close();
    server.forceShutdown();
  });

  for (const [path, answers, call] of ANSWERS) {
    it(`to ${path} is understood within reason, or is an error of ours`, async () => {
      await fc.assert(
        fc.asyncProperty(answers, async (bytes) => {
          answer = bytes;
          try {
            assertReasonable(await call(client));
          } catch (error) {
            if (!(error instanceof CnvmError)) throw error;
          }
        }),
        runs(80),
      );
    }).timeout(FUZZ_TIMEOUT_MS);
  }
});

type Done = (error: null, answer: Uint8Array) => void;
const asIs = (bytes: Uint8Array) => Buffer.from(bytes);

/** As the journal can keep it, and read it again. */
function assertReasonable(value: unknown): void {
  if (typeof value === 'number') assert.ok(value >= 0 && Number.isFinite(value), String(value));
  if (typeof value === 'string') assert.ok(value.length < 2_000, `${value.length} letters`);
  if (Array.isArray(value)) assert.ok(value.length <= 100);
  if (typeof value === 'object' && value !== null) {
    const { ms, epoch } = value as { ms?: number; epoch?: number };
    assert.ok(ms === undefined || Number.isFinite(ms));
    assert.ok(epoch === undefined || (Number.isInteger(epoch) && epoch <= COUNT_MAX));
    for (const inner of Object.values(value)) assertReasonable(inner);
  }
}
