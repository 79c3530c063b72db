import assert from 'node:assert/strict';
import { unmovable } from '../../../src/cnvms/unmovable.js';
import type { Descriptor, ProcessFacts } from '../../../src/tools/process-facts.js';

const MIB = 1024 * 1024;
const NAMESPACES = { ipc: 'ipc:[1]', mnt: 'mnt:[1]', net: 'net:[1]', pid: 'pid:[1]', user: 'user:[1]', uts: 'uts:[1]' };
const MOUNTS = [
  { id: 1, mountpoint: '/', type: 'overlay', root: '/' },
  { id: 2, mountpoint: '/proc', type: 'proc', root: '/' },
  { id: 3, mountpoint: '/dev', type: 'tmpfs', root: '/' },
];

function process(change: Partial<ProcessFacts> = {}): ProcessFacts {
  return {
    ...{ pid: 1042, numbers: [1042, 42], command: 'python3', tracers: [], namespaces: NAMESPACES },
    ...{ descriptors: [], mappings: [], mounts: MOUNTS },
    ...change,
  };
}
const init = process({ pid: 1001, numbers: [1001, 1], command: 'init' });
const reasons = (...processes: ProcessFacts[]) =>
  unmovable({ init: 1001, processes: [init, ...processes], deletedBytesMax: 256 * MIB });
const holding = (one: Omit<Descriptor, 'fd'>) => reasons(process({ descriptors: [{ fd: 5, ...one }] }));
const character = (target: string, major: number, minor: number) =>
  ({ target, kind: 'character', device: [major, minor], mount: 3 }) as const;

describe('what keeps a process from being moved', () => {
  const REFUSED: readonly (readonly [Omit<Descriptor, 'fd'>, string])[] = [
    [{ target: 'anon_inode:[io_uring]', kind: 'other' }, 'an io_uring'],
    [{ target: 'anon_inode:[userfaultfd]', kind: 'other' }, 'a userfaultfd'],
    [{ target: 'anon_inode:[perf_event]', kind: 'other' }, 'a performance counter'],
    [{ target: 'anon_inode:seccomp notify', kind: 'other' }, 'a seccomp listener'],
    [{ target: 'anon_inode:bpf-prog', kind: 'other' }, 'a BPF program'],
    [{ target: 'anon_inode:[new]', kind: 'other' }, 'a kernel object of the kind "[new]"'],
    [{ target: 'socket:[7]', kind: 'socket', protocol: 'AF_VSOCK' }, 'a socket of AF_VSOCK'],
    [{ target: 'socket:[7]', kind: 'socket', protocol: 'ALG' }, 'a socket of ALG'],
    [{ target: 'socket:[7]', kind: 'socket', protocol: 'MPTCP' }, 'a socket of MPTCP'],
    [character('/dev/kvm', 10, 232), 'the device /dev/kvm'],
    [character('/dev/fuse', 10, 229), 'the device /dev/fuse'],
    [character('/dev/dri/card0', 226, 0), 'the device /dev/dri/card0'],
    [{ target: '/dev/sda', kind: 'block', device: [8, 0], mount: 3 }, 'the device /dev/sda'],
    [{ target: '/of/the/node', kind: 'file', mount: 99 }, '/of/the/node, which is not on any of its mounts'],
    [
      { target: '/tmp/big (deleted)', kind: 'file', mount: 1, deletedBytes: 257 * MIB },
      '/tmp/big (deleted) of 257 MiB, where a deleted file can take 256 MiB along',
    ],
  ];
  for (const [one, words] of REFUSED) {
    it(words, () => assert.deepEqual(holding(one), [`process 42 (python3) holds ${words}, descriptor 5`]));
  }

  const ALLOWED: readonly Omit<Descriptor, 'fd'>[] = [
    ...['[eventfd]', '[eventpoll]', '[timerfd]', '[signalfd]', 'inotify', '[fanotify]', '[pidfd]'].map(
      (name) => ({ target: `anon_inode:${name}`, kind: 'other' }) as const,
    ),
    ...['TCP', 'TCPv6', 'UDP', 'UDPv6', 'UDP-Lite', 'UDPLITEv6', 'RAW', 'UNIX', 'UNIX-STREAM', 'NETLINK', 'PACKET'].map(
      (protocol) => ({ target: 'socket:[7]', kind: 'socket', protocol }) as const,
    ),
    { target: 'socket:[7]', kind: 'socket', protocol: '' },
    character('/dev/null', 1, 3),
    character('/dev/tty', 5, 0),
    character('/dev/pts/0', 136, 0),
    character('/dev/net/tun', 10, 200),
    { target: 'pipe:[8]', kind: 'other' },
    { target: '/tmp/file', kind: 'file', mount: 1 },
    { target: '/tmp/small (deleted)', kind: 'file', mount: 1, deletedBytes: 256 * MIB },
    { target: '/memfd:x (deleted)', kind: 'file', mount: 99, deletedBytes: 512 * MIB },
  ];
  for (const one of ALLOWED) {
    it(`not ${one.target} ${one.protocol ?? ''}`, () => assert.deepEqual(holding(one), []));
  }

  it('is told once for many of a kind', () => {
    const descriptors = [3, 4, 5, 6, 7, 8].map(
      (fd) => ({ fd, target: 'anon_inode:[io_uring]', kind: 'other' }) as const,
    );
    assert.deepEqual(reasons(process({ descriptors })), [
      'process 42 (python3) holds an io_uring, descriptors 3, 4, 5, 6 and 2 more',
    ]);
  });

  it('what it has mapped, unless it holds it too', () => {
    const target = 'anon_inode:[perf_event]';
    assert.deepEqual(reasons(process({ mappings: [target, '/dev/dri/card0'] })), [
      `process 42 (python3) has mapped ${target}`,
      'process 42 (python3) has mapped /dev/dri/card0',
    ]);
    const descriptors = [{ fd: 3, target, kind: 'other' }] as const;
    assert.equal(reasons(process({ mappings: [target], descriptors })).length, 1);
  });

  it('who traces it, inside or outside', () => {
    const tracer = process({ pid: 1050, numbers: [1050, 50], command: 'strace' });
    assert.deepEqual(reasons(process({ tracers: [1050] }), tracer), ['process 42 (python3) is traced by process 50']);
    assert.deepEqual(reasons(process({ tracers: [77] })), ['process 42 (python3) is traced by process 77 of the node']);
  });

  it('namespaces of its own, but those for mounts and the network', () => {
    const namespaces = { ...NAMESPACES, uts: 'uts:[2]', ipc: 'ipc:[2]', mnt: 'mnt:[2]', net: 'net:[2]' };
    assert.deepEqual(reasons(process({ namespaces })), [
      'process 42 (python3) has a namespace of its own for System V and message queues',
      'process 42 (python3) has a namespace of its own for a host name',
    ]);
    // One that has ended and is not waited for shows none.
    assert.deepEqual(reasons(process({ namespaces: {} })), []);
  });

  it('what is mounted', () => {
    const fuse = { id: 9, mountpoint: '/mnt', type: 'fuse.sshfs', root: '/' };
    const part = { id: 10, mountpoint: '/etc/x', type: 'ext4', root: '/x' };
    assert.deepEqual(reasons(process({ mounts: [...MOUNTS, fuse, part] }), process({ mounts: [fuse] })), [
      'fuse.sshfs is mounted on /mnt',
    ]);
  });

  it('nothing, of one that has no init any more', () => {
    assert.deepEqual(unmovable({ init: 1, processes: [process({ tracers: [7] })], deletedBytesMax: 0 }), []);
  });
});
