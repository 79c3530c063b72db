/** Messages of a peer, sound and unsound, for the tests that send anything. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import * as wire from '../../src/gen/cnvm/peer/v1/peer.js';
import { Compression, MemoryMode, MigrationMode } from '../../src/gen/cnvm/v1/migration.js';
import { toFacts } from '../../src/rpc/node-messages.js';
import { odd, pathsIn, replaceAt } from '../support/fuzz.js';
import { baseImage, facts, record } from '../support/samples.js';
import { NAME } from './support.js';

export const HAND_OVER = '/cnvm.peer.v1.HandOverService';
export const MESH = '/cnvm.peer.v1.MeshService';
export const BULK = '/cnvm.peer.v1.BulkService';
const IMAGES = '/cnvm.peer.v1.ImageService';
export const METHODS = [
  ...['Offer', 'Seed', 'Round', 'Prepare', 'Collect', 'HandOver', 'Release', 'Cancel', 'Query'].map(
    (one) => `${HAND_OVER}/${one}`,
  ),
  ...['Describe', 'Announce'].map((one) => `${MESH}/${one}`),
  ...['Revocations', 'Renew'].map((one) => `/cnvm.peer.v1.TrustService/${one}`),
];
/** They are answered when the migration has come so far, or has ended. */
export const WAITING = [
  ...['Seed', 'Round', 'Prepare', 'Collect', 'HandOver', 'Release'].map((one) => `${HAND_OVER}/${one}`),
];
/** They stand for others: an id is good for one migration, whatever came of it. */
const IDS = ['a', 'b', 'c'].map((letter) => `00000000-0000-4000-8000-00000000000${letter}`);

const compression = fc.constantFrom(Compression.AUTO, Compression.NONE, Compression.ZSTD, Compression.UNSPECIFIED);
const text = fc.oneof(
  fc.constantFrom('', '..', '../../x', 'a/b', 'a\nb', '\0', 'node1', 'ü'.repeat(20_000), 'x'.repeat(80_000)),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const count = fc.oneof(
  fc.constantFrom(0n, 3n, 4n, 5n, 2n ** 52n, 2n ** 53n, 2n ** 64n - 1n),
  fc.bigInt(0n, 2n ** 64n - 1n),
);
const migration = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...IDS) }, { weight: 1, arbitrary: text });
const round = fc.constantFrom(0, 1, 2, 3, 2 ** 32 - 1);
const flushedTime = fc.option(fc.date({ noInvalidDate: true, min: new Date(0) }), { nil: undefined });

/** Sound records of cnvms that node3 may well own, and what differs from one in one place. */
const soundRecord = fc
  .record({
    name: fc.constantFrom('theirs', 'theirs-too', NAME),
    address: fc.constantFrom('10.100.7.7', '10.100.7.8', '10.100.0.1', '10.100.101.111'),
    epoch: fc.constantFrom(3, 4, 2 ** 52, 2 ** 53 - 1),
    owner: fc.constantFrom('node3', 'node3', 'node1'),
  })
  .map((change) => ({ ...record, ...change }));
const oddRecord = fc.tuple(soundRecord, fc.constantFrom(...pathsIn(record)), odd).map(([sound, path, value]) => {
  const changed = structuredClone(sound);
  replaceAt(changed, path, value);
  return changed;
});
const recordText = fc.oneof(
  { weight: 4, arbitrary: soundRecord.map((sound) => JSON.stringify(sound)) },
  { weight: 2, arbitrary: oddRecord.map((one) => JSON.stringify(one)) },
  { weight: 1, arbitrary: text },
);
const source = fc.oneof(
  { weight: 6, arbitrary: fc.constant(toFacts(facts('node3'))) },
  { weight: 1, arbitrary: text.map((name) => toFacts(facts(name, { cpuFlags: [name], criuVersion: name }))) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const digest = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(baseImage.digest, `sha256:${'0'.repeat(64)}`) },
  {
    weight: 1,
    arbitrary: fc.oneof(text, fc.constantFrom('sha256:../../names', 'sha256:', `sha256:${'A'.repeat(64)}`)),
  },
);
const layer = fc.record({ digest, diffId: digest, bytes: count, unpackedBytes: count });
const offer = fc
  .record({
    migration,
    record: recordText,
    epoch: fc.oneof({ weight: 4, arbitrary: fc.constant(3n) }, { weight: 1, arbitrary: count }),
    mode: fc.constantFrom(MigrationMode.HOT, MigrationMode.COLD, MigrationMode.COLD, MigrationMode.UNSPECIFIED),
    landing: fc.oneof({ weight: 4, arbitrary: fc.constant('') }, { weight: 1, arbitrary: text }),
    memoryBytes: fc.oneof(fc.constant(0n), count),
    diskBytes: fc.oneof(fc.constant(0n), count),
    source,
    dryRun: fc.boolean(),
    memoryMode: fc.constantFrom(
      MemoryMode.UNSPECIFIED,
      MemoryMode.STOP_COPY,
      MemoryMode.PRE_COPY,
      MemoryMode.POST_COPY,
    ),
    compression,
    layers: fc.array(layer, { maxLength: 3 }),
    evacuation: fc.boolean(),
  })
  .map((message) => wire.OfferRequest.encode(message).finish());
const holding = fc.record({
  name: fc.oneof(fc.constantFrom('theirs', 'theirs-too'), text),
  address: fc.oneof(fc.constantFrom('10.100.7.7', '10.100.7.8', '0.0.0.0/0', '10.100.7.9\n', '::1'), text),
  epoch: count,
  state: fc.oneof(fc.constantFrom('running', 'stopped'), text),
  image: text,
});
const overlayCard = fc.record({
  key: fc.oneof(fc.constant(`${'A'.repeat(43)}=`), fc.constant(`${'A'.repeat(42)}\nB=`), text),
  nextKey: text,
  port: fc.nat(2 ** 32 - 1),
  mtu: fc.nat(2 ** 32 - 1),
});
const announcement = fc
  .record({
    node: text,
    holdings: fc.array(holding, { maxLength: 4 }),
    overlay: fc.option(overlayCard, { nil: undefined }),
  })
  .map((message) => wire.AnnounceRequest.encode(message).finish());

export interface Message {
  readonly path: string;
  readonly bytes: Uint8Array;
}
const sent = (path: string, bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Message> =>
  bytes.map((one) => ({ path, bytes: one }));
export const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 4, arbitrary: sent(`${HAND_OVER}/Offer`, offer) },
  sent(
    `${HAND_OVER}/Prepare`,
    fc
      .record({ migration, flushedTime, round, parent: round, changes: fc.boolean() })
      .map((one) => wire.PrepareRequest.encode(one).finish()),
  ),
  ...['Seed', 'Collect', 'Release', 'Query'].map((name) =>
    sent(
      `${HAND_OVER}/${name}`,
      migration.map((id) => wire.QueryRequest.encode({ migration: id }).finish()),
    ),
  ),
  sent(
    `${HAND_OVER}/Round`,
    fc.record({ migration, round, parent: round }).map((one) => wire.RoundRequest.encode(one).finish()),
  ),
  sent(
    `${HAND_OVER}/HandOver`,
    fc.record({ migration, epoch: count }).map((one) => wire.HandOverRequest.encode(one).finish()),
  ),
  sent(
    `${HAND_OVER}/Cancel`,
    fc.record({ migration, reason: text }).map((one) => wire.CancelRequest.encode(one).finish()),
  ),
  sent(`${MESH}/Announce`, announcement),
  sent(
    `${IMAGES}/HaveBlobs`,
    fc.record({ digests: fc.array(digest, { maxLength: 3 }) }).map((one) => wire.HaveBlobsRequest.encode(one).finish()),
  ),
  sent(
    `${IMAGES}/PullBlob`,
    fc.record({ digest, offset: count }).map((one) => wire.PullBlobRequest.encode(one).finish()),
  ),
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(...METHODS, `${MESH}/Nothing`, '/x')
      .chain((path) => sent(path, fc.uint8Array({ maxLength: 200 }))),
  },
);

const tunnelMessage = fc.oneof(
  fc
    .record({
      migration,
      channel: fc.constantFrom(wire.Channel.PAGES, wire.Channel.DISK, wire.Channel.UNSPECIFIED),
      round,
      sumKey: fc.oneof(fc.constant(new Uint8Array(16)), fc.uint8Array({ maxLength: 40 })),
      compression,
    })
    .map((value) => wire.TunnelRequest.encode({ message: { $case: 'open', value } }).finish()),
  fc
    .uint8Array({ maxLength: 5_000 })
    .map((value) => wire.TunnelRequest.encode({ message: { $case: 'data', value } }).finish()),
  fc.uint8Array({ maxLength: 200 }),
);
/** What comes on a stream that should begin with "open" and go on with data. */
export const tunnelMessages = fc.array(tunnelMessage, { maxLength: 6 });

/** The same messages about migrations that nobody has heard of, and which those are. */
export function anew(messages: readonly Message[]): { readonly ids: readonly string[]; readonly messages: Message[] } {
  const ids = IDS.map(() => randomUUID());
  const fresh = messages.map(({ path, bytes }) => {
    const changed = Buffer.from(bytes);
    for (const [index, id] of IDS.entries()) {
      for (let at = changed.indexOf(id); at !== -1; at = changed.indexOf(id, at)) changed.write(ids[index] ?? id, at);
    }
    return { path, bytes: changed };
  });
  return { ids, messages: fresh };
}
