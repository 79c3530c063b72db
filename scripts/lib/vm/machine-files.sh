# shellcheck shell=bash
# What a machine of a VM lab finds on its disk beside what every node finds: the program, its network, its inits, a key.
# shellcheck source=scripts/lib/node-files.sh
. "$(dirname "${BASH_SOURCE[0]}")/../node-files.sh"
# shellcheck source=scripts/lib/bundle.sh
. "$(dirname "${BASH_SOURCE[0]}")/../bundle.sh"

VM_FILES=$PROJECT/scripts/lib/vm
# Emulated time is 10 to 20 times slower than a machine's own: what calls a migration off must wait as much longer.
VM_LIMITS='limits:
  patience: 20
  stall: 300
  restore: 900
'
# Fewer and bigger packets: each costs an emulated processor as much as its bytes do.
VM_MTU=9000

# machine_keys: who may log in, and by what the machines are known; made once per lab.
machine_keys() {
  local dir=$LAB_DIR/ssh kind
  mkdir -p "$dir"
  chmod 700 "$dir"
  for kind in user host; do
    [ -e "$dir/$kind" ] || ssh-keygen -q -t ed25519 -N '' -C "$LAB" -f "$dir/$kind"
  done
  printf '172.30.* %s\n' "$(cut -d' ' -f1,2 "$dir/host.pub")" >"$dir/known_hosts"
}

# write_machine_files NUMBER COUNT
write_machine_files() {
  local number=$1 upper
  upper=$LAB_DIR/$(node_name "$number")/upper
  # shellcheck disable=SC2034 # for write_config
  MORE_CONFIG=$VM_LIMITS
  write_node_files "$number" "$2"
  mkdir -p "$upper"/{opt,root/.ssh,etc/ssh/sshd_config.d,etc/cnvm-lab,etc/service/sshd,usr/local/sbin,etc/systemd/system/multi-user.target.wants}
  cp -r "$LAB_DIR/program" "$upper/opt/cnvm"
  chmod 700 "$upper/root" "$upper/root/.ssh"
  install -m 600 "$LAB_DIR/ssh/user.pub" "$upper/root/.ssh/authorized_keys"
  install -m 600 "$LAB_DIR/ssh/host" "$upper/etc/ssh/ssh_host_ed25519_key"
  # One connection for each machine carries every command that is run in it at once.
  printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nMaxSessions 200\nUseDNS no\nUsePAM no\n' >"$upper/etc/ssh/sshd_config.d/lab.conf"
  machine_links "$number" >"$upper/etc/cnvm-lab/links"
  install -m 755 "$VM_FILES/node-setup" "$VM_FILES/small-init" "$upper/usr/local/sbin/"
  printf '#!/bin/sh\nexec /usr/sbin/sshd -D -e 2>/dev/null\n' >"$upper/etc/service/sshd/run"
  chmod 755 "$upper/etc/service/sshd/run"
  ln -sfn /run/runit-sshd "$upper/etc/service/sshd/supervise"
  # Under systemd it runs in the unit that every host has, with its limits.
  cp "$PROJECT/scripts/packaging/root/usr/lib/systemd/system/cnvmd.service" "$VM_FILES/node-setup.service" "$upper/etc/systemd/system/"
  install -D -m 644 "$VM_FILES/cnvmd.conf" "$upper/etc/systemd/system/cnvmd.service.d/lab.conf"
  mkdir -p "$upper/usr/bin" && ln -sfn ../local/bin/cnvmd "$upper/usr/bin/cnvmd"
  for unit in cnvmd node-setup; do
    ln -sfn "../$unit.service" "$upper/etc/systemd/system/multi-user.target.wants/$unit.service"
  done
}

machine_links() {
  local address
  address=$(node_address "$1")
  cat <<BATCH
link set lo up
link set eth0 mtu $VM_MTU up
address add $address/24 dev eth0
route add default via ${address%.*}.1
BATCH
}
