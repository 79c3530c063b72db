/** What a peer bids, as it is heard: by one of the version before, and by one that says what cannot be. */
import assert from 'node:assert/strict';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Bid } from '../../../src/migration/bids.js';
import { evacuationLink } from '../../../src/rpc/evacuation-link.js';
import { fromBid, reasonOf, toBid } from '../../../src/rpc/evacuation-messages.js';
import { fromServiceError } from '../../../src/rpc/status.js';
import { facts } from '../../support/samples.js';

const LIMITS = { timeoutMs: 1_000 };
const bid: Bid = {
  ...{ facts: facts('node2', { cordon: 'a new kernel', strains: ['it is full'] }), arriving: 1, arrivalsMax: 2 },
  load: 1.5,
  residents: [{ name: 'a', wishes: { labels: { app: 'db' }, affinity: [], antiAffinity: ['app=db'] } }],
};

/** A peer whose every call fails so. */
function failing(code: status) {
  const error: ServiceError = Object.assign(new Error('no'), { code, details: 'no', metadata: new Metadata() });
  const control = { call: () => Promise.reject(fromServiceError(error, 'node2')) };
  return evacuationLink(control as unknown as Parameters<typeof evacuationLink>[0], 'node2', async () =>
    facts('node2'),
  );
}

describe('a bid', () => {
  it('is heard as it was said', () => assert.deepEqual(fromBid(toBid(bid)), bid));

  it('of one that is too old to bid is its facts, and room for one at a time', async () => {
    const nothing = { arriving: 0, arrivalsMax: 1, load: 0, residents: [] };
    assert.deepEqual(await failing(status.UNIMPLEMENTED).bid(LIMITS), { facts: facts('node2'), ...nothing });
    await assert.rejects(failing(status.UNAVAILABLE).bid(LIMITS), /cannot reach node2/);
  });

  it('is taken without what cannot be, and not at all when it has no limit', () => {
    const said = toBid(bid);
    const residents = [
      ...said.residents,
      { name: '../x', labels: {}, antiAffinity: [] },
      { name: 'b', labels: { 'a b': 'c' }, antiAffinity: [] },
      { name: 'c', labels: {}, antiAffinity: ['none'] },
    ];
    assert.deepEqual(fromBid({ ...said, residents }), bid);
    assert.throws(() => fromBid({ ...said, arrivalsMax: 0 }), /arrivals_max/);
  });
});

describe('a reason', () => {
  it('is one short line', () => {
    assert.equal(reasonOf(' a\nnew\u001b[31m  kernel ', 'none'), 'a new [31m kernel');
    assert.equal(reasonOf(' \n', 'none'), 'none');
    assert.ok(reasonOf('x'.repeat(10_000), 'none').length <= 210);
  });
});
