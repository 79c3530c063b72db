/**
 * What a cnvm has of its image on this node: its layers below its disk, and what it runs. Invariant: an image is found by its
 * digest alone; names of users are looked up in the cnvm's own files, without following links.
 */
import { join } from 'node:path';
import { refused } from '../base/errors.js';
import type { Image } from '../images/image.js';
import { lowerNames } from '../images/layers.js';
import { logsTo } from '../tools/output-log.js';
import { uidBase } from './address.js';
import type { CnvmRecord } from './cnvm.js';
import { type DiskPaths, mountDisk, showLayers } from './disk.js';
import { readInside } from './logs.js';
import { type FirstProcess, firstProcess } from './program.js';
import { makeVolumes } from './volumes.js';

/** What a machine must know of the node's images. */
export interface ImagesPort {
  /** Undefined when it is not here. */
  byDigest(digest: string): Image | undefined;
  /** The directory that holds the layers of all images. */
  readonly layersDirectory: string;
}

export function createMadeFrom(images: ImagesPort, pathsOf: (record: CnvmRecord) => DiskPaths) {
  /** @throws `refused` when it is not here. */
  function imageOf({ name, image: { name: called, digest } }: CnvmRecord): Image {
    const image = images.byDigest(digest);
    if (image !== undefined) return image;
    throw refused('not-found', `the image ${called} (${digest}), of which ${name} is made, is not on this node`);
  }
  const outputOf = (record: CnvmRecord) => join(pathsOf(record).directory, 'output.log');

  return {
    imageOf,
    /** Where what its one program writes is kept on this node; undefined of a machine, which has a log of its own. */
    outputOf: (record: CnvmRecord): string | undefined => (imageOf(record).system ? undefined : outputOf(record)),
    stopSignal: ({ image }: CnvmRecord): string => images.byDigest(image.digest)?.program.stopSignal ?? 'SIGTERM',

    /** Afterwards the layers of images are shown with its uids, also those that come later. */
    async show(record: CnvmRecord): Promise<void> {
      imageOf(record);
      await showLayers(pathsOf(record), record, images.layersDirectory);
    },

    /** Afterwards its disk is mounted. */
    async mount(record: CnvmRecord): Promise<void> {
      const names = lowerNames(imageOf(record));
      await mountDisk(pathsOf(record), record, { directory: images.layersDirectory, names });
    },

    /** Afterwards the directories that its image keeps data in are there. Its disk must be mounted. */
    makeVolumes: (record: CnvmRecord): Promise<void> =>
      makeVolumes(pathsOf(record).rootfs, imageOf(record).program.volumes, uidBase(record.address)),

    /** Its disk must be mounted. */
    async processOf(record: CnvmRecord): Promise<FirstProcess> {
      const { rootfs } = pathsOf(record);
      const [passwd, group] = await Promise.all(['passwd', 'group'].map((file) => readInside(rootfs, ['etc', file])));
      return firstProcess(record, imageOf(record), passwd ?? '', group ?? '');
    },

    /** What its output goes through, before the command that starts it. */
    throughOf(record: CnvmRecord, { system, ids }: FirstProcess): string[] {
      const base = uidBase(record.address);
      return system ? [] : logsTo({ file: outputOf(record), uid: base + ids.uid, gid: base + ids.gid });
    },
  };
}
