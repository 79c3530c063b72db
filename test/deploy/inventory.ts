/**
 * What is on a machine, as lines: files with their owners, packages, users, links, addresses, rules, mounts, units, control
 * groups. Two of them are the same where nothing was changed for good. Left out is what a deployment may leave: what Ansible,
 * apt and useradd keep of their own work, what systemd notes; and what the kernel keeps until the machine is booted again (its
 * modules and settings).
 */
import type { Lab } from '../../scripts/lib/lab.js';

const SCRIPT = `
find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log -o -path /var/tmp \\) -prune \
  -o -printf 'file %p %M %u:%g\\n'
find /run -xdev -path '*cnvm*' -printf 'file %p\\n'
dpkg-query -W -f 'package \${Package} \${db:Status-Abbrev}\\n'
sed 's/^/user /' /etc/passwd /etc/group /etc/subuid /etc/subgid
ip -o link | awk '{ print "link", $2 }'
ip -o address | awk '{ print "address", $2, $4 }'
ip rule | sed 's/^/rule /'
ip -4 route show table all | sed 's/^/route /'
nft list tables | sed 's/^/rules /'
findmnt -rno TARGET,FSTYPE | sed 's/^/mount /'
systemctl list-unit-files --no-legend --plain | sed 's/^/unit /'
find /sys/fs/cgroup -maxdepth 2 -type d -path '*cnvm*' -printf 'cgroup %p\\n'
ps -e -o args= | grep -E '[c]nvm' | sed 's/^/process /'
true`;

const NOT_OURS = [
  /^file \/root\/\.ansible\b/,
  /^file \/var\/(cache|lib)\/apt[/ ]/,
  /^file \/var\/lib\/(dpkg|systemd)\//,
  /^file \/etc\/(passwd|group|shadow|gshadow|subuid|subgid)- /,
  // What its package makes of itself when any other has been installed.
  /^file \/etc\/(runit\/runsvdir|sv)\/default/,
];

export async function inventoryOf(lab: Lab, node: string): Promise<string[]> {
  const all = (await lab.must(node, ['bash', '-c', SCRIPT])).split('\n');
  return all.filter((line) => line !== '' && !NOT_OURS.some((one) => one.test(line))).sort();
}

/** What there is in one of them alone. */
export function difference(before: readonly string[], after: readonly string[]): string[] {
  const [was, is] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !is.has(line)).map((line) => `gone: ${line}`),
    ...after.filter((line) => !was.has(line)).map((line) => `left: ${line}`),
  ];
}
