/**
 * The memory of a fake cnvm as it is tracked, dumped in rounds and put together again. Invariant: as with the real ones, a
 * dump that builds on another holds only what has changed since that one began, whether or not that one went well; and what
 * is filed on top of a parent is gone from it.
 */
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, messageOf } from '../../src/base/errors.js';
import type { PreDump } from '../../src/cnvms/machine.js';
import type { FakeState, Files, Processes } from './fake-state.js';
import { toolFails } from './fake-tool.js';
import { receiveMessage, sendMessage } from './framing.js';
import type { Plan } from './plan.js';

const PAGE_BYTES = 4096;
/** Slower than the machines that this runs on: whether another round pays must not depend on how fast they are. */
const LINK_BYTES_PER_MS = 40 * 1024;

interface Pages {
  readonly memory: Files;
  /** They are not all: the rest is in the dump before. */
  readonly partial: boolean;
  /** In the place of pages that nobody looks at. */
  readonly ballast: string;
}

/** Dumps it: all of it, or what has changed since the dump before. From now on what changes is tracked anew. */
export function memoryOf(state: FakeState, found: Processes, parentDir: string | undefined): Buffer {
  if (parentDir !== undefined && !existsSync(join(parentDir, 'inventory.img'))) throw toolFails('no parent inventory');
  const { tracked = {}, memory } = found;
  const changed = Object.entries(memory).filter(([key, value]) => parentDir === undefined || tracked[key] !== value);
  found.tracked = { ...memory };
  found.preDumps += 1;
  const bytes = state.writers.get(found.record.name)?.(found.preDumps, found.cpuMillis) ?? 0;
  const pages = { memory: Object.fromEntries(changed), partial: parentDir !== undefined, ballast: 'x'.repeat(bytes) };
  return Buffer.from(JSON.stringify(pages satisfies Pages));
}

/** Takes its memory, sends it, and waits for the target to have it. */
export function beginPreDump(
  found: Processes,
  pages: Duplex,
  take: () => Buffer,
  imagesDir: string,
  plan: Plan,
): PreDump {
  let ended = false;
  const end = () => {
    ended = true;
    found.endDump = undefined;
    pages.destroy();
  };
  found.endDump = end;

  async function run() {
    const sent = take();
    await plan.reach('preDump.taken', 'before');
    if (ended) throw toolFails('the dump was called off');
    sendMessage(pages, sent);
    const word = (await receiveMessage(pages)).toString();
    if (word !== 'filed' || ended) throw toolFails('the page server did not take the pages');
    await sleep(sent.length / LINK_BYTES_PER_MS);
    pages.end();
    writeFileSync(join(imagesDir, 'inventory.img'), '');
    await plan.reach('preDump.taken', 'after');
    found.endDump = undefined;
    return { pages: Math.ceil(sent.length / PAGE_BYTES), frozenMs: 1 };
  }
  const done = run().catch((error: unknown) => {
    end();
    throw error instanceof CnvmError ? error : toolFails(messageOf(error));
  });
  done.catch(() => undefined);
  return {
    done,
    async rollBack() {
      await plan.reach('preDump.rollBack', 'before');
      if (!ended && found.endDump === end) end();
      await done.catch(() => undefined);
      await plan.reach('preDump.rollBack', 'after');
    },
  };
}

/** Files what has come. @throws when it builds on what is not here. */
export function filePages(imagesDir: string, message: Buffer, parentDir: string | undefined): void {
  const { memory, partial } = JSON.parse(message.toString()) as Pages;
  if (partial !== (parentDir !== undefined)) throw toolFails('page-server: the parent is another one');
  if (parentDir !== undefined) {
    symlinkSync(relative(imagesDir, parentDir), join(imagesDir, 'parent'));
    forget(parentDir, Object.keys(memory));
  }
  writePages(imagesDir, memory);
}

/** @throws when the images are not whole, or another's. */
export function readMemory(imagesDir: string, name: string): Files {
  const files = imagesDir === '' ? [] : readdirSync(imagesDir);
  for (const file of ['core-1.img', 'pages-1.img']) {
    if (!files.includes(file)) throw toolFails(`Error (criu): can't open ${file}`);
  }
  const core = JSON.parse(readFileSync(join(imagesDir, 'core-1.img'), 'utf8')) as { name: string };
  if (core.name !== name) throw toolFails(`Error (criu): these are the images of ${core.name}`);
  return readPages(imagesDir);
}

function readPages(imagesDir: string): Files {
  const parent = join(imagesDir, 'parent');
  const below = existsSync(parent) ? readPages(parent) : {};
  return { ...below, ...(JSON.parse(readFileSync(join(imagesDir, 'pages-1.img'), 'utf8')) as Files) };
}

function writePages(imagesDir: string, memory: Files): void {
  writeFileSync(join(imagesDir, 'pages-1.img'), JSON.stringify(memory));
}

/** In the images and in all that they build on. */
function forget(imagesDir: string, keys: readonly string[]): void {
  const memory = JSON.parse(readFileSync(join(imagesDir, 'pages-1.img'), 'utf8')) as Files;
  writePages(imagesDir, Object.fromEntries(Object.entries(memory).filter(([key]) => !keys.includes(key))));
  if (existsSync(join(imagesDir, 'parent'))) forget(join(imagesDir, 'parent'), keys);
}
