import assert from 'node:assert/strict';
import { parseConfig } from '../../../src/base/config.js';
import { CnvmError } from '../../../src/base/errors.js';

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
});
