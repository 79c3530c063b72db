/** What a machine promises of a restore whose memory comes after it. */
import assert from 'node:assert/strict';
import type { CnvmRecord } from '../../src/cnvms/cnvm.js';
import type { Dump, FrozenMemory, LazyMemory } from '../../src/cnvms/machine.js';
import { readImages, writeImages } from '../../src/migration/images.js';
import { createPageClient } from '../../src/migration/page-client.js';
import { servePages } from '../../src/migration/page-server.js';
import { DISK, IMAGES_BYTES, type MachineUnderTest, MEMORY, pull } from './machine-contract.js';
import { streamPair } from './stream-pair.js';

interface Given {
  readonly under: MachineUnderTest;
  /** The same cnvm in another directory, as it would be on another node. */
  readonly there: CnvmRecord;
  /** Afterwards it runs, and has a value in its memory and one on its disk. */
  readonly running: () => Promise<void>;
}

type Second = Awaited<ReturnType<MachineUnderTest['second']>>;

export function lazyContract(given: () => Given): void {
  /** Frozen, dumped without its memory, and held. */
  async function held({ under, running }: Given): Promise<{ dump: Dump; from: string }> {
    const { machine, bulk, record } = under;
    await running();
    const from = await bulk.openImages('from', IMAGES_BYTES);
    const takePages = () => assert.fail('a lazy dump sends no pages');
    const dump = await machine.dump(record, { imagesDir: from, takePages, lazy: true });
    await dump.ready;
    await assert.rejects(machine.openMemory(record), /frozen/);
    await machine.freeze(record);
    dump.begin();
    await dump.held;
    return { dump, from };
  }

  const opened: FrozenMemory[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  /** It runs at a second node, and its memory is on its way. */
  async function following({ under, there }: Given, from: string): Promise<{ second: Second; memory: LazyMemory }> {
    const { machine, bulk, record, layout } = under;
    const frozen = await machine.openMemory(record);
    opened.push(frozen);
    const second = await under.second();
    const to = await second.bulk.openImages('to', IMAGES_BYTES);
    await writeImages(readImages(from), to, { withPages: true });
    await second.machine.expect(there);
    await pull(bulk, machine.diskDirectory(record), second.machine.diskDirectory(there), second.bulk);
    await second.machine.assemble(there);
    assert.equal(await second.machine.hasMemory(there), false);
    const [here, across] = await streamPair();
    servePages(here, frozen, layout, () => undefined).catch(() => undefined);
    const nothing = () => undefined;
    const client = createPageClient({
      ...{ layout, connect: () => across, patienceMs: 1_000, onBytes: nothing, onStall: nothing },
    });
    const memory = await second.machine.restoreLazily(there, to, (stream) => {
      client.run(stream).catch(nothing);
    });
    return { second, memory };
  }

  async function cleared({ there }: Given, second: Second): Promise<void> {
    await second.machine.destroy(there);
    await second.machine.erase(there);
    await second.bulk.sweep('to');
  }

  it('what was dumped lazily runs elsewhere at once, and its memory follows from where it is frozen', async () => {
    const { under, there } = given();
    const { dump, from } = await held(given());
    const { second, memory } = await following(given(), from);
    assert.equal((await second.machine.look(there)).status, 'running');
    assert.equal((await under.machine.look(under.record)).status, 'frozen');
    await memory.complete;
    assert.equal(await second.machine.hasMemory(there), true);
    assert.equal(await second.machine.isWhole(there), true);
    assert.equal(await second.read(there, MEMORY), 'remembered');
    assert.equal(await second.read(there, DISK), 'written');
    await dump.commit();
    assert.equal((await under.machine.look(under.record)).status, 'stopped');
    await cleared(given(), second);
  });

  it('when the rest of its memory does not come it ends, and where it is frozen it is whole', async () => {
    const { under, there } = given();
    const { dump, from } = await held(given());
    const { second, memory } = await following(given(), from);
    memory.breakOff();
    // It may have been quicker.
    const came = await memory.complete.then(
      () => true,
      () => false,
    );
    assert.equal((await second.machine.look(there)).status, came ? 'running' : 'stopped');
    assert.equal(await second.machine.hasMemory(there), came);
    await cleared(given(), second);
    await dump.rollBack();
    assert.equal((await under.machine.look(under.record)).status, 'frozen');
    await under.machine.thaw(under.record);
    assert.equal(await under.read(under.record, MEMORY), 'remembered');
  });

  it('a lazy restore that fails leaves nothing of it running', async () => {
    const { under, there } = given();
    const { dump } = await held(given());
    const second = await under.second();
    const empty = await second.bulk.openImages('to', IMAGES_BYTES);
    await second.machine.expect(there);
    await assert.rejects(second.machine.restoreLazily(there, empty, () => undefined));
    assert.equal((await second.machine.look(there)).status, 'stopped');
    await cleared(given(), second);
    await dump.rollBack();
    await under.machine.thaw(under.record);
    assert.equal(await under.read(under.record, MEMORY), 'remembered');
  });
}
