/**
 * What a machine and its bulk do, whichever they are: the real ones and the fakes pass the same suite. Invariant: each
 * promise here is one that the migrations rely on.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Dump, Machine, MemoryTaken } from '../../src/cnvms/machine.js';
import type { Bulk, PageSink } from '../../src/migration/bulk.js';
import { EARLY_IMAGE, readEarlyImage, readImages, writeImages } from '../../src/migration/images.js';
import { createPageRelay, type PageRelay } from '../../src/migration/page-relay.js';
import type { Layout } from '../../src/migration/page-words.js';
import type { ImageChunk } from '../../src/migration/peer-port.js';
import { besideGate } from '../../src/tools/restore-gate.js';
import { lazyContract } from './lazy-contract.js';
import { streamPair } from './stream-pair.js';

export interface MachineUnderTest {
  readonly machine: Machine;
  readonly bulk: Bulk;
  /** Of a cnvm that is not there. */
  readonly record: CnvmRecord;
  /** Its kernel tells which pages change. */
  readonly tracks: boolean;
  /** A process of it writes a file; below /dev/shm that is memory. */
  write(record: CnvmRecord, path: string, text: string): Promise<void>;
  read(record: CnvmRecord, path: string): Promise<string>;
  /** What its disk holds, seen from outside; undefined when it does not hold it. */
  fileOnDisk(record: CnvmRecord, path: string): Promise<string | undefined>;
  /** A directory for files of the test, gone with it or with the host. */
  scratch(): Promise<string>;
  /** Of criu's words. */
  readonly layout: Layout;
  /** Another node's, which shares nothing with this one; the link to the cnvm here is gone afterwards. */
  second(): Promise<Pick<MachineUnderTest, 'machine' | 'bulk' | 'read'>>;
}

const GRACE_MS = 200;
const WAITED_MS = 3_500;
const BEGUN_MS = 1_000;
export const IMAGES_BYTES = 256 * 1024 * 1024;
export const MEMORY = '/dev/shm/value';
export const DISK = '/root/value';

export function machineContract(what: string, open: () => Promise<MachineUnderTest>): void {
  describe(`the contract of a machine, kept by ${what}`, () => {
    let under: MachineUnderTest;
    /** The same cnvm in another directory, as it would be on another node. */
    let there: CnvmRecord;

    beforeEach(async () => {
      under = await open();
      there = { ...under.record, landing: join(under.record.landing, 'there') };
    });
    afterEach(async () => {
      const { machine, bulk, record } = under;
      await machine.destroy(record);
      for (const one of [there, record]) await machine.erase(one);
      for (const migration of ['from', 'to']) await bulk.sweep(migration);
    });

    const status = async () => (await under.machine.look(under.record)).status;
    async function running(): Promise<void> {
      await under.machine.make(under.record);
      await under.machine.boot(under.record);
      await under.write(under.record, MEMORY, 'remembered');
      await under.write(under.record, DISK, 'written');
    }
    /** Running, with a dump that waits to begin. */
    async function ready(): Promise<{ dump: Dump; sink: PageSink; relay: PageRelay; from: string; to: string }> {
      const { machine, bulk, record } = under;
      const [from, to] = [await bulk.openImages('from', IMAGES_BYTES), await bulk.openImages('to', IMAGES_BYTES)];
      const relay = createPageRelay(() => undefined);
      const [here, across] = await streamPair();
      relay.attach(here).catch(() => undefined);
      const sink = bulk.takePages(to, across, () => undefined);
      const dump = await machine.dump(record, { imagesDir: from, takePages: relay.takePages });
      await dump.ready;
      return { dump, sink, relay, from, to };
    }
    /** Frozen, and being dumped to where `sink` takes its pages. */
    async function dumping(): ReturnType<typeof ready> {
      const made = await ready();
      await under.machine.freeze(under.record);
      made.dump.begin();
      return made;
    }

    it('one that is not there is stopped, and to end it is harmless', async () => {
      const { machine, record } = under;
      assert.equal(await status(), 'stopped');
      await machine.halt(record, GRACE_MS);
      await machine.destroy(record);
      await machine.erase(record);
      assert.deepEqual(await machine.usage(record), { memoryBytes: 0, diskBytes: 0 });
    });

    it('it is made once, and erased', async () => {
      const { machine, record } = under;
      await machine.make(record);
      assert.equal((await under.fileOnDisk(record, '/etc/hostname'))?.trim(), record.name);
      await assert.rejects(machine.demandRoom(record), { code: 'refused', kind: 'exists' });
      await assert.rejects(machine.make(record), { code: 'refused', kind: 'exists' });
      await assert.rejects(machine.expect(record), { code: 'refused', kind: 'exists' });
      assert.equal((await under.fileOnDisk(record, '/etc/hostname'))?.trim(), record.name);
      await machine.erase(record);
      assert.equal(await under.fileOnDisk(record, '/etc/hostname'), undefined);
    });

    it('it runs, cannot be erased while it does, stops, and its disk stays', async () => {
      const { machine, record } = under;
      await running();
      assert.equal(await status(), 'running');
      assert.ok((await machine.look(record)).pid > 0);
      await assert.rejects(machine.erase(record), /mounted/);
      assert.equal(await under.read(record, MEMORY), 'remembered');
      await machine.halt(record, GRACE_MS);
      assert.equal(await status(), 'stopped');
      assert.equal(await under.fileOnDisk(record, DISK), 'written');
      await machine.boot(record);
      assert.equal(await under.read(record, DISK), 'written');
    });

    it('one whose image is not here is neither started nor expected, and leaves nothing', async () => {
      const { machine, record } = under;
      const image = { name: 'nowhere', digest: `sha256:${'0'.repeat(64)}` };
      await machine.make(record);
      await assert.rejects(machine.boot({ ...record, image }), { code: 'refused', kind: 'not-found' });
      assert.equal(await status(), 'stopped');
      await assert.rejects(machine.expect({ ...there, image }), { code: 'refused', kind: 'not-found' });
      assert.equal(await under.fileOnDisk(there, '/etc/hostname'), undefined);
      await machine.expect(there);
      await machine.destroy(there);
    });

    it('its disk is packed into a file, of one that is stopped or frozen, and another is filled with it', async () => {
      const { machine, record } = under;
      const never = new AbortController().signal;
      const archive = join(await under.scratch(), 'disk.tar');
      await running();
      await machine.freeze(record);
      await machine.packDisk(record, archive, never);
      await machine.thaw(record);
      assert.equal(await under.read(record, DISK), 'written');
      await machine.halt(record, GRACE_MS);
      await machine.packDisk(record, `${archive}2`, never);
      const name = 'clone';
      const clone = { ...there, name, address: '10.100.200.2' };
      await machine.expect(clone);
      try {
        await assert.rejects(machine.unpackDisk(clone, `${archive}3`, never), { code: 'tool' });
        for (const one of [archive, `${archive}2`]) {
          await machine.unpackDisk(clone, one, never);
          assert.equal(await under.fileOnDisk(clone, DISK), 'written');
          assert.equal((await under.fileOnDisk(clone, '/etc/hostname'))?.trim(), record.name);
        }
        await machine.rename(clone);
        assert.equal((await under.fileOnDisk(clone, '/etc/hostname'))?.trim(), name);
        await machine.boot(clone);
        // Its own root can write over what the other one's has written.
        await under.write(clone, DISK, 'by the clone');
        assert.equal(await under.read(clone, DISK), 'by the clone');
      } finally {
        await machine.destroy(clone);
        await machine.erase(clone);
      }
    });

    it('a start that fails leaves nothing of it running', async () => {
      const { machine, record } = under;
      await assert.rejects(machine.boot(record));
      assert.equal(await status(), 'stopped');
      await running();
      await assert.rejects(machine.boot(record));
      assert.equal(await status(), 'stopped');
      await machine.erase(record);
    });

    it('it is frozen once and thawed as often as one likes', async () => {
      const { machine, record } = under;
      await running();
      await machine.thaw(record);
      await machine.freeze(record);
      assert.equal(await status(), 'frozen');
      await assert.rejects(machine.freeze(record), /frozen|paused/);
      assert.equal(await status(), 'frozen');
      await machine.thaw(record);
      await machine.thaw(record);
      assert.equal(await status(), 'running');
      assert.equal(await under.read(record, MEMORY), 'remembered');
    });

    it('what is not there can be neither frozen nor thawed', async () => {
      const { machine, record } = under;
      await assert.rejects(machine.freeze(record), /no such|no cgroup|does not exist/);
      await assert.rejects(machine.thaw(record), { code: 'tool' });
      assert.equal(await status(), 'stopped');
    });

    it('one that is frozen can be destroyed', async () => {
      const { machine, record } = under;
      await running();
      await machine.freeze(record);
      await machine.destroy(record);
      assert.equal(await status(), 'stopped');
      await machine.erase(record);
    });

    it('a dump that is rolled back leaves it whole and frozen, and it can be dumped again', async () => {
      const { machine, bulk, record } = under;
      await running();
      const first = await dumping();
      await first.dump.held;
      await first.dump.rollBack();
      assert.equal(await status(), 'frozen');
      await machine.thaw(record);
      assert.equal(await under.read(record, MEMORY), 'remembered');
      first.relay.close();
      first.sink.close();
      for (const migration of ['from', 'to']) await bulk.sweep(migration);
      const second = await dumping();
      await second.dump.held;
      await second.dump.rollBack();
      second.relay.close();
      second.sink.close();
      await machine.thaw(record);
      assert.equal(await status(), 'running');
    });

    it('a dump that is ready touches nothing, and can be called off before it has begun', async () => {
      const { machine, bulk, record } = under;
      await running();
      const { dump, relay, sink } = await ready();
      await under.write(record, MEMORY, 'while it waits');
      await dump.rollBack();
      await assert.rejects(dump.held);
      assert.equal(await status(), 'running');
      assert.equal(await under.read(record, MEMORY), 'while it waits');
      relay.close();
      sink.close();
      for (const migration of ['from', 'to']) await bulk.sweep(migration);
      const second = await dumping();
      await second.dump.held;
      await second.dump.rollBack();
      second.relay.close();
      second.sink.close();
      await machine.thaw(record);
      assert.equal(await under.read(record, MEMORY), 'while it waits');
    });

    it('a dump whose pages are not taken fails, and leaves it whole and frozen', async () => {
      const { machine, record } = under;
      await running();
      const { dump, relay, sink } = await dumping();
      relay.close();
      sink.close();
      await assert.rejects(dump.held);
      await dump.rollBack();
      assert.equal(await status(), 'frozen');
      await machine.thaw(record);
      assert.equal(await under.read(record, MEMORY), 'remembered');
    });

    it('what was dumped and let go runs on elsewhere, with its memory and its disk', async () => {
      const { machine, bulk, record } = under;
      await running();
      const { dump, sink, relay, from, to } = await dumping();
      await dump.held;
      await sink.complete;
      await writeImages(readImages(from), to);
      await dump.commit();
      assert.equal(await status(), 'stopped');
      relay.close();
      await machine.destroy(record);
      await machine.expect(there);
      await pull(bulk, machine.diskDirectory(record), machine.diskDirectory(there));
      await machine.assemble(there);
      const empty = await bulk.openImages('empty', IMAGES_BYTES);
      await assert.rejects(machine.restore(there, empty));
      await bulk.sweep('empty');
      assert.equal(await status(), 'stopped');
      // The disk is still mounted: a second try is as good as the first.
      await machine.restore(there, to);
      assert.equal(await status(), 'running');
      assert.equal(await under.read(there, MEMORY), 'remembered');
      assert.equal(await under.read(there, DISK), 'written');
      await machine.destroy(there);
    });

    /** Dumped, let go, and its disk mounted at the other end; of the images only what a restore begins with is there. */
    async function arriving(): Promise<{ from: string; to: string }> {
      const { machine, bulk, record } = under;
      await running();
      const { dump, sink, relay, from, to } = await dumping();
      await dump.held;
      await sink.complete;
      await dump.commit();
      relay.close();
      await machine.destroy(record);
      await machine.expect(there);
      await pull(bulk, machine.diskDirectory(record), machine.diskDirectory(there));
      await machine.assemble(there);
      await writeImages(inTurn(readEarlyImage(from)), to);
      await machine.beginRestore(there, to);
      // As long as one takes that does not wait.
      await sleep(BEGUN_MS);
      assert.equal(await status(), 'stopped');
      await writeImages(readImages(from, [EARLY_IMAGE]), to, { nameOf: besideGate });
      return { from, to };
    }

    it('a restore that was begun before its images are whole waits for its word', async () => {
      const { machine } = under;
      const { to } = await arriving();
      // Whoever looks after a restore has looked more than once by then, and must not have taken it for dead.
      await sleep(WAITED_MS);
      assert.equal(await status(), 'stopped');
      await machine.restore(there, to);
      assert.equal(await status(), 'running');
      assert.equal(await under.read(there, MEMORY), 'remembered');
      await machine.destroy(there);
    });

    it('a restore that was begun and called off has done nothing, and another one is as good', async () => {
      const { machine } = under;
      const { to } = await arriving();
      await machine.destroy(there);
      assert.equal(await status(), 'stopped');
      await machine.assemble(there);
      await machine.restore(there, to);
      assert.equal(await status(), 'running');
      assert.equal(await under.read(there, MEMORY), 'remembered');
      await machine.destroy(there);
    });

    it('room that cannot be made is not half made', async () => {
      const { machine, record } = under;
      const unknown = { ...record, image: { name: 'no-such-image', digest: 'sha256:00' } };
      await assert.rejects(machine.expect(unknown), { code: 'refused', kind: 'not-found' });
      await machine.expect(record);
      await machine.destroy(record);
      await machine.erase(record);
    });

    it('what has no disk cannot be assembled, and what is assembled not erased', async () => {
      const { machine, record } = under;
      await assert.rejects(machine.assemble(record));
      await machine.destroy(record);
      await machine.expect(record);
      await machine.assemble(record);
      await assert.rejects(machine.erase(record), /mounted/);
      await machine.destroy(record);
      await machine.erase(record);
    });

    bulkContract(() => ({ under, there }));
    lazyContract(() => ({ under, there, running }));
    describe('of its memory', () => memoryContract(() => ({ under, there }), running));
  });
}

/** Dumps of memory alone, and what slows the processes down. */
function memoryContract(
  given: () => { under: MachineUnderTest; there: CnvmRecord },
  running: () => Promise<void>,
): void {
  beforeEach(async () => {
    const { bulk } = given().under;
    for (const migration of ['from', 'to']) await bulk.openImages(migration, IMAGES_BYTES);
  });
  const pagesLater = '/dev/shm/later';

  /** What a round of that number needs, at both ends; its pages are being taken. */
  async function openRound(number: number, parent: number) {
    const { bulk } = given().under;
    const [from, to] = [await bulk.openRound('from', number), await bulk.openRound('to', number)];
    const relay = createPageRelay(() => undefined);
    const [here, across] = await streamPair();
    relay.attach(here).catch(() => undefined);
    const parentOf = (one: string) => (parent === 0 ? undefined : join(one, '..', String(parent)));
    const sink = bulk.takePages(to, across, () => undefined, parentOf(to));
    const target = { imagesDir: from, parentDir: parentOf(from), takePages: relay.takePages };
    return { relay, sink, from, to, target };
  }
  async function whole(number: number, parent: number): Promise<MemoryTaken> {
    const { machine, record } = given().under;
    const { target, sink, relay } = await openRound(number, parent);
    const dump = await machine.preDump(record, target);
    const [taken] = await Promise.all([dump.done, sink.complete]);
    await dump.rollBack();
    relay.close();
    return taken;
  }

  /** The last dump, and what was dumped runs on elsewhere. */
  async function restoredFrom(number: number, parent: number): Promise<void> {
    const { under, there } = given();
    const { machine, bulk, record } = under;
    const { target, sink, relay, from, to } = await openRound(number, parent);
    const dump = await machine.dump(record, target);
    await dump.ready;
    await machine.freeze(record);
    dump.begin();
    await dump.held;
    await sink.complete;
    await writeImages(readImages(from), to);
    await dump.commit();
    relay.close();
    await machine.destroy(record);
    await machine.expect(there);
    await pull(bulk, machine.diskDirectory(record), machine.diskDirectory(there));
    await machine.assemble(there);
    await machine.restore(there, to);
  }

  it('what runs is dumped in rounds, and runs on elsewhere with all that was written before, between and after', async function () {
    const { under, there } = given();
    if (!under.tracks) this.skip();
    await running();
    const first = await whole(1, 0);
    assert.equal((await under.machine.look(under.record)).status, 'running');
    await under.write(under.record, pagesLater, 'between');
    const second = await whole(2, 1);
    await under.bulk.closeRound('from', 1);
    assert.ok(first.pages > 0 && second.pages > 0, `${first.pages}, ${second.pages}`);
    await under.write(under.record, pagesLater, 'after');
    await restoredFrom(3, 2);
    assert.equal(await under.read(there, MEMORY), 'remembered');
    assert.equal(await under.read(there, pagesLater), 'after');
    await under.machine.destroy(there);
  });

  it('a round whose pages are not taken fails, it runs on, and the next one needs none before it', async function () {
    const { under, there } = given();
    const { machine, record } = under;
    if (!under.tracks) this.skip();
    await running();
    const { target, sink, relay } = await openRound(1, 0);
    relay.close();
    sink.close();
    const dump = await machine.preDump(record, target);
    await assert.rejects(dump.done, { code: 'tool' });
    await dump.rollBack();
    assert.equal((await machine.look(record)).status, 'running');
    await under.write(record, pagesLater, 'between');
    await whole(2, 0);
    await restoredFrom(3, 2);
    assert.equal(await under.read(there, MEMORY), 'remembered');
    assert.equal(await under.read(there, pagesLater), 'between');
    await machine.destroy(there);
  });

  it('where the kernel does not tell which pages change a round fails, and it runs on', async function () {
    const { under } = given();
    const { machine, record } = under;
    if (under.tracks) this.skip();
    await running();
    const { target, sink, relay } = await openRound(1, 0);
    const failed = machine.preDump(record, target).then(async (dump) => {
      await dump.done.finally(() => {
        relay.close();
        return dump.rollBack();
      });
    });
    await assert.rejects(failed, { code: 'tool' });
    sink.close();
    assert.equal((await machine.look(record)).status, 'running');
    assert.equal(await under.read(record, MEMORY), 'remembered');
  });

  it('it is slowed down and given back its speed as often as one likes, also by a thaw', async () => {
    const { machine, record } = given().under;
    await running();
    const before = await machine.cpuMs(record);
    await machine.unthrottle(record);
    await machine.throttle(record, 100);
    await machine.throttle(record, 50);
    assert.equal(await given().under.read(record, MEMORY), 'remembered');
    await machine.unthrottle(record);
    await machine.throttle(record, 100);
    await machine.freeze(record);
    await machine.thaw(record);
    assert.ok((await machine.cpuMs(record)) >= before);
    assert.equal(await given().under.read(record, MEMORY), 'remembered');
  });

  it('what is not there can be neither slowed down nor dumped', async () => {
    const { machine, record } = given().under;
    await assert.rejects(machine.throttle(record, 100));
    await assert.rejects(machine.cpuMs(record));
  });

  it('a round has a directory once, and it goes as often as one likes', async () => {
    const { bulk } = given().under;
    await bulk.openRound('to', 1);
    await assert.rejects(bulk.openRound('to', 1));
    await bulk.closeRound('to', 1);
    await bulk.closeRound('to', 1);
    await bulk.openRound('to', 1);
  });
}

function bulkContract(given: () => { under: MachineUnderTest; there: CnvmRecord }): void {
  it('a disk is pulled until it is equal, also what has gone from it', async () => {
    const { under, there } = given();
    const { machine, bulk, record } = under;
    await machine.make(record);
    await machine.boot(record);
    await under.write(record, DISK, 'first');
    await under.write(record, '/root/gone', 'soon');
    await machine.expect(there);
    await pull(bulk, machine.diskDirectory(record), machine.diskDirectory(there));
    assert.equal(await under.fileOnDisk(there, '/root/gone'), 'soon');
    await under.write(record, DISK, 'second');
    await machine.halt(record, GRACE_MS);
    await pull(bulk, machine.diskDirectory(record), machine.diskDirectory(there));
    assert.equal(await under.fileOnDisk(there, DISK), 'second');
  });

  it('a disk whose stream breaks, or that is called off, is not taken for whole', async () => {
    const { under, there } = given();
    const { machine, bulk } = under;
    await machine.expect(there);
    const [here, across] = await streamPair();
    const broken = bulk.pullDisk('to', machine.diskDirectory(there), () => across, new AbortController().signal);
    here.destroy();
    await assert.rejects(broken);
    const [, silent] = await streamPair();
    const off = new AbortController();
    const calledOff = bulk.pullDisk('to', machine.diskDirectory(there), () => silent, off.signal);
    off.abort(new Error('called off'));
    await assert.rejects(calledOff);
    await machine.destroy(there);
  });

  it('pages whose stream breaks are not taken for whole', async () => {
    const { bulk } = given().under;
    const [here, across] = await streamPair();
    const sink = bulk.takePages(await bulk.openImages('to', IMAGES_BYTES), across, () => undefined);
    here.destroy();
    await assert.rejects(sink.complete);
    sink.close();
  });

  it('scratch is taken once, and swept as often as one likes', async () => {
    const { bulk } = given().under;
    await bulk.openImages('to', IMAGES_BYTES);
    await assert.rejects(bulk.openImages('to', IMAGES_BYTES));
    await bulk.closeImages('to');
    await bulk.closeImages('to');
    await bulk.sweep('to');
    await bulk.sweep('to');
    await bulk.openImages('to', IMAGES_BYTES);
  });
}

/** @param into the bulk of the node that pulls. @param only what is looked at; everything without it. */
export async function pull(
  bulk: Bulk,
  from: string,
  to: string,
  into = bulk,
  only?: Promise<Uint8Array>,
): Promise<void> {
  // What it does not use it has no need of.
  const pairs = [await streamPair(), await streamPair()];
  const served = pairs.map(([here], turn) =>
    bulk.serveDisk(`from-${turn}`, from, here, Promise.resolve(), () => undefined).catch(() => undefined),
  );
  const left = pairs.map(([, across]) => across);
  await into.pullDisk('to', to, () => left.shift() as Socket, new AbortController().signal, only);
  for (const [, across] of pairs) across.destroy();
  await Promise.all(served);
}

async function* inTurn(chunks: Iterable<ImageChunk>): AsyncGenerator<ImageChunk> {
  yield* chunks;
}
