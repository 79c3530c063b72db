#!/bin/bash
# Becomes a node: run by "lab" as the first process of new mount, pid, uts, ipc and network namespaces.
# Usage: node-init.sh NAME DIRECTORY ROOT PROJECT    DIRECTORY is the node's own on the machine's disk.
set -euo pipefail
name=$1 dir=$2 lower=$3 project=$4
root=$dir/root

mount --make-rprivate /
mkdir -p "$dir"/{root,upper,work,state,home}
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
# runc needs the machine's cgroup tree as it is, version 1, 2 or both; each node keeps to its own part of it.
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
# As systemd does.
mount -t tracefs tracefs "$root/sys/kernel/tracing"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir -p "$root"/dev/{pts,shm,net}
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
device() { mknod -m 666 "$root/dev/$1" c "$2" "$3"; }
device null 1 3
device zero 1 5
device full 1 7
device random 1 8
device urandom 1 9
device tty 5 0
device net/tun 10 200
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

# The disks of cnvms are overlays, and an overlay's writable layer cannot lie on another overlay.
mkdir -p "$root/var/lib/cnvm" "$root/home/cnvm" "$root/opt/cnvm"
mount --bind "$dir/state" "$root/var/lib/cnvm"
mount --bind "$dir/home" "$root/home/cnvm"
mount --bind -o ro "$project" "$root/opt/cnvm"

hostname "$name"
sysctl -q -w net.ipv4.ip_forward=1
# Post-copy needs wide pipes where root lacks CAP_SYS_RESOURCE; not every machine lets us.
sysctl -q -w fs.pipe-max-size=16777216 2>/dev/null || true
# And a userfaultfd within a user namespace. Like the one above it is the whole machine's.
sysctl -q -w vm.unprivileged_userfaultfd=1 2>/dev/null || true

cd "$root"
mkdir -p .old
pivot_root . .old
exec chroot . /bin/sh -c '
  cd /
  umount -l /.old && rmdir /.old
  exec </dev/null >/var/log/node.log 2>&1
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 tini -g -- runsvdir -P /etc/service
'
