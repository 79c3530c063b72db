/**
 * The system calls that a cnvm may not make. A whole machine runs inside, so this is a list of what is denied, like the
 * one of system-container managers (LXC's common.seccomp, Incus' default policy), not Docker's list of what is allowed:
 * what would load code into the kernel, change the node's clock, or reach around namespaces.
 */

const EPERM = 1;
const ENOSYS = 38;

/** Each is of no use to a root that is nobody outside, and each has been a way into the kernel. */
const DENIED = [
  'acct',
  'add_key',
  'adjtimex',
  'bpf',
  'clock_adjtime',
  'clock_settime',
  'create_module',
  'delete_module',
  'finit_module',
  'init_module',
  'ioperm',
  'iopl',
  'kexec_file_load',
  'kexec_load',
  'keyctl',
  'lookup_dcookie',
  'nfsservctl',
  'open_by_handle_at',
  'perf_event_open',
  'quotactl',
  'reboot',
  'request_key',
  'settimeofday',
  'stime',
  'swapoff',
  'swapon',
  'vm86',
  'vm86old',
];

/** criu cannot dump these; programs fall back when the kernel seems not to have them. */
const NOT_MOVABLE = ['io_uring_enter', 'io_uring_register', 'io_uring_setup', 'userfaultfd'];

/** The `linux.seccomp` part of an OCI bundle. */
export function seccompProfile(architecture: string): object {
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures:
      architecture === 'arm64'
        ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']
        : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: [
      { names: DENIED, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      { names: NOT_MOVABLE, action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ],
  };
}
