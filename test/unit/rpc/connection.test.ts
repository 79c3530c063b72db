import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, credentials, Metadata } from '@grpc/grpc-js';
import * as wire from '../../../src/gen/cnvm/peer/v1/peer.js';
import { type Connection, createConnection } from '../../../src/rpc/connection.js';
import { type LinkProxy, openLinkProxy } from '../../mesh/link-proxy.js';
import { temporary } from '../../support/temporary.js';
import { issue, serveProbes } from './probes.js';

/** So that a try to connect is given up after 300 ms. */
const PATIENCE = 0.1;
const TIMEOUT_MS = 50_000;

type Probes = { readonly channel: ReturnType<Client['getChannel']>; readonly bulk: wire.BulkServiceClient };

describe('a connection to a peer', () => {
  const directory = temporary();
  let link: LinkProxy;
  let connection: Connection<Probes>;
  let port: number | undefined;
  let stop: () => void;
  beforeEach(async () => {
    const tls = await issue(directory());
    const served = await serveProbes(tls);
    port = served.port;
    stop = () => served.server.forceShutdown();
    link = await openLinkProxy(() => port);
    const [ca, key, cert] = [tls.ca, tls.key, tls.cert].map((file) => readFileSync(file));
    const secure = credentials.createSsl(ca, key, cert);
    const options = { 'grpc.ssl_target_name_override': 'node2', 'grpc.use_local_subchannel_pool': 1 };
    const connect = () => {
      const bulk = new wire.BulkServiceClient(`127.0.0.1:${link.port}`, secure, options);
      return { channel: bulk.getChannel(), bulk };
    };
    connection = createConnection(connect, 'node2', PATIENCE);
  });
  afterEach(() => {
    connection.close();
    link.close();
    stop();
  });

  const probe = (timeoutMs = TIMEOUT_MS, signal?: AbortSignal) =>
    connection.call<wire.ProbeResponse>({ timeoutMs, ...(signal && { signal }) }, ({ bulk }, options, done) =>
      bulk.probe({}, new Metadata(), options, done),
    );

  it('is kept as long as it is good', async () => {
    await probe();
    const first = connection.clients();
    await sleep(500);
    await probe();
    assert.equal(connection.clients(), first);
  });

  it('is tried anew when a try hears nothing, and all who waited get through when the link has healed', async () => {
    link.stall();
    const waiting = [probe(), probe(), probe()];
    await sleep(100);
    link.flow();
    const late = probe();
    await Promise.all([...waiting, late]);
  });

  it('is tried anew for one who calls after the link has healed', async () => {
    await probe();
    link.stall();
    // Until the loss of the old connection is noticed.
    await sleep(100);
    await assert.rejects(probe(1_000), /Deadline exceeded/);
    link.flow();
    await probe();
  });

  it('to a peer that is down is refused at once', async () => {
    port = undefined;
    await assert.rejects(probe(), /cannot reach node2/);
  });

  it('to a peer that is up again is made at once, whatever was tried before', async () => {
    const up = port;
    port = undefined;
    await assert.rejects(probe(), /cannot reach node2/);
    port = up;
    await probe();
  });

  it('is not tried beyond the time limit, nor after it was called off', async () => {
    link.stall();
    await assert.rejects(probe(7_000), /cannot reach node2.*Deadline exceeded/);
    await assert.rejects(probe(TIMEOUT_MS, AbortSignal.timeout(500)), /timeout/);
  });
});
