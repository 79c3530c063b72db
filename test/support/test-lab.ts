/**
 * Which lab the tests on nodes run in: the environment says it, once for all of them. Without a word these are namespaces
 * of this machine; CNVM_LAB_KIND=machines asks for emulated ones, CNVM_VM_SYSTEMD=1 for systemd in them;
 * CNVM_LAB_APPS=1 for the image with real programs.
 */
import { type LabKind, openLab } from '../../scripts/lib/lab.js';

const KIND: LabKind = process.env['CNVM_LAB_KIND'] === 'machines' ? 'machines' : 'namespaces';

/** What "up" of that lab is told beside the number of nodes. */
export const UP_OPTIONS: readonly string[] = [
  ...(KIND === 'machines' && process.env['CNVM_VM_SYSTEMD'] === '1' ? ['--systemd'] : []),
  ...(KIND === 'namespaces' && process.env['CNVM_LAB_APPS'] === '1' ? ['--apps'] : []),
];

/** Three nodes, or two machines: a third would only slow the two processors down that they share. */
export function openTestLab() {
  const nodes: readonly string[] = KIND === 'machines' ? ['node1', 'node2'] : ['node1', 'node2', 'node3'];
  const lab = openLab(process.env['CNVM_LAB'] ?? 'test', process.env['CNVM_TEST_SHOW'] !== undefined, KIND);
  return { lab, nodes };
}
