/** The real tools, for a node of the lab: `test/host/contract.test.ts` runs it there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ociArchitecture } from '../../src/images/oci.js';
import { createImageTools } from '../../src/images/real-tools.js';
import { imageToolsContract } from './image-tools-contract.js';

/** On a disk that keeps every attribute. */
const PARENT = '/var/lib/cnvm';
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(PARENT, 'contract-images-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

imageToolsContract('skopeo, umoci and tar', createImageTools(ociArchitecture(process.arch)), () => directory);
