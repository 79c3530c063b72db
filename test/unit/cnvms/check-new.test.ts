import assert from 'node:assert/strict';
import fc from 'fast-check';
import { landingZoneOf, nameRefusal, newCnvmRefusals } from '../../../src/cnvms/check-new.js';
import type { NewCnvm } from '../../../src/cnvms/cnvm.js';
import { NO_WISHES } from '../../../src/cnvms/labels.js';
import { runs } from '../../support/fuzz.js';

const order: NewCnvm = {
  name: 'sneaker01.gonkulator.io',
  image: 'base',
  address: undefined,
  limits: { memoryBytes: 0, cpuMillis: 0, pids: 0 },
  landing: undefined,
  start: true,
  ports: [],
  publishExposed: false,
  program: { entrypoint: [], command: [], env: [] },
  wishes: NO_WISHES,
};
const nothing = { names: new Map<string, string>(), addresses: new Map<string, string>() };
const refusals = (change: Partial<NewCnvm>, taken = nothing) =>
  newCnvmRefusals({ ...order, ...change }, '10.100.0.0/16', taken);

describe('a new cnvm', () => {
  it('is fine as it is', () => assert.deepEqual(refusals({}), []));

  it('names every reason at once', () => {
    const taken = { names: new Map([['-x', 'node2']]), addresses: new Map([['10.100.0.1', 'node1']]) };
    const found = refusals(
      { name: '-x', address: '10.100.0.1', limits: { memoryBytes: 1, cpuMillis: 1, pids: 1 } },
      taken,
    );
    assert.equal(found.length, 7);
  });

  it('takes no name that could be a path, an option or a line', () => {
    for (const name of ['', '.', '..', 'a/b', '-a', 'a..b', 'A', 'a b', 'a\nb', 'a_b', `${'a'.repeat(65)}`]) {
      assert.notEqual(nameRefusal(name), undefined, name);
    }
    for (const name of ['a', 'a-b', 'sneaker01.gonkulator.io', 'a'.repeat(63)])
      assert.equal(nameRefusal(name), undefined, name);
  });

  it('a landing never climbs out of its zone', () => {
    const zones = ['/home/cnvm/sneakers', '/srv'];
    assert.equal(landingZoneOf('/home/cnvm/sneakers', zones), '/home/cnvm/sneakers');
    assert.equal(landingZoneOf('/srv/a/b', zones), '/srv');
    for (const wrong of [
      '/home/cnvm',
      '/home/cnvm/sneakers2',
      '/srv/../etc',
      '/srv/./a',
      '/srv//a',
      'srv',
      '',
      '/srv/',
      '/',
    ]) {
      assert.equal(landingZoneOf(wrong, zones), undefined, wrong);
    }
    fc.assert(
      fc.property(fc.array(fc.constantFrom('..', '.', '', 'a', 'srv', 'etc'), { maxLength: 6 }), (parts) => {
        const path = `/srv/${parts.join('/')}`;
        if (landingZoneOf(path, zones) !== undefined) assert.ok(!parts.includes('..'));
      }),
    );
  });

  it('a landing means nothing to mount, rsync or a terminal', () => {
    const part = fc.string({
      unit: fc.constantFrom('a', 'ü', ' ', '.', ',', ':', '\\', '"', '%', '\n', '\0', '\u202e', '#', '/'),
    });
    fc.assert(
      fc.property(part, (text) => {
        if (landingZoneOf(`/srv/${text}`, ['/srv']) !== undefined)
          assert.doesNotMatch(text, /[,:\\"%\n\0\u202e#]|^ | $|\.\.\//);
      }),
      runs(500),
    );
    assert.equal(landingZoneOf(`/srv/${'a/'.repeat(3_000)}a`, ['/srv']), undefined);
    assert.equal(landingZoneOf('/srv/Bände 2/.x', ['/srv']), '/srv');
  });
});
