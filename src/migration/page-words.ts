/**
 * The words in which criu asks for pages and gets them. Pure. Invariant: what is no well-formed word is refused, so a stream
 * that has lost its place is never read on.
 */
import { refused } from '../base/errors.js';

export const PAGE_BYTES = 4096;
/** criu asks for 4 MiB at the most; more than some times that is no request of criu's. */
const PAGES_MAX = 16_384;

/** The words have another shape from criu 4.2 on: it counts pages in 64 bits. */
export type Layout = 'narrow' | 'wide';
const HEADER_BYTES: Readonly<Record<Layout, number>> = { narrow: 24, wide: 32 };

const ADD = 6;
const GET = 7;
const CLOSE = 0x1023;
const FORCE_CLOSE = 0x1024;
/** In an answer, above the command: the pages follow. */
const PRESENT = 4 << 16;
const COMMAND_MASK = 0xffff;

export type PageWord =
  | { readonly kind: 'get' | 'add'; readonly pid: number; readonly address: number; readonly pages: number }
  | { readonly kind: 'close' };
export type PageRange = Pick<Extract<PageWord, { pid: number }>, 'pid' | 'address' | 'pages'>;

export const headerBytes = (layout: Layout): number => HEADER_BYTES[layout];

/** @param version of criu, for example "4.1.1". */
export function layoutOf(version: string): Layout {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 4 || (major === 4 && minor >= 2) ? 'wide' : 'narrow';
}

/** @param header as long as `headerBytes`. @throws `refused` when it is none. */
export function parseWord(header: Buffer, layout: Layout): PageWord {
  const command = header.readUInt32LE(0) & COMMAND_MASK;
  if (command === CLOSE || command === FORCE_CLOSE) return { kind: 'close' };
  if (command !== GET && command !== ADD) throw refused('invalid', `a page stream says ${command}`);
  const wide = layout === 'wide';
  const pages = wide ? header.readBigUInt64LE(8) : BigInt(header.readUInt32LE(4));
  const address = header.readBigUInt64LE(wide ? 16 : 8);
  const pid = header.readBigUInt64LE(wide ? 24 : 16);
  const aligned = address % BigInt(PAGE_BYTES) === 0n && address <= BigInt(Number.MAX_SAFE_INTEGER);
  if (pages < 1n || pages > BigInt(PAGES_MAX) || !aligned || pid < 1n || pid > 0xffff_ffffn)
    throw refused('invalid', `a page stream asks for ${pages} pages of process ${pid} at ${address}`);
  return { kind: command === GET ? 'get' : 'add', pid: Number(pid), address: Number(address), pages: Number(pages) };
}

/** A request for pages, or the head of an answer, which the pages follow. */
export function rangeHeader(kind: 'get' | 'add', { pid, address, pages }: PageRange, layout: Layout): Buffer {
  const header = Buffer.alloc(headerBytes(layout));
  const wide = layout === 'wide';
  header.writeUInt32LE(kind === 'get' ? GET : ADD | PRESENT, 0);
  if (wide) header.writeBigUInt64LE(BigInt(pages), 8);
  else header.writeUInt32LE(pages, 4);
  header.writeBigUInt64LE(BigInt(address), wide ? 16 : 8);
  header.writeBigUInt64LE(BigInt(pid), wide ? 24 : 16);
  return header;
}

export function closeHeader(layout: Layout): Buffer {
  const header = Buffer.alloc(headerBytes(layout));
  header.writeUInt32LE(CLOSE, 0);
  return header;
}
