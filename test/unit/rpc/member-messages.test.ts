import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as wire from '../../../src/gen/cnvm/peer/v1/peer.js';
import { type Card, understand } from '../../../src/mesh/swim/card.js';
import { sizeOfMessage } from '../../../src/mesh/swim/size.js';
import type { Message, Word } from '../../../src/mesh/swim/words.js';
import { fromMemberMessage, toMemberMessage } from '../../../src/rpc/member-messages.js';
import { runs } from '../../support/fuzz.js';

const NETWORK = '10.100.0.0/16';
const card = (name: string): Card => ({
  name,
  endpoint: '192.0.2.7:7443',
  overlayAddress: '10.100.0.7',
  version: '0.1.0',
  protocolMin: 1,
  protocolMax: 1,
  overlayKey: `${'A'.repeat(43)}=`,
  overlayNextKey: `${'B'.repeat(42)}E=`,
  overlayPort: 51_820,
  overlayMtu: 1_420,
  cordoned: true,
  strained: false,
  facts: {
    criuVersion: '4.2.1',
    runcVersion: '1.1.15',
    kernelRelease: '6.12.0',
    architecture: 'x64',
    cpuDigest: '0123456789abcdef',
    cpus: 8,
    memoryModes: ['pre-copy', 'stop-copy'],
    memoryTotalBytes: 2 ** 35,
    memoryAvailableBytes: 2 ** 34,
    loadCenti: 150,
    cnvmCount: 3,
    landingZones: [{ path: '/home/cnvm/sneakers', availableBytes: 2 ** 38 }],
  },
});
const holding = (index: number) => ({
  name: `cnvm${index}.example`,
  address: `10.100.7.${index}`,
  epoch: index + 1,
  state: 'running',
  image: `base@sha256:${'ab'.repeat(32)}`,
});

const number = fc.integer({ min: 1, max: 2 ** 45 });
const name = fc.integer({ min: 1, max: 999 }).map((index) => `node${index}`);
const claims = fc
  .integer({ min: 0, max: 5 })
  .map((count) => Array.from({ length: count }, (_, index) => holding(index)));
const state = fc.constantFrom('alive', 'suspect', 'dead', 'left');
const word: fc.Arbitrary<Word> = fc.oneof(
  fc.record({ kind: fc.constant('state' as const), name, state, incarnation: number, by: name }),
  fc.tuple(name, number, number).map(([one, incarnation, revision]) => ({
    kind: 'card' as const,
    name: one,
    incarnation,
    revision,
    card: card(one),
  })),
  fc.record({
    kind: fc.constant('claims' as const),
    name,
    base: number,
    revision: number,
    changed: claims,
    removed: fc.array(name, { maxLength: 3 }),
  }),
);
const message: fc.Arbitrary<Message> = fc.record({
  kind: fc.constantFrom('ping', 'ack', 'reach', 'gossip', 'digest', 'records', 'push'),
  incarnation: fc.nat(1_000),
  words: fc.array(word, { maxLength: 6 }),
  digests: fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 64 }),
  records: fc.array(
    fc.tuple(name, state, number, number, claims).map(([one, is, cardRevision, claimsRevision, owned]) => ({
      ...{ name: one, state: is, incarnation: 3, cardRevision, card: card(one), claimsRevision, claims: owned },
    })),
    { maxLength: 4 },
  ),
});

const over = (sent: Message): Uint8Array => wire.MemberMessage.encode(toMemberMessage(sent)).finish();
const back = (bytes: Uint8Array, refused: string[] = []) =>
  fromMemberMessage(wire.MemberMessage.decode(bytes), NETWORK, (why) => void refused.push(why));
/** Without the bytes that a card came as. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, part: unknown) => (key === 'encoded' ? undefined : part)));

describe('messages of the membership', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const got = back(over(sent));
        assert.deepEqual(plain(got), plain({ cardSeen: 0, target: '', ...sent }));
      }),
      runs(200),
    );
  });

  it('are as long as the simulation takes them to be, within a tenth and a few bytes', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const [real, estimate] = [over(sent).length, sizeOfMessage(sent)];
        assert.ok(Math.abs(real - estimate) <= 16 + real / 10, `${estimate} for ${real}`);
      }),
      runs(300),
    );
  });

  it('carry what a newer version has put into a card through an older one, and more that it does not know', () => {
    const newer = Buffer.concat([
      wire.MemberCard.encode(wire.MemberCard.decode(over1())).finish(),
      Buffer.from([0xfa, 0x06, 3, 1, 2, 3]),
    ]);
    const value = { name: 'node7', incarnation: 1n, revision: 5n, card: newer };
    const unknownWord = Buffer.from([0x1a, 0x04, 0xfa, 0x06, 0x01, 0x01]);
    const sent = wire.MemberMessage.encode({
      ...toMemberMessage({ kind: 'gossip', incarnation: 1, words: [] }),
      words: [{ word: { $case: 'card', value } }],
    }).finish();
    const got = back(Buffer.concat([sent, unknownWord]));
    assert.equal(got?.words.length, 1);
    const again = wire.MemberMessage.decode(over(got as Message)).words[0]?.word;
    assert.ok(again?.$case === 'card');
    assert.deepEqual(Buffer.from(again.value.card), newer);
    assert.equal(
      back(wire.MemberMessage.encode(wire.MemberMessage.fromPartial({ kind: 77 as never })).finish()),
      undefined,
    );
  });

  it('that hold what cannot be lose that part, and keep the rest', () => {
    const refused: string[] = [];
    const good: Word = { kind: 'state', name: 'node1', state: 'dead', incarnation: 2, by: 'node2' };
    const bad: Word[] = [
      { ...good, name: '../x' },
      { ...good, by: 'a b' },
      { kind: 'card', name: 'node8', incarnation: 1, revision: 1, card: card('node7') },
      { kind: 'card', name: 'node7', incarnation: 1, revision: 1, card: { ...card('node7'), endpoint: 'x y:1' } },
      {
        kind: 'card',
        name: 'node7',
        incarnation: 1,
        revision: 1,
        card: { ...card('node7'), overlayAddress: '8.8.8.8' },
      },
      { kind: 'card', name: 'node7', incarnation: 1, revision: 1, card: { ...card('node7'), overlayKey: 'short' } },
      {
        kind: 'claims',
        name: 'node7',
        base: 0,
        revision: 1,
        changed: [{ ...holding(1), address: '10.0.0.1' }],
        removed: [],
      },
      { kind: 'state', name: 'node1', state: 'dead', incarnation: 2 ** 53, by: 'node2' },
    ];
    const got = back(over({ kind: 'gossip', incarnation: 1, words: [...bad, good] }), refused);
    assert.deepEqual(got?.words, [good]);
    assert.equal(refused.length, bad.length);
  });

  it('are understood by versions that have one in common', () => {
    assert.ok(understand({ protocolMin: 1, protocolMax: 2 }, { protocolMin: 2, protocolMax: 3 }));
    assert.ok(!understand({ protocolMin: 1, protocolMax: 1 }, { protocolMin: 2, protocolMax: 3 }));
  });
});

/** A card as bytes. */
function over1(): Uint8Array {
  const bytes = wire.MemberMessage.decode(
    over({
      kind: 'gossip',
      incarnation: 1,
      words: [{ kind: 'card', name: 'node7', incarnation: 1, revision: 1, card: card('node7') }],
    }),
  );
  const first = bytes.words[0]?.word;
  return first?.$case === 'card' ? first.value.card : new Uint8Array();
}
