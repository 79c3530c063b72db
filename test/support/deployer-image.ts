/** The deployment container, built for real. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** On a machine that has built nothing of it yet. */
export const BUILD_MS = 60 * 60_000;
/** What its entry says when it is run as it is. */
export const NOTHING_GIVEN =
  /no private key at \/keys\/priv[\s\S]*no public key at \/keys\/pub[\s\S]*NODES names no host/;

const SCRIPT = fileURLToPath(new URL('../../scripts/deploy-image', import.meta.url));

/** @returns where it lies, as docker's and podman's "load" take it, in a directory that "remove" takes away */
export async function buildDeployerImage() {
  const directory = mkdtempSync(join(tmpdir(), 'cnvm-container-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const archive = join(directory, 'image.tar');
  try {
    await execa(SCRIPT, [archive], { stdin: 'ignore', stderr: 'inherit' });
  } catch (error) {
    remove();
    throw error;
  }
  return { directory, archive, remove };
}
