/**
 * What is being taken or restored, on disk, so that a daemon that dies meanwhile leaves nothing. Invariant: a note is durable
 * before the first thing is made that it names, and goes after the last one has its place or is gone.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { removeFileDurably, sweepTemporaries, writeFileAtomic } from '../base/atomic-file.js';
import type { CnvmRecord } from '../cnvms/cnvm.js';
import { parseRecord } from '../cnvms/store.js';

const noteSchema = z.object({
  kind: z.enum(['taking', 'restoring']),
  /** Of its scratch files. */
  id: z.string(),
  record: z.unknown(),
  /** What is half written, absolute; empty when it is a cnvm of this node. */
  partial: z.string(),
  /** It is whole, and its cnvm is to be stopped: no more is taken back. */
  whole: z.boolean().optional(),
});

export interface Note extends Omit<z.infer<typeof noteSchema>, 'record'> {
  readonly record: CnvmRecord;
}

/** What half a snapshot is called; nobody else's directory is. */
const PARTIAL = /^\..+\.cnvm-[0-9a-f-]{36}\.partial$/;

/** So much of a name that no file system finds it too long, with what is added to it. */
const NAME_LETTERS = 40;

export function partialName(directory: string, id: string): string {
  const name = [...basename(directory)].slice(0, NAME_LETTERS).join('');
  return join(directory, '..', `.${name}.cnvm-${id}.partial`);
}

/** Afterwards half a snapshot is gone. Another directory is left alone. */
export async function removePartial(path: string): Promise<void> {
  if (PARTIAL.test(basename(path))) await rm(path, { recursive: true, force: true });
}

export type Notes = ReturnType<typeof openNotes>;

export function openNotes(directory: string) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  sweepTemporaries(directory);
  const fileOf = (id: string) => join(directory, `${id}.json`);
  return {
    write: (note: Note): Promise<void> => writeFileAtomic(fileOf(note.id), `${JSON.stringify(note)}\n`),
    remove: (id: string): Promise<void> => removeFileDurably(fileOf(id)),
    /** Those of daemons before. */
    all(): Note[] {
      return readdirSync(directory)
        .map((name) => join(directory, name))
        .filter(existsSync)
        .map((file) => noteSchema.parse(JSON.parse(readFileSync(file, 'utf8'))))
        .map((note) => ({ ...note, record: parseRecord(JSON.stringify(note.record)) }));
    },
  };
}
