import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CnvmError } from '../../../src/base/errors.js';
import { parseCount, parseCpus, parseDestination, parseDuration, parseSize } from '../../../src/cli/arguments.js';
import { FUZZ_TIMEOUT_MS, runs } from '../../support/fuzz.js';

describe('the teleport argument', () => {
  const cases: [string, string | undefined, string, string | undefined][] = [
    ['cnvm@node2:/home/cnvm/sneakers', 'cnvm', 'node2', '/home/cnvm/sneakers'],
    ['node2', undefined, 'node2', undefined],
    ['10.100.0.2:/srv/a b', undefined, '10.100.0.2', '/srv/a b'],
    ['root@[fe80::1]:/srv', 'root', 'fe80::1', '/srv'],
    ['sneaker.example.org', undefined, 'sneaker.example.org', undefined],
  ];
  for (const [text, user, host, landing] of cases) {
    it(`understands ${text}`, () => assert.deepEqual(parseDestination(text), { user, host, landing }));
  }

  for (const text of [
    '',
    '@',
    'a@b@c',
    ':/x',
    'node2:relative',
    'node2:',
    'no de',
    '-x',
    'node2-',
    '[::1',
    'a\nb',
    '\u0000',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseDestination(text), CnvmError));
  }

  it('a hostile one gives an error or a plain host and an absolute landing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          const { host, landing } = parseDestination(text);
          assert.match(host, /^[A-Za-z0-9.:-]+$/);
          assert.ok(landing === undefined || landing.startsWith('/'));
        } catch (error) {
          assert.ok(error instanceof CnvmError && error.code === 'refused');
        }
      }),
    );
  });
});

describe('quantities', () => {
  it('sizes', () => {
    assert.deepEqual(['512M', '1.5GiB', '1048576', '1k', '2 GB'].map(parseSize), [
      2 ** 29,
      1.5 * 2 ** 30,
      2 ** 20,
      1024,
      2 ** 31,
    ]);
    for (const wrong of ['', '0', '0.1', '-1', '1x', 'M', '1e9', '1.2.3', '99999999999999999T'])
      assert.throws(() => parseSize(wrong), /no size/, wrong);
  });
  it('durations', () => {
    assert.deepEqual(['10s', '500ms', '2m', '1h', '1.5s'].map(parseDuration), [10_000, 500, 120_000, 3_600_000, 1500]);
    for (const wrong of ['', '10', 's', '-1s', '999999999h'])
      assert.throws(() => parseDuration(wrong), /no duration/, wrong);
  });
  it('CPUs and counts', () => {
    assert.deepEqual(['2', '0.5', '1.125'].map(parseCpus), [2000, 500, 1125]);
    for (const wrong of ['0', '', '-1', '1.2345']) assert.throws(() => parseCpus(wrong), /CPUs/, wrong);
    assert.equal(parseCount('100'), 100);
    for (const wrong of ['0', '1.5', '-3', '']) assert.throws(() => parseCount(wrong), /whole number/, wrong);
  });

  const parsers = { parseSize, parseDuration, parseCpus, parseCount };
  for (const [name, parse] of Object.entries(parsers)) {
    it(`${name} gives a whole number that the protocol holds, or an error`, () => {
      const number = fc.oneof(
        fc.double({ noNaN: true }).map(String),
        fc.bigInt().map(String),
        fc.stringMatching(/^\d{0,12}\.?\d{0,8}$/),
      );
      const unit = fc.constantFrom('', 'k', 'M', 'GiB', 'tb', 'ms', 's', 'm', 'h', ' ');
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.tuple(number, unit).map((parts) => parts.join('')),
      );
      fc.assert(
        fc.property(text, (typed) => {
          try {
            const value = parse(typed);
            assert.ok(Number.isSafeInteger(value) && value >= (parse === parseDuration ? 0 : 1), `${value}`);
          } catch (error) {
            assert.ok(error instanceof CnvmError && error.code === 'refused', String(error));
          }
        }),
        runs(500),
      );
    }).timeout(FUZZ_TIMEOUT_MS);
  }
});
