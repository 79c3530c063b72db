import assert from 'node:assert/strict';
import { explainConfig } from '../../../src/base/explain-config.js';

describe('a config that is explained', () => {
  it('has every key, with what it is worth and who says so', () => {
    const text = 'node: node1\noverlay:\n  address: 10.100.0.1\nlimits: {stall: 5}\nseeds: [a:1]\n';
    const keys = new Map(explainConfig(text, 'x').map(({ key, value, from }) => [key, { value, from }]));
    assert.deepEqual(keys.get('node'), { value: 'node1', from: 'file' });
    assert.deepEqual(keys.get('overlay.address'), { value: '10.100.0.1', from: 'file' });
    assert.deepEqual(keys.get('overlay.network'), { value: '10.100.0.0/16', from: 'default' });
    assert.deepEqual(keys.get('limits.stall'), { value: 5, from: 'file' });
    assert.deepEqual(keys.get('limits.freeze'), { value: 600, from: 'default' });
    assert.deepEqual(keys.get('seeds'), { value: ['a:1'], from: 'file' });
    assert.deepEqual(keys.get('landingZones'), { value: ['/home/cnvm/sneakers'], from: 'default' });
  });

  it('is not explained when it is wrong', () => {
    assert.throws(() => explainConfig('overlay: {address: x}\nnodes: 1\n', 'x'), /not a valid config/);
  });
});
