/** skopeo: images of registries, layouts and archives. What it fetches it checks against its digest. */
import { CnvmError } from '../base/errors.js';
import { run } from './run.js';

/** A registry that does not answer is given up by skopeo itself, after some tries; a big image takes its time. */
const LOOK_TIMEOUT_MS = 2 * 60_000;
const COPY_TIMEOUT_MS = 24 * 60 * 60_000;

export interface Registry {
  /** Over plain HTTP, or with a certificate that nobody vouches for. */
  readonly insecure: boolean;
}

/** The text of the image's config; from a list of images, of the one for this machine. @throws `tool`. */
export async function imageConfig(reference: string, { insecure }: Registry, signal: AbortSignal): Promise<string> {
  return await inspect(['--config', '--raw'], reference, insecure, signal);
}

/** The text of the image's manifest, or of a list of manifests. @throws `tool`. */
export async function imageManifest(reference: string, { insecure }: Registry, signal: AbortSignal): Promise<string> {
  return await inspect(['--raw'], reference, insecure, signal);
}

async function inspect(what: readonly string[], reference: string, insecure: boolean, signal: AbortSignal) {
  const tls = insecure ? ['--tls-verify=false'] : [];
  const { stdout } = await skopeo(['inspect', ...what, ...tls, reference], LOOK_TIMEOUT_MS, signal);
  return stdout;
}

/**
 * Copies an image into the OCI layout `layout`, as its only one, with its blobs in `blobs`/sha256, where those that are there
 * are taken for what they are called. What is half fetched lies in `layout`.
 */
export async function copyToLayout(
  reference: string,
  { insecure }: Registry,
  to: { readonly layout: string; readonly blobs: string },
  signal: AbortSignal,
): Promise<void> {
  const tls = insecure ? ['--src-tls-verify=false'] : [];
  const argv = ['copy', '--quiet', ...tls, '--dest-shared-blob-dir', to.blobs, reference, `oci:${to.layout}:image`];
  await skopeo(argv, COPY_TIMEOUT_MS, signal);
}

async function skopeo(args: readonly string[], timeoutMs: number, signal: AbortSignal) {
  try {
    return await run(['skopeo', ...args], { timeoutMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CnvmError) || error.tool === undefined) throw error;
    // `time="..." level=fatal msg="..."`: only the last is for people.
    const words = /level=fatal msg="((?:[^"\\]|\\.)*)"/.exec(error.tool.lastLines)?.[1]?.replaceAll('\\"', '"');
    throw words === undefined ? error : new CnvmError('tool', `skopeo: ${words}`, { tool: error.tool });
  }
}
