import assert from 'node:assert/strict';
import fc from 'fast-check';
import { garbageOf } from '../../../src/images/garbage.js';
import type { Image } from '../../../src/images/image.js';
import { hexOf, layerId } from '../../../src/images/layout.js';
import { runs } from '../../support/fuzz.js';

const digest = (kind: number, number: number) =>
  `sha256:${`${kind}${String(number).padStart(3, '0')}`.padEnd(64, '0')}`;
const program = {
  entrypoint: [],
  command: [],
  env: [],
  user: '',
  workingDir: '/',
  stopSignal: '',
  volumes: [],
  ports: [],
};

function image(number: number, layers: readonly number[]): Image {
  return {
    ...{ digest: digest(1, number), configDigest: digest(2, number), architecture: 'amd64', system: true },
    ...{ createTime: '', labels: {}, program },
    layers: layers.map((one) => ({ digest: digest(3, one), diffId: digest(4, one), bytes: 1, mediaType: '' })),
  };
}
const needs = ({ digest: manifest, configDigest, layers }: Image) => ({
  blobs: [manifest, configDigest, ...layers.map((layer) => layer.digest)].map(hexOf),
  layerIds: layers.map(({ diffId }) => layerId(diffId)),
});

describe('what nobody needs of a store of images', () => {
  it('is an image without a name that nothing is made from, and its layers but those that others have', () => {
    const [base, web, old] = [image(1, [1]), image(2, [1, 2]), image(3, [1, 3])];
    const images = [base, web, old];
    const all = images.map(needs);
    const garbage = garbageOf({
      images,
      names: new Map([['base', base.digest]]),
      used: new Set([web.digest]),
      layerIds: [...new Set(all.flatMap(({ layerIds }) => layerIds))],
      blobs: [...new Set(all.flatMap(({ blobs }) => blobs)), 'left-by-a-pull'],
    });
    assert.deepEqual(garbage, {
      images: [old.digest],
      layerIds: [layerId(digest(4, 3))],
      blobs: [...[old.digest, old.configDigest, digest(3, 3)].map(hexOf), 'left-by-a-pull'],
    });
  });

  it('is never what a name, or something that is made from it, needs', () => {
    const layers = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 });
    const images = fc.array(layers, { maxLength: 6 }).map((all) => all.map((one, number) => image(number, one)));
    fc.assert(
      fc.property(images, fc.array(fc.boolean()), fc.array(fc.boolean()), (all, named, inUse) => {
        const names = new Map(all.filter((_, at) => named[at]).map((one, at) => [`n${at}`, one.digest]));
        const used = new Set(all.filter((_, at) => inUse[at]).map((one) => one.digest));
        const layerIds = [...new Set(all.flatMap((one) => needs(one).layerIds))];
        const blobs = [...new Set(all.flatMap((one) => needs(one).blobs))];
        const garbage = garbageOf({ images: all, names, used, layerIds, blobs });
        const kept = all.filter(({ digest: one }) => [...names.values()].includes(one) || used.has(one));
        for (const one of kept) {
          assert.ok(!garbage.images.includes(one.digest));
          for (const id of needs(one).layerIds) assert.ok(!garbage.layerIds.includes(id));
          for (const blob of needs(one).blobs) assert.ok(!garbage.blobs.includes(blob));
        }
        assert.equal(garbage.images.length, all.length - kept.length);
        const left = layerIds.filter((id) => !garbage.layerIds.includes(id));
        assert.deepEqual(new Set(left), new Set(kept.flatMap((one) => needs(one).layerIds)));
      }),
      runs(300),
    );
  });
});
