/** A change of owner, as it becomes known. Invariant: what this node says that it has is in its store or about to be. */
import type { CnvmRecord } from '../cnvms/cnvm.js';
import type { Store } from '../cnvms/store.js';
import type { Mesh } from './mesh.js';
import type { MeshLink } from './mesh-port.js';

/**
 * How a change of owner reaches the store, the peers and the routes.
 * @param claims what was handed over to this node and is about to run, so that no record says it yet.
 */
export function ownership(
  store: Store,
  claims: Map<string, CnvmRecord>,
  overlay: { unwire(address: string): Promise<void> },
  mesh: Pick<Mesh<MeshLink>, 'directory' | 'moved'>,
) {
  return {
    async keep(record: CnvmRecord) {
      await store.put(record);
      claims.delete(record.name);
    },
    current: store.get,
    claim(record: CnvmRecord) {
      claims.set(record.name, record);
      mesh.directory.changed();
    },
    disclaim(record: CnvmRecord) {
      claims.delete(record.name);
      mesh.directory.changed();
    },
    announce: mesh.directory.changed,
    async forget(record: CnvmRecord) {
      await store.remove(record.name);
      mesh.directory.changed();
    },
    async moved(record: CnvmRecord, owner: string, epoch: number) {
      // First the way, and with it the link to the frozen copy: it would still acknowledge what reaches it.
      await mesh.moved(record.name, owner, epoch);
      await overlay.unwire(record.address);
    },
  };
}
