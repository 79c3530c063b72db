/** A cnvm's bundle as files: what runc and criu read of it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BundlePaths, bundleConfig } from './bundle.js';
import type { CnvmRecord } from './cnvm.js';
import { writeCriuConfig } from './dumps.js';
import type { FirstProcess } from './program.js';

/** Afterwards the directory `bundle`, which is there, holds what it is to be started or restored with, and criu's config where `paths` says. */
export async function writeBundleFiles(
  bundle: string,
  record: CnvmRecord,
  first: FirstProcess,
  paths: BundlePaths,
): Promise<void> {
  await writeFile(join(bundle, 'config.json'), JSON.stringify(bundleConfig(record, first, paths, process.arch)));
  await writeCriuConfig(paths.criuConfig, []);
}
