import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openPacking } from '../../../src/rpc/packing.js';

/** Another process, in which nothing has been compressed yet: what is loaded once is loaded for all of ours. */
const FRESH = `
const { bulkLink } = await import(process.argv[1]);
const { unpack } = await import(process.argv[2]);
await bulkLink(() => ({}), 'node1', async () => undefined, 'auto').reach(new AbortController().signal);
process.stdout.write(String(unpack(Buffer.from(process.argv[3], 'base64')).length));
`;

describe('the bulk of a peer', () => {
  it('can be undone when it has been reached, by a daemon that has never compressed', async function () {
    this.timeout(20_000);
    const { zstd } = (await openPacking('zstd')).pack(Buffer.alloc(4096));
    const files = ['bulk-link', 'packing'].map((name) => new URL(`../../../src/rpc/${name}.ts`, import.meta.url).href);
    const args = ['--import=tsx', '--input-type=module', '-e', FRESH, ...files, Buffer.from(zstd).toString('base64')];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    assert.equal(stdout, '4096');
  });
});
