/**
 * The target's end of post-copy: between criu, which asks for pages on a socket that must never break, and streams to the
 * source, which may. Invariant: criu gets each answer whole and once, in the order in which it asked; what was asked for on a
 * stream that broke is asked for again on the next one.
 */
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CnvmError, messageOf } from '../base/errors.js';
import { type ByteReader, readBytes, writeBytes } from './byte-reader.js';
import { headerBytes, type Layout, PAGE_BYTES, type PageRange, parseWord, rangeHeader } from './page-words.js';
import { createReadAhead } from './read-ahead.js';

/** Between two tries to reach the source. */
const AGAIN_MS = 500;

export interface PageClientOptions {
  readonly layout: Layout;
  /** A new stream to the source. */
  readonly connect: () => Duplex;
  /** For so long a source may be out of reach before its memory is given up. */
  readonly patienceMs: number;
  readonly onBytes: (count: number) => void;
  /** The source is out of reach since now, with words; or, undefined, it is there again. */
  readonly onStall: (why: string | undefined) => void;
}

export interface PageClient {
  /** Takes criu's end. Resolves when criu has all that it wants. @throws why the rest will not come; criu's end is broken. */
  run(criu: Duplex): Promise<void>;
  close(): void;
}

interface Question {
  /** What criu asked for. */
  readonly range: PageRange;
  /** What the source is asked for: as much, or more. */
  readonly wider: PageRange;
  /** The answer, when it is here. */
  bytes: Buffer | undefined;
}

export function createPageClient(options: PageClientOptions): PageClient {
  const { layout, onBytes, onStall } = options;
  const ahead = createReadAhead();
  /** In the order in which criu asked. */
  const questions: Question[] = [];
  let stream: Duplex | undefined;
  let closed = false;
  let finished = false;
  let reachedMs = performance.now();
  let stalled = false;
  let answering = Promise.resolve();

  /** What criu asks for, until it has all. */
  async function ask(criu: Duplex): Promise<void> {
    const reader = readBytes(criu);
    for (;;) {
      const header = await reader.take(headerBytes(layout));
      const word = header === undefined ? undefined : parseWord(header, layout);
      if (word?.kind !== 'get') break;
      const question = { range: word, wider: ahead.widen(word), bytes: ahead.take(word) };
      questions.push(question);
      // One that breaks meanwhile is asked again on the next stream.
      if (question.bytes === undefined) stream?.write(rangeHeader('get', question.wider, layout));
      else await answerAll(criu);
    }
    finished = true;
    stream?.end();
  }

  /** Gives criu every answer that is here and whose turn it is. */
  async function answerAll(criu: Duplex): Promise<void> {
    answering = answering.then(async () => {
      for (;;) {
        const { range, bytes } = questions[0] ?? {};
        if (range === undefined || bytes === undefined) return;
        questions.shift();
        ahead.gave(range);
        await writeBytes(criu, Buffer.concat([rangeHeader('add', range, layout), bytes]));
        onBytes(bytes.length);
      }
    });
    await answering;
  }

  /** Takes answers from one stream, until it ends. */
  async function listen(criu: Duplex, source: Duplex): Promise<void> {
    for (const { wider, bytes } of questions) if (bytes === undefined) source.write(rangeHeader('get', wider, layout));
    const reader = readBytes(source);
    for (;;) {
      const header = await reader.take(headerBytes(layout));
      if (header === undefined) return;
      await takeAnswer(reader, header);
      reached();
      await answerAll(criu);
    }
  }

  async function takeAnswer(reader: ByteReader, header: Buffer): Promise<void> {
    const word = parseWord(header, layout);
    const question = questions.find(({ bytes }) => bytes === undefined);
    if (word.kind !== 'add' || question === undefined || !answers(question, word))
      throw new CnvmError('refused', 'the source sent pages that were not asked for', { kind: 'invalid' });
    const pages = await reader.take(word.pages * PAGE_BYTES);
    if (pages === undefined) throw new Error('the stream of pages ended within an answer');
    const wanted = question.range.pages * PAGE_BYTES;
    ahead.keep(word.pid, word.address + wanted, pages.subarray(wanted));
    question.bytes = pages.subarray(0, wanted);
  }

  function reached(): void {
    reachedMs = performance.now();
    if (stalled) onStall(undefined);
    stalled = false;
  }

  /** One stream after another, until criu has all. */
  async function streams(criu: Duplex): Promise<void> {
    while (!finished) {
      let why: unknown = new Error('the source ended the stream of pages');
      try {
        stream = options.connect();
        await listen(criu, stream);
      } catch (error) {
        why = error;
      }
      stream?.destroy();
      stream = undefined;
      if (finished) return;
      if (closed || isFinal(why)) throw why;
      if (performance.now() - reachedMs > options.patienceMs) throw why;
      if (!stalled) onStall(messageOf(why));
      stalled = true;
      await sleep(AGAIN_MS);
    }
  }

  return {
    async run(criu) {
      criu.on('error', () => undefined);
      try {
        await Promise.race([ask(criu), streams(criu).then(() => new Promise<never>(() => undefined))]);
      } finally {
        finished = true;
        stream?.destroy();
        criu.destroy();
      }
    },
    close() {
      closed = true;
      stream?.destroy();
    },
  };
}

/** All that criu wants, and no more than was asked for. */
function answers({ range, wider }: Question, { pid, address, pages }: PageRange): boolean {
  return pid === range.pid && address === range.address && pages >= range.pages && pages <= wider.pages;
}

/** A source that says no has nothing to give, or not to us; one that cannot be heard may be heard later. */
function isFinal(error: unknown): boolean {
  return error instanceof CnvmError && ['not-found', 'forbidden', 'invalid'].includes(error.kind);
}
