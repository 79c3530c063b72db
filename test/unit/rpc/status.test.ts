import assert from 'node:assert/strict';
import { Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { CnvmError, type ErrorCode, type RefusalKind, refused } from '../../../src/base/errors.js';
import { fromServiceError, toServiceError } from '../../../src/rpc/status.js';
import { runs } from '../../support/fuzz.js';

const back = (error: CnvmError) => fromServiceError(toServiceError(error), 'node2');

describe('errors over the wire', () => {
  const kinds: RefusalKind[] = ['invalid', 'not-found', 'exists', 'state', 'forbidden', 'unavailable', 'cancelled'];
  for (const kind of kinds) {
    it(`a refusal (${kind}) comes out as it went in`, () => {
      const found = back(refused(kind, 'no', { reasons: ['a', 'b'], location: 'node1', remedy: 'do c' }));
      assert.deepEqual([found.code, found.kind, found.message, found.reasons], ['refused', kind, 'no', ['a', 'b']]);
      assert.deepEqual([found.location, found.remedy], ['node1', 'do c']);
    });
  }
  for (const code of ['aborted', 'stranded', 'in-doubt', 'tool'] as ErrorCode[]) {
    it(`so does one that is ${code}`, () => assert.equal(back(new CnvmError(code, 'x')).code, code));
  }

  it('criu speaks for itself', () => {
    const tool = { argv: ['criu', 'dump'], exitCode: 1, lastLines: 'l', criuError: 'Error (x.c:1): no' };
    assert.deepEqual(back(new CnvmError('tool', 'criu failed', { tool })).tool, tool);
  });

  it('a stack or a secret of ours never leaves the node', () => {
    const sent = toServiceError(new TypeError('secret is 42'));
    assert.equal(sent.code, status.INTERNAL);
    assert.doesNotMatch(JSON.stringify([sent.details, sent.metadata.toJSON()]), /secret/);
  });

  it('a connection that breaks under a call, in whatever way, is no answer of the peer', () => {
    for (const socket of ['read ECONNABORTED', 'read EHOSTUNREACH', 'write EPIPE']) {
      const details = `Received RST_STREAM with code 2 triggered by internal client error: ${socket}`;
      const error = Object.assign(new Error(), { code: status.INTERNAL, details, metadata: new Metadata() });
      const { code, kind, message } = fromServiceError(error, 'node2');
      assert.deepEqual([code, kind, message], ['refused', 'unavailable', `cannot reach node2: ${socket}`]);
    }
    const own = Object.assign(new Error(), { code: status.INTERNAL, details: 'it failed', metadata: new Metadata() });
    assert.equal(fromServiceError(own, 'node2').kind, 'state');
  });

  it('a node that cannot be reached is said to be', () => {
    const error = Object.assign(new Error(), {
      code: status.UNAVAILABLE,
      details: 'No connection established. Last error: Error: connect ECONNREFUSED 10.0.0.2:7443. Resolution note: ',
      metadata: new Metadata(),
    });
    assert.match(
      fromServiceError(error, 'node2 (10.0.0.2:7443)').message,
      /^cannot reach node2 \(10.0.0.2:7443\): connect ECONNREFUSED 10.0.0.2:7443$/,
    );
  });

  const answered = (details: string, trailer: Uint8Array) => {
    const metadata = new Metadata();
    metadata.set('cnvm-error-bin', Buffer.from(trailer));
    return Object.assign(new Error(details), { code: status.ABORTED, details, metadata });
  };

  it('whatever a peer puts into its trailer, it is an error of ours', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 200 }), (details, trailer) => {
        assert.ok(fromServiceError(answered(details, trailer), 'node2') instanceof CnvmError);
      }),
      runs(500),
    );
  });

  it('whatever words are in one, it can be sent', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const { details, metadata } = toServiceError(refused('invalid', String.fromCharCode(0xd800, ...units)));
        assert.equal(decodeURI(encodeURI(details)), details);
        assert.equal(metadata.get('cnvm-error-bin').length, 1);
      }),
      runs(200),
    );
  });

  it('one of many words comes out shorter, and fits the headers that carry it', () => {
    const words = 'ü😀'.repeat(1_000_000);
    const tool = { argv: [words, words], exitCode: 1, lastLines: words, criuError: words };
    const facts = { reasons: Array.from({ length: 1_000 }, () => words), location: words, remedy: words };
    for (const error of [refused('invalid', words, facts), new CnvmError('tool', words, { ...facts, tool })]) {
      const sent = toServiceError(error);
      const [trailer] = sent.metadata.get('cnvm-error-bin');
      assert.ok(encodeURI(sent.details).length + (trailer as Buffer).toString('base64').length < 60_000);
      assert.ok(words.startsWith(back(error).message.replace(/\uFFFD? …$/, '')));
    }
  });
});
