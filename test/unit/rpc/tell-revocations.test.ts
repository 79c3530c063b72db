import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import type { Crl } from '../../../src/pki/crl.js';
import { initPki } from '../../../src/pki/pki-dir.js';
import { openRevocations } from '../../../src/pki/revocations.js';
import { addRevoked } from '../../../src/pki/revoke.js';
import { keepTelling } from '../../../src/rpc/tell-revocations.js';
import { temporary } from '../../support/temporary.js';

const COUNT = 40;

describe('what is revoked', () => {
  const directory = temporary();

  it('is asked of some peers in each round, and told to all of them when it is new', async () => {
    const asked: string[] = [];
    const told: string[] = [];
    const crl = { number: 2, der: new Uint8Array([1]) } as unknown as Crl;
    let current: Crl | undefined;
    let change: () => void = () => undefined;
    const trustOf = (name: string) => ({
      async revocations({ number, crl: list }: { number: number; crl: Uint8Array | undefined }) {
        (list === undefined ? asked : told).push(name);
        return { number, crl: new Uint8Array() };
      },
      renew: () => Promise.reject(new Error('nobody renews here')),
    });
    const peers = Array.from({ length: COUNT }, (_, index) => `node${index}`).map((name) => ({
      name,
      trust: trustOf(name),
    }));
    const stop = new AbortController();
    const revocations = {
      current: () => current,
      hear: async () => undefined,
      onChange(listener: () => void) {
        change = listener;
      },
    };
    const telling = keepTelling({ peers: () => peers, revocations, log: pino({ level: 'silent' }) }, stop.signal);
    await sleep(20);
    assert.equal(asked.length, 16);
    assert.equal(new Set(asked).size, 16);
    assert.deepEqual(told, []);
    current = crl;
    change();
    await sleep(20);
    assert.deepEqual(told.sort(), peers.map(({ name }) => name).sort());
    stop.abort();
    await telling;
  });

  it('comes together when two who hold the CA have each revoked while they did not reach each other', async () => {
    const log = pino({ level: 'silent' });
    const stop = new AbortController();
    const ca = await directoryWithCa();
    const serials = ['4'.repeat(40), '5'.repeat(40)];
    const lists = await Promise.all(
      serials.map(async (serial, index) => {
        const own = join(directory(), `holder${index}`);
        mkdirSync(own);
        for (const name of ['ca.crt', 'ca.key']) copyFileSync(join(ca, name), join(own, name));
        await addRevoked(own, new Map([[serial, Date.now()]]));
        const text = () => readFileSync(join(own, 'ca.crt'), 'utf8');
        return await openRevocations({ file: join(own, 'ca.crl'), ca: text, authority: own, log });
      }),
    );
    /** As a node answers. */
    const trustOf = (list: (typeof lists)[number]) => ({
      async revocations({ number, crl }: { number: number; crl: Uint8Array | undefined }) {
        if (crl !== undefined) await list.hear(crl);
        const ours = list.current();
        const newer = ours !== undefined && ours.number > number;
        return { number: ours?.number ?? 0, crl: newer ? ours.der : new Uint8Array() };
      },
      renew: () => Promise.reject(new Error('nobody renews here')),
    });
    const telling = lists.map((revocations, index) => {
      const others = lists.filter((one) => one !== revocations);
      const peers = others.map((other) => ({ name: `node${1 - index}`, trust: trustOf(other) }));
      return keepTelling({ peers: () => peers, revocations, log }, stop.signal);
    });
    try {
      const know = () => lists.every((list) => serials.every(list.isRevoked));
      for (let waited = 0; !know() && waited < 3_000; waited += 20) await sleep(20);
      assert.ok(know(), 'both know what either has revoked');
    } finally {
      stop.abort();
      await Promise.all(telling);
      for (const list of lists) list.close();
    }
  });

  async function directoryWithCa(): Promise<string> {
    const ca = join(directory(), 'ca');
    await initPki(ca, { force: false });
    return ca;
  }
});
