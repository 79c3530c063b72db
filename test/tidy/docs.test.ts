/** What the docs point to is there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\n').filter(Boolean);
// New ones too, before they are committed.
const PAGES = git('ls-files', '--cached', '--others', '--exclude-standard', '*.md').filter((page) =>
  existsSync(join(ROOT, page)),
);
const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutCode = (text: string) => text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');

/** As the place that shows them makes them from headings. */
function anchorsOf(page: string): string[] {
  const headings = read(page)
    .replace(/```[\s\S]*?```/g, '')
    .matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the docs', () => {
  it('have pages', () => assert.ok(PAGES.includes('README.md') && PAGES.length > 5));

  for (const page of PAGES) {
    it(`${page} links to what is there`, () => {
      for (const [, target = ''] of withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page : normalize(join(dirname(page), path));
        assert.ok(existsSync(join(ROOT, file)), `${target} is not there`);
        if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${target}: no such heading`);
      }
    });

    it(`${page} names files that are there`, () => {
      const places = /(?<![\w/.-])(?:\.\/)?((?:src|test|scripts|proto|ansible)\/[\w./-]*\w)/g;
      for (const [, place = ''] of read(page).matchAll(places)) {
        if (place.startsWith('src/gen')) continue;
        assert.ok(existsSync(join(ROOT, place)), `${place} is not there`);
      }
    });
  }
});
