#!/bin/bash
# Removes every trace of cnvm from a machine, its cnvms and their disks included. Prints what it removed; nothing when there is
# nothing. Harmless to repeat.
set -u
overlay=$(awk '$1 == "address:" { print $2; exit }' /etc/cnvm/cnvmd.yaml 2>/dev/null)
gone() { printf 'removed %s\n' "$1"; }
remove() {
  local path
  for path in "$@"; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    rm -rf --one-file-system "$path" && gone "$path"
  done
}

# Its own cnvms first, while there is a daemon that knows how.
if [ -S /run/cnvm/cnvmd.sock ]; then
  for record in /var/lib/cnvm/cnvms/*/; do
    [ -d "$record" ] || continue
    name=$(basename "$record")
    cnvm rm --force "$name" >/dev/null && gone "the cnvm $name"
  done
  cnvm leave --force >/dev/null 2>&1
fi
if [ -e /etc/systemd/system/cnvm-firewall.service ]; then
  systemctl --quiet disable --now cnvm-firewall.service
  remove /etc/systemd/system/cnvm-firewall.service
fi
systemctl --quiet stop cnvmd.service 2>/dev/null
# What outlives the daemon: its resolver, its tunnel where the kernel makes none.
[ -e /sys/fs/cgroup/system.slice/cnvmd.service/cgroup.kill ] && echo 1 >/sys/fs/cgroup/system.slice/cnvmd.service/cgroup.kill
# What a daemon that was ended hard left of a cnvm, by its cgroup.
if [ -d /sys/fs/cgroup/cnvm ]; then
  find /sys/fs/cgroup/cnvm -name cgroup.kill -exec sh -c 'echo 1 >"$1"' sh {} \;
  sleep 1
fi
if dpkg-query -W -f '${db:Status-Status}' cnvm 2>/dev/null | grep -Eq 'installed|config-files'; then
  DEBIAN_FRONTEND=noninteractive apt-get purge -y --auto-remove cnvm >/dev/null && gone "the package and what came with it"
fi
# Mounts of cnvms that are no more, the deepest first.
findmnt --raw --noheadings --output TARGET | grep -E '^(/run/cnvm|/var/lib/cnvm|/home/cnvm/sneakers)/' | sort -r | while read -r mount; do
  umount --lazy "$mount"
done
find /sys/fs/cgroup/cnvm -depth -type d -exec rmdir {} \; 2>/dev/null
for table in cnvm cnvm_firewall; do
  nft delete table inet "$table" 2>/dev/null && gone "the packet filter's table $table"
done
for link in wgcnvm fwcnvm; do
  ip rule delete iif "$link" lookup 199 2>/dev/null
  ip link delete "$link" 2>/dev/null && gone "the link $link"
done
# The overlay's routes carry these numbers of their maker; its address is of its network.
for protocol in 198 199; do ip route flush table all proto "$protocol" 2>/dev/null; done
# The other address is where cnvms ask for names.
if [ -n "$overlay" ]; then
  for address in "$overlay" 169.254.1.1; do ip address delete "$address/32" dev lo 2>/dev/null; done
fi
if id cnvm >/dev/null 2>&1; then
  pkill -KILL -u cnvm
  userdel cnvm && gone "the user cnvm"
fi
getent group cnvm >/dev/null && groupdel cnvm && gone "the group cnvm"
remove /etc/cnvm /var/lib/cnvm /run/cnvm /var/cache/cnvm /home/cnvm /etc/profile.d/cnvm-first-login.sh \
  /etc/apt/sources.list.d/cnvm-criu.sources /etc/apt/preferences.d/cnvm-criu /etc/apt/sources.list.d/cnvm-own.sources
# What skopeo remembers of blobs, for the daemon; where somebody else keeps images there, it is theirs, too.
[ "$(ls -A /var/lib/containers 2>/dev/null)" != cache ] || remove /var/lib/containers
systemctl daemon-reload
