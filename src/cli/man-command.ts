/** `cnvm __man`: writes the manual pages; the package is built with it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Command } from 'commander';
import { version } from './common-options.js';
import { manPages, type Page, pageFromHelp } from './man-page.js';

/** Afterwards DIRECTORY holds a page for each command, or the one that is made from the help on standard input. */
export function addManCommand(program: Command): void {
  program
    .command('__man <directory>', { hidden: true })
    .option('--from-help <page>', 'for example cnvmd.8')
    .action(async (directory: string, { fromHelp }: { fromHelp?: string }) => {
      const pages =
        fromHelp === undefined
          ? manPages(program, version())
          : [pageFromHelp(fromHelp, await readAll(process.stdin), version())];
      await writePages(directory, pages);
    });
}

export async function writePages(directory: string, pages: readonly Page[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const { file, text } of pages) await writeFile(join(directory, file), text);
}
