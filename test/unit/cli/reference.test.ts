import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { REFERENCE, REFERENCES } from '../../../scripts/lib/reference.js';
import { keysOf } from '../../../scripts/lib/reference-config.js';
import { COMMON_OPTIONS } from '../../../src/cli/common-options.js';

const text = readFileSync(REFERENCE, 'utf8');

/** The options of each command, by its words. */
const known = new Map(
  text
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.split('\n')[0] ?? '', section.match(/--[a-z][a-z-]*/g) ?? []] as const),
);

/** What the docs tell people to type: its words, without what comes after "--", and without the node that types it. */
function typedIn(page: string): string[][] {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/```(?:sh|console)\n([\s\S]*?)```/g)];
  const lines = blocks.flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'));
  return lines.flatMap((line) => {
    const words = line
      .replace(/\s#.*$/, '')
      .trim()
      .split(/\s+/);
    const start = words.findIndex((word) => word === 'cnvm' || word === 'teleport');
    const before = words[start - 1];
    if (start < 0 || !(start === 0 || before === '--' || /[#$]$/.test(before ?? ''))) return [];
    const typed = words.slice(start);
    const end = typed.indexOf('--');
    return [end < 0 ? typed : typed.slice(0, end)];
  });
}

describe('the reference of commands', () => {
  for (const [page, make] of Object.entries(REFERENCES))
    it(`is what it is made from, ${basename(page)}: npm run reference makes it anew`, () => {
      assert.equal(readFileSync(page, 'utf8'), make());
    }).timeout(30_000);

  it('says of each key of the config, and of each call of the API, what it is', () => {
    const keys = keysOf(readFileSync('src/base/config.ts', 'utf8'));
    assert.ok(keys.length > 50);
    assert.deepEqual(
      keys.filter(({ comment }) => comment === '').map(({ path }) => path),
      [],
    );
    const rows = readFileSync('src/docs/api.md', 'utf8').match(/^\| `[A-Z]\w+[a-z]` \|.*$/gm) ?? [];
    assert.ok(rows.length > 30);
    assert.deepEqual(
      rows.filter((row) => row.endsWith('|  |')),
      [],
    );
  });

  it('has the commands', () => {
    assert.ok(known.size > 30 && known.has('teleport') && known.has('cnvm image pull'));
  });

  const pages = execFileSync('git', ['ls-files', '*.md'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  it('has every command that the docs say to type, and its options', () => {
    let seen = 0;
    for (const page of pages) {
      for (const typed of typedIn(page)) {
        const name = [3, 2, 1].map((count) => typed.slice(0, count).join(' ')).find((words) => known.has(words));
        assert.ok(name !== undefined, `${page}: there is no "${typed.join(' ')}"`);
        const options = new Set<string>([...(known.get(name) ?? []), ...COMMON_OPTIONS, '--help']);
        for (const word of typed.filter((one) => one.startsWith('--')))
          assert.ok(options.has(word.split('=')[0] ?? ''), `${page}: ${name} has no ${word}`);
        seen += 1;
      }
    }
    assert.ok(seen > 20, `only ${seen}`);
  });
});
