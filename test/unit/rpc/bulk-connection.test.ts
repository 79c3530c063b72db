import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { TlsFiles } from '../../../src/pki/identity.js';
import { createPeerClient, type PeerClient } from '../../../src/rpc/peer-client.js';
import { fixedTrust } from '../../../src/rpc/trust.js';
import { type LinkProxy, openLinkProxy } from '../../mesh/link-proxy.js';
import { temporary } from '../../support/temporary.js';
import { issue, serveProbes } from './probes.js';

/** Longer than the first tries of a connection take, so that it waits for one of the later. */
const LATE_MS = 1_000;
const signal = new AbortController().signal;

describe('the bulk of a link that has just healed', () => {
  const directory = temporary();
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  /** A peer behind a link that can be broken. @param port where it serves, when it does. */
  async function peerBehind(tls: TlsFiles, port: () => number | undefined): Promise<[LinkProxy, PeerClient]> {
    const link = await openLinkProxy(port);
    const client = createPeerClient({ name: 'node2', endpoint: `127.0.0.1:${link.port}` }, fixedTrust(tls));
    closing.push(() => client.close(), link.close.bind(link));
    return [link, client];
  }

  async function served(tls: TlsFiles): Promise<number> {
    const { server, port } = await serveProbes(tls);
    closing.push(() => server.forceShutdown());
    return port;
  }

  it('is waited for until it is connected again', async () => {
    const tls = await issue(directory());
    let port: number | undefined;
    const [, client] = await peerBehind(tls, () => port);
    const reached = client.bulk.reach(signal);
    await sleep(LATE_MS);
    port = await served(tls);
    await reached;
  });

  it('is connected anew when it has died without telling', async () => {
    const tls = await issue(directory());
    const port = await served(tls);
    const [link, client] = await peerBehind(tls, () => port);
    await client.bulk.reach(signal);
    link.forget();
    await client.bulk.reach(signal);
  });

  it('is not asked thousands of times when the answer is no', async () => {
    const tls = await issue(directory());
    let asked = 0;
    const { server, port } = await serveProbes(tls, () => {
      asked += 1;
      return { code: status.PERMISSION_DENIED, details: 'no' };
    });
    closing.push(() => server.forceShutdown());
    const [, client] = await peerBehind(tls, () => port);
    await assert.rejects(client.bulk.reach(AbortSignal.timeout(1_000)));
    assert.ok(asked > 0 && asked <= 10, `asked ${asked} times`);
  });

  it('is not waited for once nobody wants it', async () => {
    const tls = await issue(directory());
    const [, client] = await peerBehind(tls, () => undefined);
    await assert.rejects(client.bulk.reach(AbortSignal.timeout(200)), /timeout/);
  });
});
