import assert from 'node:assert/strict';
import { type Question, refusals, warnings } from '../../../src/migration/negotiate.js';
import { facts, record } from '../../support/samples.js';

const question: Question = {
  record,
  mode: 'hot',
  postCopy: false,
  landing: '/home/cnvm/sneakers',
  memoryBytes: 2 ** 26,
  diskBytes: 2 ** 26,
  source: facts('node1'),
  target: facts('node2'),
  overlayNetwork: '10.100.0.0/16',
  taken: {
    names: new Map([[record.name, 'node1']]),
    addresses: new Map([[record.address, `${record.name} on node1`]]),
  },
  busy: undefined,
  image: { here: true, offered: true, bytes: 2 ** 26, shortage: undefined },
  portsTaken: [],
};

const CASES: [string, Partial<Question>, RegExp][] = [
  ['another protocol', { target: facts('node2', { protocolVersion: 2 }) }, /speaks protocol 1, node2 2/],
  ['another criu', { target: facts('node2', { criuVersion: '4.1.1' }) }, /criu differs: node1 has 4.2.1, node2 4.1.1/],
  [
    'no post-copy at the target',
    { postCopy: true, target: facts('node2', { postCopyObstacles: ['it needs a sysctl'] }) },
    /no post-copy with node2: it needs a sysctl/,
  ],
  [
    'no post-copy at the source',
    { postCopy: true, source: facts('node1', { postCopyObstacles: ['it lacks perl'] }) },
    /no post-copy with node1: it lacks perl/,
  ],
  ['post-copy of what is stopped', { postCopy: true, mode: 'cold' }, /no memory that could follow/],
  ['no runc', { target: facts('node2', { runcVersion: '' }) }, /runc differs: node1 has 1.1.15, node2 none/],
  [
    'another kind of dump',
    { target: facts('node2', { dumpFormat: 0 }) },
    /only a cold migration .*dump in different ways/,
  ],
  ['another architecture', { target: facts('node2', { architecture: 'arm64' }) }, /architecture differs/],
  ['an older kernel', { target: facts('node2', { kernelRelease: '6.1.9' }) }, /6.1.9, is older than/],
  ['a CPU that lacks something', { target: facts('node2', { cpuFlags: ['sse'] }) }, /CPU of node2 lacks avx2/],
  [
    'too little memory',
    { target: facts('node2', { memoryAvailableBytes: 2 ** 26 }) },
    /not enough memory on node2: 192 MiB needed, 64 MiB free/,
  ],
  ['too little disk', { diskBytes: 2 ** 34 }, /not enough disk/],
  [
    'a landing that is not allowed',
    { landing: '/etc' },
    /\/etc is not in a landing zone of node2: \/home\/cnvm\/sneakers/,
  ],
  [
    'no image, and nobody who gives it',
    { image: { ...question.image, here: false, offered: false } },
    /node2 lacks the image base \(sha256:.*\), and node1 cannot give it/,
  ],
  [
    'no room for its image',
    { image: { ...question.image, here: false, shortage: 'not enough space for the image' } },
    /not enough space for the image/,
  ],
  [
    'a port that is in use',
    { portsTaken: ['the port 80/tcp of node2 leads to other'] },
    /80\/tcp of node2 leads to other/,
  ],
  [
    'a name that is taken',
    { taken: { names: new Map([[record.name, 'node3']]), addresses: new Map() } },
    /is taken on node3/,
  ],
  [
    'an address that is taken',
    { taken: { names: new Map(), addresses: new Map([[record.address, 'other on node3']]) } },
    /taken by other on node3/,
  ],
  ['one that is busy there', { busy: 'on its way here from node3' }, /on its way here from node3 at node2/],
  [
    'a name that is a path',
    { record: { ...record, name: '../x' }, taken: { names: new Map(), addresses: new Map() } },
    /is not a name/,
  ],
];

describe('negotiation', () => {
  it('says yes', () => assert.deepEqual(refusals(question), []));

  for (const [what, change, expected] of CASES) {
    it(`refuses ${what}`, () => {
      const found = refusals({ ...question, ...change });
      assert.equal(found.length, 1, found.join('; '));
      assert.match(found[0] ?? '', expected);
    });
  }

  it('gives every reason at once', () => {
    const target = facts('node2', {
      criuVersion: '1',
      runcVersion: '1',
      architecture: 'arm64',
      cpuFlags: [],
    });
    assert.equal(refusals({ ...question, target, landing: '/x', portsTaken: ['the port is taken'] }).length, 6);
  });

  it('a cold one does not care for criu, memory or the CPU', () => {
    const target = facts('node2', { criuVersion: '', cpuFlags: [], memoryAvailableBytes: 0, kernelRelease: '5.0' });
    assert.deepEqual(refusals({ ...question, mode: 'cold', target }), []);
  });

  it('warns of a newer kernel', () => {
    assert.match(
      warnings({ ...question, target: facts('node2', { kernelRelease: '6.13.1' }) })[0] ?? '',
      /kernels differ/,
    );
  });
});
