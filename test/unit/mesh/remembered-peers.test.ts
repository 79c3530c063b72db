import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { rememberPeers } from '../../../src/mesh/remembered-peers.js';
import { temporary } from '../../support/temporary.js';

const log = pino({ level: 'silent' });
const peer = { name: 'node2', endpoint: '192.0.2.2:7443', overlayAddress: '10.100.0.2' };

describe('the memory of peers', () => {
  const directory = temporary();
  const file = () => join(directory(), 'peers.json');

  it('outlives the daemon', async () => {
    const memory = rememberPeers(file(), log);
    assert.deepEqual(memory.peers, []);
    memory.keep([peer]);
    memory.keep([peer, { name: 'node3', endpoint: 'node3.example:7443', overlayAddress: '' }]);
    await memory.stop();
    const kept = rememberPeers(file(), log).peers;
    assert.deepEqual(kept[0], peer);
    assert.equal(kept[1]?.name, 'node3');
  });

  it('is bounded, and has nothing that cannot be called', async () => {
    const memory = rememberPeers(file(), log);
    memory.keep([
      { name: 'node0', endpoint: '', overlayAddress: '' },
      ...Array.from({ length: 3_000 }, (_, index) => ({ ...peer, name: `node${index}` })),
    ]);
    await memory.stop();
    assert.equal(rememberPeers(file(), log).peers.length, 2_048);
  });

  it('that is spoilt costs nothing else', () => {
    for (const text of [
      '',
      '{',
      '{"version":2,"peers":[]}',
      '{"version":1,"peers":[{"name":"../x","endpoint":"a:1"}]}',
      '{"version":1,"peers":[{"name":"x","endpoint":"a:1","overlayAddress":"0; reboot"}]}',
    ]) {
      writeFileSync(file(), text);
      assert.deepEqual(rememberPeers(file(), log).peers, []);
      assert.equal(readFileSync(file(), 'utf8'), text);
    }
  });
});
