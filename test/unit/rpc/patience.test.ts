import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { initPki, issueNode } from '../../../src/pki/pki-dir.js';
import { createPeerClient } from '../../../src/rpc/peer-client.js';
import { fixedTrust } from '../../../src/rpc/trust.js';
import { temporary } from '../../support/temporary.js';

const CALL_MS = 150;
const PATIENCE = 4;

describe('patience with a slow peer', () => {
  const directory = temporary();

  it('multiplies the time limit of a call', async () => {
    await initPki(directory(), { force: false });
    await issueNode(directory(), 'node1', { force: false });
    const file = (...path: string[]) => join(directory(), ...path);
    const tls = { ca: file('ca.crt'), cert: file('nodes', 'node1.crt'), key: file('nodes', 'node1.key') };
    // Takes every connection, and never says a word.
    const taken: Socket[] = [];
    const silent = createServer((socket) => void taken.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const endpoint = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const tookMs = async (patience: number) => {
      const client = createPeerClient({ name: 'node2', endpoint }, fixedTrust(tls), patience);
      const before = performance.now();
      await assert.rejects(client.describe({ timeoutMs: CALL_MS }), /Deadline exceeded/);
      client.close();
      return performance.now() - before;
    };
    try {
      assert.ok((await tookMs(1)) < CALL_MS * PATIENCE);
      assert.ok((await tookMs(PATIENCE)) >= CALL_MS * PATIENCE);
    } finally {
      for (const socket of taken) socket.destroy();
      silent.close();
    }
  });
});
