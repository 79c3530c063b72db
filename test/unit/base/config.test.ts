import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConfig } from '../../../src/base/config.js';
import { CnvmError } from '../../../src/base/errors.js';
import { odd, pathsIn, replaceAt, runs, sameKind } from '../../support/fuzz.js';

const MINIMAL = 'node: node1\noverlay: { address: 10.100.0.1 }\n';

function reasons(text: string): readonly string[] {
  try {
    parseConfig(text, 'cnvmd.yaml');
  } catch (error) {
    assert.ok(error instanceof CnvmError && error.code === 'refused');
    return error.reasons;
  }
  return [];
}

describe('the config', () => {
  it('needs little', () => {
    const config = parseConfig(MINIMAL, 'f');
    assert.deepEqual(
      [config.node, config.listen, config.landingZones],
      ['node1', '0.0.0.0:7443', ['/home/cnvm/sneakers']],
    );
  });

  it('names every wrong key at once', () => {
    const found = reasons(
      'node: Bad_Name\nlissten: x\nsocket: relative\noverlay: { adress: 1.2.3.4 }\npeers: [{ name: a }]\n',
    ).join('\n');
    for (const key of [
      'node:',
      'unknown key lissten',
      'socket:',
      'overlay.address',
      'overlay.adress',
      'peers.0.endpoint',
    ]) {
      assert.ok(found.includes(key), `${key} is not named in:\n${found}`);
    }
    assert.ok(found.split('\n').every((line) => line.startsWith('cnvmd.yaml: ')));
  });

  it('refuses what is no YAML', () => assert.match(reasons('node: [').join(), /cnvmd.yaml: /));
  it('refuses an empty file', () => assert.match(reasons('').join(), /overlay/));

  it('refuses addresses and ports that there are not', () => {
    const wrong = reasons(
      'node: a\nlisten: 0.0.0.0:65536\noverlay: { network: 10.256.0.0/16, address: 10.100.0.256 }\n',
    ).join('\n');
    for (const key of ['listen: ', 'overlay.network: ', 'overlay.address: ']) assert.ok(wrong.includes(key), wrong);
  });

  it('refuses aliases that lead nowhere or everywhere', () => {
    assert.match(reasons(`${MINIMAL}socketGroup: *nobody\n`).join(), /f is not valid|cnvmd\.yaml/);
    const levels = Array.from({ length: 9 }, (_, n) => `x${n + 1}: &x${n + 1} [${`*x${n},`.repeat(9)}]\n`).join('');
    assert.match(reasons(`x0: &x0 [a]\n${levels}${MINIMAL}`).join(), /cnvmd\.yaml/);
  });

  const valid = {
    node: 'node1',
    listen: '0.0.0.0:7443',
    socketGroup: 'cnvm',
    landingZones: ['/srv'],
    tls: { ca: '/ca', cert: '/cert', key: '/key' },
    overlay: { network: '10.100.0.0/16', address: '10.100.0.1' },
    peers: [{ name: 'node2', endpoint: 'node2:7443', overlayAddress: '10.100.0.2' }],
    logLevel: 'info',
  };

  it('names the key whose value is of another kind', () => {
    fc.assert(
      fc.property(fc.constantFrom(...pathsIn(valid)), odd, (path, value) => {
        const changed = JSON.parse(JSON.stringify(valid)) as object;
        fc.pre(value !== undefined && !sameKind(replaceAt(changed, path, value), value));
        // No peers are fine, and so is a part that stands for its defaults.
        assert.ok(reasons(JSON.stringify(changed)).some((reason) => reason.includes(path.join('.'))));
      }),
      runs(500),
    );
  });

  it('refuses any other text with the file’s name', () => {
    const line = fc.constantFrom(
      'a: &a [*a]',
      '<<: *a',
      '- *a',
      '? !!map {}',
      '%YAML 9.9',
      '---',
      '!!js/function x',
      '{',
      'node: x',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(line).map((lines) => lines.join('\n')),
        ),
        (text) => {
          const found = reasons(text);
          assert.ok(found.length > 0 && found.every((reason) => reason.startsWith('cnvmd.yaml')), found.join('\n'));
        },
      ),
      runs(500),
    );
  });
});
