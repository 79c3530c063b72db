/**
 * Looks at the cgroups of a cnvm on every node, all the time. Invariant: what was seen is not forgotten; a copy counts as
 * running when its cgroup is thawed and holds a process that is not about to die.
 */
import { existsSync, readFileSync } from 'node:fs';
import { lab, NAME, NODES } from '../host/support.js';

const EVERY_MS = 5;
/** KILL in the mask of pending signals: nothing of it runs any more. */
const KILL_PENDING = 1n << 8n;

/** The freezer's directory of the older cgroups; the one tree of the newer. */
function groupOf(node: string): string {
  const path = `cnvm-${lab.name}/${node}/${NAME}`;
  return existsSync('/sys/fs/cgroup/freezer') ? `/sys/fs/cgroup/freezer/${path}` : `/sys/fs/cgroup/${path}`;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It went away meanwhile.
    return '';
  }
}

function isThawed(group: string): boolean {
  const state = read(`${group}/freezer.state`);
  return state === '' ? /^frozen 0$/m.test(read(`${group}/cgroup.events`)) : state.trim() === 'THAWED';
}

/**
 * Not one that has ended, and not one that criu holds by tracing it: for that time criu thaws the older cgroup. And not criu,
 * which runc puts there when a restore is begun, and from which each process is made: it has its own name from then on.
 */
function isAlive(pid: string): boolean {
  const status = read(`/proc/${pid}/status`);
  if (status === '' || /^Name:\s+criu$/m.test(status) || /^State:\s+[ZXt]/m.test(status)) return false;
  const pending = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/gm)].map(([, mask]) => BigInt(`0x${mask}`));
  return !pending.some((mask) => (mask & KILL_PENDING) !== 0n);
}

/** Whether anything of it runs there now. */
export function runsOn(node: string): boolean {
  const group = groupOf(node);
  if (!isThawed(group)) return false;
  return read(`${group}/cgroup.procs`).split('\n').filter(Boolean).some(isAlive);
}

/** Whether there is anything of it there, running or frozen. */
export function isOn(node: string): boolean {
  return read(`${groupOf(node)}/cgroup.procs`).trim() !== '';
}

export function watchCopies() {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    const running = NODES.filter(runsOn);
    // Looked at once more: between two looks one may have been frozen and the other thawed.
    if (running.length > 1 && running.every(runsOn)) seen.add(`it ran on ${running.join(' and ')} at once`);
  }, EVERY_MS);
  return {
    /** Whatever two ran at once. */
    seen: (): readonly string[] => [...seen],
    close: (): void => clearInterval(timer),
  };
}
