import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { REFERENCE, reference } from '../../../scripts/lib/reference.js';
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
  it('is what the commands say: npm run reference makes it anew', () => {
    assert.equal(text, reference());
    assert.ok(known.size > 30 && known.has('teleport') && known.has('cnvm image pull'));
  }).timeout(30_000);

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
