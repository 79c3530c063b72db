# shellcheck shell=bash
# What the machines of a VM lab are made of, each built once and kept: the emulator with its own Debian, the disk that all
# machines share (and none writes to), its kernel, and the little root that the kernel starts from.
# shellcheck source=scripts/lib/roots.sh
. "$(dirname "${BASH_SOURCE[0]}")/../roots.sh"

# Debian 13's qemu emulates up to twice as fast as Debian 12's, so it does not come from the machine itself.
EMULATOR_PACKAGES=qemu-system-x86,busybox-static,cpio,xz-utils,zstd
# A node's, and what makes it a machine. Its kernel has WireGuard, so nothing does that beside it.
MACHINE_PACKAGES=${NODE_PACKAGES/,wireguard-go/},criu,linux-image-cloud-amd64,systemd,systemd-sysv,dbus,udev,kmod,openssh-server,python3
# What the little root loads to find the disk.
DISK_MODULES="virtio_pci virtio_blk virtio_rng ext4"
# Holes until written to; what a machine writes goes elsewhere, so it only has to be wide enough.
DISK_SIZE=6G

vm_hash() { recipe_hash "${BASH_SOURCE[0]}" "$PROJECT/scripts/lib/vm/initramfs-init" "$PROJECT/scripts/build-image"; }

make_emulator() {
  mmdebstrap --mode=root --variant=apt --include="$EMULATOR_PACKAGES" trixie "$1" "deb $(debian_mirror) trixie main"
  rm -rf "$1/var/cache/apt" "$1/var/lib/apt/lists"
}

emulator_root() {
  local path
  path=$CACHE/vm-emulator-$({ echo "$EMULATOR_PACKAGES"; debian_mirror; } | sha256sum | cut -c1-12)
  build_once "$path" "build the emulator's root (Debian 13)" make_emulator
  printf '%s\n' "$path"
}

# make_machine DIRECTORY: afterwards it holds disk.ext4, vmlinux and initramfs; from $STORE, with the tools of $EMULATOR.
make_machine() {
  local root=$1/root
  mkdir -p "$1"
  # The kernel package would make an initramfs of its own, for hardware that is not here.
  INITRD=No mmdebstrap --mode=root --variant=apt --include="$MACHINE_PACKAGES" trixie "$root" "deb $(debian_mirror) trixie main"
  chroot "$root" groupadd --system cnvm
  rm -rf "$root/var/cache/apt" "$root"/var/lib/apt/lists/* "$root"/etc/ssh/ssh_host_* "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
  # What a machine that lives for minutes has no use for.
  ln -s /dev/null "$root/etc/systemd/system/apt-daily.timer"
  ln -s /dev/null "$root/etc/systemd/system/apt-daily-upgrade.timer"
  ln -s /dev/null "$root/etc/systemd/system/e2scrub_all.timer"
  ln -s /dev/null "$root/etc/systemd/system/e2scrub_reap.service"
  # A link of runit's own to services that no node has.
  rm -rf "$root/etc/service"
  mkdir -p "$root/var/lib/cnvm" "$root/home/cnvm"
  cp -a "$STORE" "$root/var/lib/cnvm/images"
  extract_kernel "$root" "$1/vmlinux"
  make_initramfs "$root" "$EMULATOR" "$1/initramfs"
  truncate -s "$DISK_SIZE" "$1/disk.ext4"
  # No journal: nobody needs what is on it after its machine has died.
  mkfs.ext4 -q -O ^has_journal -E lazy_itable_init=1 -d "$root" "$1/disk.ext4"
  rm -rf "$root"
}

# extract_kernel ROOT FILE: the kernel as qemu starts it by itself, without the part that unpacks it.
extract_kernel() {
  local packed offset
  packed=$(echo "$1"/boot/vmlinuz-*)
  for form in 'xz:\xfd7zXZ\x00:xz --decompress --stdout' 'zstd:\x28\xb5\x2f\xfd:zstd --decompress --stdout' 'gzip:\x1f\x8b\x08:gzip --decompress --stdout'; do
    IFS=: read -r _ magic unpack <<<"$form"
    while read -r offset; do
      # What follows the packed kernel is not part of it, and its tool says so with its exit code.
      tail -c +"$((offset + 1))" "$packed" | $unpack >"$2" 2>/dev/null || true
      if [ "$(head -c 4 "$2" | tr -d '\0')" = $'\x7fELF' ]; then return 0; fi
    done < <(LC_ALL=C grep --text --only-matching --byte-offset --perl-regexp "$magic" "$packed" | cut -d: -f1)
  done
  echo "there is no kernel in $packed that we can unpack" >&2
  return 1
}

# make_initramfs ROOT EMULATOR FILE: busybox, the modules for the disk in the order of loading, and the first process.
make_initramfs() {
  local root=$1 tree=$3.tree version name file number=10
  version=$(basename "$root"/lib/modules/*)
  mkdir -p "$tree"/{bin,proc,dev,sys,new,modules,node}
  cp "$2/bin/busybox" "$tree/bin/busybox"
  install -m 755 "$PROJECT/scripts/lib/vm/initramfs-init" "$tree/init"
  for name in $DISK_MODULES; do
    chroot "$root" modprobe --set-version "$version" --show-depends "$name"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$tree.list"
  while read -r file; do
    xz --decompress --stdout "$root$file" >"$tree/modules/$number-$(basename "$file" .xz)"
    number=$((number + 1))
  done <"$tree.list"
  pack_initramfs "$2" "$tree" >"$3"
  rm -rf "$tree" "$tree.list"
}

# pack_initramfs EMULATOR TREE: the tree as an archive that the kernel unpacks, padded so that another may follow it.
pack_initramfs() {
  local tree=$2
  (cd "$tree" && find . -print0 | LC_ALL=C sort -z | with_emulator "$1" cpio --null --create --format=newc --owner=0:0 --quiet)
}

# with_emulator EMULATOR PROGRAM...: a program of the emulator's Debian, on this machine's files.
with_emulator() {
  local root=$1 program=$2 found
  shift 2
  found=$root/usr/bin/$program
  "$root"/lib64/ld-linux-x86-64.so.2 --library-path "$root/usr/lib/x86_64-linux-gnu" "$found" "$@"
}

# Prints the directory with what every machine boots from. machine_base EMULATOR
machine_base() {
  local path
  EMULATOR=$1
  STORE=$(image_store)
  path=$CACHE/vm-machine-$(vm_hash)
  build_once "$path" "build the machines' disk (Debian 13 with its kernel)" make_machine
  printf '%s\n' "$path"
}
