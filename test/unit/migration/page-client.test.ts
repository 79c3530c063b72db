/** Pages between a criu, played here, and a source whose streams break. */
import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { refused } from '../../../src/base/errors.js';
import { readBytes } from '../../../src/migration/byte-reader.js';
import { createPageClient, type PageClientOptions } from '../../../src/migration/page-client.js';
import { servePages } from '../../../src/migration/page-server.js';
import {
  closeHeader,
  headerBytes,
  PAGE_BYTES,
  type PageRange,
  parseWord,
  rangeHeader,
} from '../../../src/migration/page-words.js';
import { streamPair } from '../../contract/stream-pair.js';

const LAYOUT = 'wide';
const BASE = 0x7000_0000_0000;
/** Of process 1: so many pages, each full of its own number. */
const PAGES = 200;

const pageOf = (page: number): Buffer => Buffer.alloc(PAGE_BYTES, (page % 251) + 1);
const memory = {
  async read(pid: number, address: number, bytes: number) {
    const first = (address - BASE) / PAGE_BYTES;
    const count = Math.min(bytes / PAGE_BYTES, PAGES - first);
    if (pid !== 1 || first < 0 || count < 1) throw new Error('no such memory');
    return Buffer.concat(Array.from({ length: count }, (_, index) => pageOf(first + index)));
  },
  close: async () => undefined,
};

/** Streams to a source, of which each ends after so many bytes: the last number counts for all that follow. */
function source(...bytesEach: readonly number[]) {
  const seen = { streams: 0, bytes: 0, answers: 0 };
  const connect = async (): Promise<Duplex> => {
    const limit = bytesEach[Math.min(seen.streams, bytesEach.length - 1)] ?? 0;
    seen.streams += 1;
    const [here, there] = await streamPair();
    let sent = 0;
    servePages(there, memory, LAYOUT, (count) => {
      sent += count;
      seen.bytes += count;
      seen.answers += 1;
      if (sent >= limit) there.destroy();
    }).catch(() => undefined);
    return here;
  };
  return { seen, connect };
}

async function play(
  ranges: readonly PageRange[],
  connect: () => Promise<Duplex>,
  change: Partial<PageClientOptions> = {},
  how: 'at once' | 'each in turn' = 'at once',
) {
  // The port gives its stream at once; here one is made ready for each turn.
  const ready = await Promise.all(Array.from({ length: 8 }, connect));
  const stalls: (string | undefined)[] = [];
  const client = createPageClient({
    layout: LAYOUT,
    connect: () => ready.shift() as Duplex,
    patienceMs: 10_000,
    onBytes: () => undefined,
    onStall: (why) => stalls.push(why),
    ...change,
  });
  const [criu, ours] = await streamPair();
  const running = client.run(ours);
  running.catch(() => undefined);
  if (how === 'at once') for (const range of ranges) criu.write(rangeHeader('get', range, LAYOUT));
  const reader = readBytes(criu);
  const got: Buffer[] = [];
  for (const range of ranges) {
    if (how === 'each in turn') criu.write(rangeHeader('get', range, LAYOUT));
    const header = await reader.take(headerBytes(LAYOUT));
    if (header === undefined) break;
    assert.deepEqual(parseWord(header, LAYOUT), { kind: 'add', ...range });
    got.push(Buffer.from((await reader.take(range.pages * PAGE_BYTES)) ?? []));
  }
  if (got.length === ranges.length) criu.write(closeHeader(LAYOUT));
  for (const stream of ready) stream.destroy();
  return { got, stalls, running };
}

const at = (page: number, pages = 1): PageRange => ({ pid: 1, address: BASE + page * PAGE_BYTES, pages });
function assertRight(ranges: readonly PageRange[], got: readonly Buffer[]): void {
  assert.equal(got.length, ranges.length);
  for (const [index, { address, pages }] of ranges.entries()) {
    const first = (address - BASE) / PAGE_BYTES;
    const wanted = Buffer.concat(Array.from({ length: pages }, (_, more) => pageOf(first + more)));
    assert.ok(got[index]?.equals(wanted), `range ${index}`);
  }
}

describe('pages on their way to criu', () => {
  it('come in the order in which they were asked for, also to the end of what there is', async () => {
    const ranges = [at(0, 16), at(190), at(5), at(199), at(64, 64), at(191)];
    const { connect } = source(Number.POSITIVE_INFINITY);
    const { got, running } = await play(ranges, connect);
    assertRight(ranges, got);
    await running;
  });

  it('of a walk through memory are asked for ahead, and none twice', async () => {
    const ranges = Array.from({ length: PAGES }, (_, page) => at(page));
    const { seen, connect } = source(Number.POSITIVE_INFINITY);
    const { got } = await play(ranges, connect, {}, 'each in turn');
    assertRight(ranges, got);
    assert.equal(seen.bytes, PAGES * PAGE_BYTES);
    assert.ok(seen.answers <= 8, `${seen.answers} ways to the source`);
  });

  it('outlive streams that break within an answer', async () => {
    const ranges = [at(0, 16), at(16, 64), at(80, 100)];
    const { connect } = source(20 * PAGE_BYTES, 40 * PAGE_BYTES, Number.POSITIVE_INFINITY);
    const { got, stalls, running } = await play(ranges, connect);
    assertRight(ranges, got);
    await running;
    assert.ok(stalls.length >= 2, 'a stall is told, and its end');
  });

  it('are given up when the source has nothing to give, or for too long', async () => {
    const no = () => {
      throw refused('not-found', 'the memory is not here any more');
    };
    const { running } = await play([at(0)], async () => (await streamPair())[0], { connect: no });
    await assert.rejects(running, /not here any more/);
    const away = () => {
      throw refused('unavailable', 'cannot reach node1');
    };
    const late = await play([at(0)], async () => (await streamPair())[0], { connect: away, patienceMs: 700 });
    await assert.rejects(late.running, /cannot reach/);
  });

  it('that were not asked for are not taken', async () => {
    const lying = async () => {
      const [here, there] = await streamPair();
      there.write(Buffer.concat([rangeHeader('add', at(7), LAYOUT), pageOf(7)]));
      return here;
    };
    const { got, running } = await play([at(3)], lying);
    assert.equal(got.length, 0);
    await assert.rejects(running, /not asked for/);
  });
});
