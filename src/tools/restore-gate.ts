/**
 * The gate of a restore that was begun early: the first image that criu reads is a pipe, and what is to come out of it is
 * kept beside it. Invariant: nothing is restored before `open`; when we die the pipe ends, and criu gives up.
 */
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { run } from './run.js';

/** criu reads it before it does anything, and once (cr_restore_tasks and check_img_inventory in criu's sources). */
const FIRST_IMAGE = 'inventory.img';
/** No image's name begins so. */
const ASIDE = `.${FIRST_IMAGE}`;

export interface Gate {
  /** Lets criu go on, now or when it comes to the gate. @throws when the image has not come. */
  open(): void;
  /** Makes criu give up if it has come to the gate already. Harmless when it is open. */
  close(): void;
}

/** Under which name an image is to be written that a gate may be made for. */
export const besideGate = (file: string): string => (file === FIRST_IMAGE ? ASIDE : file);

/** Afterwards a restore from these images waits. */
export async function makeGate(imagesDir: string): Promise<Gate> {
  const path = join(imagesDir, FIRST_IMAGE);
  await run(['mkfifo', '-m', '600', path]);
  // For reading, too: so it opens at once, and stays whole when criu is the last who has it.
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(pipe);
    isOpen = false;
  };
  return {
    open() {
      const content = readFileSync(join(imagesDir, ASIDE));
      // In this order: who comes from now on finds the image itself, and a second try, too.
      removeGate(imagesDir);
      if (writeSync(pipe, content) < content.length) throw new Error(`${FIRST_IMAGE} is too long for a gate`);
      close();
    },
    close,
  };
}

/** Afterwards what was kept aside is in its place. Harmless when nothing was. */
export function removeGate(imagesDir: string): void {
  if (existsSync(join(imagesDir, ASIDE))) renameSync(join(imagesDir, ASIDE), join(imagesDir, FIRST_IMAGE));
}

/**
 * Makes the criu of a dead daemon's early restore give up, if it has come to its gate, and when it comes to it: it would
 * wait there for a writer for ever. Harmless where there is no gate.
 */
export function breakGate(imagesDir: string): void {
  const path = join(imagesDir, FIRST_IMAGE);
  if (!(lstatSync(path, { throwIfNoEntry: false })?.isFIFO() ?? false)) return;
  // In this order: who waits in opening it is let in, finds its end, and nobody comes after.
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  rmSync(path);
  closeSync(pipe);
}
