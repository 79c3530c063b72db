/** What the images' tools do, whichever they are: the real programs and the fake pass the same suite. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Layer } from '../../src/images/image.js';
import { imageOf, onlyManifest, parseManifest } from '../../src/images/oci.js';
import type { ImageTools } from '../../src/images/tools-port.js';

/** @param directory gives an empty one, of each test's own. */
export function imageToolsContract(what: string, tools: ImageTools, directory: () => string): void {
  describe(`the contract of the images' tools, kept by ${what}`, () => {
    const { signal } = new AbortController();
    const inside = (...parts: string[]) => join(directory(), ...parts);

    /** An image of a root that holds one file. */
    async function made(text = 'hello'): Promise<string> {
      mkdirSync(inside('root'), { recursive: true });
      writeFileSync(inside('root', 'file'), text);
      return await tools.make(inside('root'), inside('made'), { entrypoint: ['/init', 'now'], system: true }, signal);
    }
    async function fetched(): Promise<{ digest: string; layer: Layer; config: string }> {
      const reference = await made();
      await tools.fetch(reference, false, inside('layout'), inside('blobs'), signal);
      const digest = onlyManifest(readFileSync(inside('layout', 'index.json'), 'utf8'));
      const manifest = parseManifest(readFileSync(blob(digest), 'utf8'));
      const config = readFileSync(blob(manifest.config.digest), 'utf8');
      const [layer] = imageOf(digest, manifest, config).layers;
      assert.ok(layer !== undefined);
      return { digest, layer, config };
    }
    const blob = (digest: string) => inside('blobs', 'sha256', digest.slice('sha256:'.length));
    function target(): string {
      mkdirSync(inside('target'));
      return inside('target');
    }

    it('a root becomes an image that says what it runs, is looked at, fetched and unpacked', async () => {
      const { digest, layer, config } = await fetched();
      const image = imageOf(digest, parseManifest(readFileSync(blob(digest), 'utf8')), config);
      assert.deepEqual([image.program.entrypoint, image.system], [['/init', 'now'], true]);
      const looked = await tools.look(`oci:${inside('made')}:image`, false, signal);
      assert.deepEqual(
        [JSON.parse(looked.config), looked.blobs.map((one) => one.digest)],
        [JSON.parse(config), image.layers.map((one) => one.digest)],
      );
      let bytes = 0;
      await tools.unpack(blob(layer.digest), layer, target(), (count) => (bytes += count), signal);
      assert.equal(readFileSync(inside('target', 'file'), 'utf8'), 'hello');
      assert.ok(bytes > 0 && (await tools.bytesOf(inside('target'))) > 0);
      await tools.flush(inside('target'));
      assert.ok((await tools.available(directory())) > 0);
    });

    it('the same root makes the same image', async () => {
      const { digest } = await fetched();
      const again = `oci:${inside('again')}:image`;
      await tools.make(inside('root'), inside('again'), { entrypoint: ['/init', 'now'], system: true }, signal);
      await tools.fetch(again, false, inside('layout-again'), inside('blobs'), signal);
      assert.equal(onlyManifest(readFileSync(inside('layout-again', 'index.json'), 'utf8')), digest);
    });

    it('what is there is not fetched again, and what is fetched is beside nothing else', async () => {
      const { layer } = await fetched();
      assert.equal(readdirSync(inside('blobs', 'sha256')).length, 3);
      // Whoever fetched it again would mend it.
      writeFileSync(blob(layer.digest), 'something else');
      await tools.fetch(`oci:${inside('made')}:image`, false, inside('other'), inside('blobs'), signal);
      assert.equal(readFileSync(blob(layer.digest), 'utf8'), 'something else');
    });

    it('what is not there is refused', async () => {
      await assert.rejects(tools.look(`oci:${inside('nothing')}:image`, false, signal), {
        code: 'refused',
        kind: 'not-found',
      });
      await assert.rejects(tools.rootBytes(inside('nothing')), { code: 'refused', kind: 'not-found' });
    });

    it('what was changed where it lies is not fetched', async () => {
      const reference = await made();
      const [big = ''] = (await tools.look(reference, false, signal)).blobs.map(({ digest }) => digest);
      const file = inside('made', 'blobs', 'sha256', big.slice('sha256:'.length));
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      writeFileSync(file, bytes);
      await assert.rejects(tools.fetch(reference, false, inside('layout'), inside('blobs'), signal));
      assert.ok(!existsSync(blob(big)));
    });

    it('a layer that is not what its digests say is refused', async () => {
      const { layer } = await fetched();
      const other = `sha256:${'0'.repeat(64)}`;
      const wrong = { ...layer, diffId: other };
      await assert.rejects(
        tools.unpack(blob(layer.digest), wrong, target(), () => undefined, signal),
        /not what its digest says/,
      );
      const bytes = readFileSync(blob(layer.digest));
      writeFileSync(blob(layer.digest), bytes.subarray(0, bytes.length - 1));
      mkdirSync(inside('second'));
      await assert.rejects(
        tools.unpack(blob(layer.digest), layer, inside('second'), () => undefined, signal),
        {
          code: 'refused',
        },
      );
    });
  });
}
