import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import type { Crl } from '../../../src/pki/crl.js';
import { keepTelling } from '../../../src/rpc/tell-revocations.js';

const COUNT = 40;

describe('what is revoked', () => {
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
});
