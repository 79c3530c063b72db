import assert from 'node:assert/strict';
import { bundleConfig } from '../../../src/cnvms/bundle.js';
import { record } from '../../support/samples.js';

interface Bundle {
  process: { capabilities: Record<string, string[]>; terminal: boolean };
  hooks: { createRuntime: { path: string; args: string[] }[] };
  linux: {
    namespaces: { type: string; path?: string }[];
    uidMappings: { containerID: number; hostID: number; size: number }[];
    resources: { memory?: { limit: number }; cpu?: { quota: number; period: number }; pids?: { limit: number } };
    seccomp: { syscalls: { names: string[]; action: string }[] };
    maskedPaths: string[];
  };
}

function bundle(limits = record.limits): Bundle {
  const volatile = { shm: '/v/shm', run: '/v/run' };
  const paths = { rootfs: '/r', volatile, cgroup: '/cnvm/a', criuConfig: '/c', networkHook: ['/bin/sh', '/h'] };
  return bundleConfig(
    { ...record, limits },
    { argv: ['/sbin/init'], env: [], cwd: '/', ids: { uid: 0, gid: 0, groups: [], home: '/root' }, system: true },
    paths,
    'x64',
  ) as Bundle;
}

describe('a bundle', () => {
  it('is never privileged', () => {
    const { process: init, linux } = bundle();
    const dangerous = [
      'CAP_SYS_ADMIN',
      'CAP_SYS_MODULE',
      'CAP_SYS_PTRACE',
      'CAP_SYS_TIME',
      'CAP_NET_ADMIN',
      'CAP_SYS_RAWIO',
      'CAP_SYS_BOOT',
    ];
    for (const set of Object.values(init.capabilities)) {
      for (const capability of dangerous) assert.ok(!set.includes(capability), capability);
    }
    assert.deepEqual(linux.namespaces.map(({ type }) => type).sort(), [
      'ipc',
      'mount',
      'network',
      'pid',
      'user',
      'uts',
    ]);
    assert.ok(
      linux.namespaces.every(({ path }) => path === undefined),
      'it shares no namespace',
    );
    const denied = linux.seccomp.syscalls.flatMap(({ names }) => names);
    for (const call of ['init_module', 'kexec_load', 'bpf', 'open_by_handle_at', 'io_uring_setup'])
      assert.ok(denied.includes(call), call);
    assert.ok(linux.maskedPaths.includes('/proc/kcore'));
  });

  it('maps root to nobody of the node', () => {
    assert.deepEqual(bundle().linux.uidMappings, [
      { containerID: 0, hostID: (101 * 256 + 111) * 65_536, size: 65_536 },
    ]);
  });

  it('has the limits that were asked for, and none that were not', () => {
    assert.equal(bundle({ memoryBytes: 0, cpuMillis: 0, pids: 0 }).linux.resources.memory, undefined);
    const { resources } = bundle({ memoryBytes: 2 ** 29, cpuMillis: 1500, pids: 100 }).linux;
    assert.equal(resources.memory?.limit, 2 ** 29);
    assert.equal((resources.cpu?.quota ?? 0) / (resources.cpu?.period ?? 1), 1.5);
    assert.equal(resources.pids?.limit, 100);
  });

  it('wires its network at create and so at restore too', () => {
    assert.deepEqual(bundle().hooks.createRuntime, [{ path: '/bin/sh', args: ['/bin/sh', '/h'] }]);
  });
});
