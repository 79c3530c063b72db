# shellcheck shell=bash
# A VM lab's machines: each is one qemu process in the lab's network namespace, with a disk that forgets what was written
# to it when the process ends. Nothing of it is anywhere else, so ending the process ends all of it.
# shellcheck source=scripts/lib/namespaces.sh
. "$(dirname "${BASH_SOURCE[0]}")/../namespaces.sh"

# A cnvm of 512 MiB and its images at once; what is not used is not taken from this machine.
VM_MEMORY_MIB=3072
# No guards against a hostile neighbour, and no waiting for entropy: the first costs an emulated processor much, and
# sshd would wait half a minute for the second.
VM_KERNEL="console=ttyS0 quiet mitigations=off nokaslr no_timer_check random.trust_cpu=on audit=0 net.ifnames=0"

node_pid() { live_process "$LAB_DIR/$1.pid"; }

# start_machine NUMBER EMULATOR BASE INIT [reboots]: with the word, it comes up again, with its disk, when it is rebooted.
# Else whatever ends it ends its process, and its disk.
start_machine() {
  local name emulator=$2 base=$3 init=$4 reboots=${5:-} dir ends=(-no-reboot) panic='panic=-1'
  [ -z "$reboots" ] || ends=() panic=''
  name=$(node_name "$1")
  dir=$LAB_DIR/$name
  node_pid "$name" >/dev/null && return
  make_tap "$name"
  mkdir -p "$dir/node"
  rm -rf "$dir/node" "$dir/tree" && mkdir -p "$dir/tree"
  mv "$dir/upper" "$dir/tree/node"
  { cat "$base/initramfs"; pack_initramfs "$emulator" "$dir/tree"; } >"$dir/initramfs"
  rm -rf "$dir/tree"
  # It keeps what is written to its disk in a file without a name, here, that ends with it.
  TMPDIR=$dir QEMU_MODULE_DIR=$dir setsid nsenter --target "$(switch_pid)" --net \
    "$emulator/lib64/ld-linux-x86-64.so.2" --library-path "$emulator/usr/lib/x86_64-linux-gnu" \
    "$emulator/usr/bin/qemu-system-x86_64" -L "$emulator/usr/share/qemu" -L "$emulator/usr/share/seabios" \
    -name "cnvm-vmlab-$LAB-$name" -machine q35 -accel tcg,thread=multi,tb-size=256 -cpu Nehalem,+rdrand,+rdseed -smp 1 \
    -m "$VM_MEMORY_MIB" -nodefaults -no-user-config "${ends[@]}" -display none -serial "file:$dir/console.log" \
    -kernel "$base/vmlinux" -initrd "$dir/initramfs" -append "$VM_KERNEL $panic cnvm.init=$init" \
    -drive "if=none,id=disk,file=$base/disk.ext4,format=raw,snapshot=on,cache=unsafe" -device virtio-blk-pci,drive=disk \
    -netdev "tap,id=net,ifname=$name,script=no,downscript=no" \
    -device "virtio-net-pci,netdev=net,mac=52:54:00:00:00:0$1,host_mtu=$VM_MTU" -device virtio-rng-pci \
    </dev/null >"$LAB_DIR/$name.log" 2>&1 8>&- 9>&- &
  save_process $! "$LAB_DIR/$name.pid"
}

make_tap() {
  local switch
  switch=$(switch_pid)
  in_net "$switch" ip link show "$1" >/dev/null 2>&1 && return
  in_net "$switch" ip -batch - <<BATCH
tuntap add dev $1 mode tap
link set $1 mtu $VM_MTU master br0 up
BATCH
}

# ssh_argv NODE: sets SSH to how a command gets there; over the machine's one connection where that stands.
ssh_argv() {
  local number=${1#node}
  SSH=(nsenter --target "$(switch_pid)" --net ssh -F none -i "$LAB_DIR/ssh/user" -S "$LAB_DIR/$1.ssh" -o LogLevel=ERROR
    -o "UserKnownHostsFile=$LAB_DIR/ssh/known_hosts" -o StrictHostKeyChecking=yes -o ServerAliveInterval=15
    -o ServerAliveCountMax=20 -o ConnectTimeout=60 "root@$(node_address "$number")")
}

# wait_for_machine NAME SECONDS: sshd answers, and its one connection stands.
wait_for_machine() {
  local name=$1 SSH
  ssh_argv "$name"
  wait_for "$2" "$name (see $LAB_DIR/$name/console.log)" login_works "$name"
}

login_works() {
  local name=$1
  node_pid "$name" >/dev/null || die "$name has ended; see $LAB_DIR/$name.log and $LAB_DIR/$name/console.log"
  live_process "$LAB_DIR/$name.ssh.pid" >/dev/null || open_connection "$name"
  "${SSH[@]}" -O check
}

open_connection() {
  in_net "$(switch_pid)" bash -c "</dev/tcp/$(node_address "${1#node}")/22" || return 1
  setsid "${SSH[@]}" -M -N </dev/null >"$LAB_DIR/$1.ssh.log" 2>&1 7>&- 8>&- 9>&- &
  save_process $! "$LAB_DIR/$1.ssh.pid"
  end_with_machine "$1"
}

# end_with_machine NAME: what runs over the connection must hear at once that its machine has ended, not after minutes. A
# program of its own: what bash starts by itself would hold what this script writes to, and who reads that waits for its end.
end_with_machine() {
  local machine
  machine=$(node_pid "$1") || return 1
  # shellcheck disable=SC2016 # words of the other bash
  setsid bash -c '. "$1"; tail --pid="$2" --follow /dev/null; end_process "$3"' end-with-machine "${BASH_SOURCE[0]}" \
    "$machine" "$LAB_DIR/$1.ssh.pid" </dev/null >/dev/null 2>&1 7>&- 8>&- 9>&- &
  save_process $! "$LAB_DIR/$1.end.pid"
}

# in_machine NODE CMD...: runs CMD there, as root, its words as they are.
in_machine() {
  local SSH node=$1 words
  shift
  ssh_argv "$node"
  printf -v words '%q ' env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "TERM=${TERM:-dumb}" LC_ALL=C.UTF-8 "$@"
  "${SSH[@]}" ${TTY:+-t} -- "exec $words"
}
