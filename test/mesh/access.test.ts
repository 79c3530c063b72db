/** Who may call what, asked of a real daemon: every method that there is, by every kind of caller. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { issueTo } from '../../src/pki/pki-dir.js';
import { type Role, rolesFor } from '../../src/rpc/roles.js';
import { definedMethods } from '../support/methods.js';
import { testMesh } from './support.js';

const ANSWER_MS = 5_000;
const asIs = (bytes: Buffer): Buffer => bytes;
/** What is not served there at all cannot be called either. */
const CLOSED: readonly number[] = [status.PERMISSION_DENIED, status.UNIMPLEMENTED];

describe('access to a daemon', () => {
  const mesh = testMesh(['node1'], 'all');
  const clients = new Map<Role, Client>();
  before(async () => {
    const { pkiDir, node } = mesh();
    await issueTo(pkiDir, 'operator', 'ann', { force: false });
    await issueTo(pkiDir, 'reader', 'bob', { force: false });
    const node1 = node('node1');
    const over = (base: string) => {
      const [ca, key, cert] = ['ca.crt', `${base}.key`, `${base}.crt`].map((file) => readFileSync(join(pkiDir, file)));
      const secure = credentials.createSsl(ca ?? null, key ?? null, cert ?? null);
      return new Client(node1.endpoint(), secure, { 'grpc.ssl_target_name_override': 'node1' });
    };
    clients.set('operator', over('operators/ann'));
    clients.set('reader', over('readers/bob'));
    clients.set('node', over('nodes/node1'));
    clients.set('local', new Client(`unix:${node1.socket()}`, credentials.createInsecure()));
  });
  after(() => clients.forEach((client) => void client.close()));

  /** How the call ends, with no message and none to come. One that waits for ever was let in. */
  async function codeOf(client: Client, path: string): Promise<number> {
    const call = client.makeBidiStreamRequest(path, asIs, asIs, new Metadata(), { deadline: Date.now() + ANSWER_MS });
    const ended = new Promise<number>((resolve) => {
      call.on('error', (error: ServiceError) => resolve(error.code));
      call.on('end', () => resolve(status.OK));
    });
    call.on('data', () => call.cancel());
    call.write(Buffer.alloc(0));
    call.end();
    return await ended;
  }

  for (const path of definedMethods().filter((one) => !one.startsWith('/grpc.health.'))) {
    it(`to ${path} is for ${rolesFor(path).join(', ')}, and for nobody else`, async () => {
      for (const [role, client] of clients) {
        const code = await codeOf(client, path);
        const allowed = rolesFor(path).includes(role);
        assert.equal(!CLOSED.includes(code), allowed, `${role}: ${status[code]}`);
      }
    });
  }

  it('is for readers by a socket of their own, and changes nothing there', async () => {
    const client = new Client(`unix:${mesh().node('node1').readerSocket()}`, credentials.createInsecure());
    for (const path of definedMethods().filter((one) => one.startsWith('/cnvm.')))
      assert.equal(!CLOSED.includes(await codeOf(client, path)), rolesFor(path).includes('reader'), path);
    client.close();
  });

  it('is by TLS 1.3 with a certificate, or not at all', async () => {
    const { pkiDir, node } = mesh();
    const port = Number(node('node1').endpoint().split(':')[1]);
    const file = (name: string) => readFileSync(join(pkiDir, name));
    const pair = { ca: file('ca.crt'), cert: file('operators/ann.crt'), key: file('operators/ann.key') };
    /** Whether HTTP/2 answers. */
    const isIn = async (options: ConnectionOptions) =>
      await new Promise<boolean>((resolve) => {
        const socket = connectTls({ port, host: '127.0.0.1', servername: 'node1', ...options });
        socket.once('data', () => resolve(true));
        for (const event of ['error', 'end', 'close']) socket.once(event, () => resolve(false));
        socket.once('secureConnect', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'));
      });
    const h2 = { ALPNProtocols: ['h2'] };
    assert.equal(await isIn({ ...pair, ...h2 }), true);
    assert.equal(await isIn({ ...pair, ...h2, maxVersion: 'TLSv1.2' }), false);
    assert.equal(await isIn({ ca: pair.ca, ...h2 }), false);
    assert.equal(await isIn({ ...pair }), false);
  });
});
