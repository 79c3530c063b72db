# shellcheck shell=bash
# A machine as somebody gets it from a hoster: systemd, sshd with a key of root, and nothing of cnvm. Deployments are tried on
# it. The packages that a node needs are on its disk, since no mirror of Debian is reached from there; all else is not.
# shellcheck source=scripts/lib/vm/machine-files.sh
. "$(dirname "${BASH_SOURCE[0]}")/machine-files.sh"

# write_bare_files NUMBER
write_bare_files() {
  local number=$1 upper
  upper=$LAB_DIR/$(node_name "$number")/upper
  mkdir -p "$upper"/{root/.ssh,etc/ssh/sshd_config.d,etc/cnvm-lab,usr/local/sbin,etc/systemd/system/multi-user.target.wants}
  node_name "$number" >"$upper/etc/hostname"
  printf '127.0.0.1 localhost %s\n::1 localhost\n' "$(node_name "$number")" >"$upper/etc/hosts"
  chmod 700 "$upper/root" "$upper/root/.ssh"
  install -m 600 "$LAB_DIR/ssh/user.pub" "$upper/root/.ssh/authorized_keys"
  install -m 600 "$LAB_DIR/ssh/host" "$upper/etc/ssh/ssh_host_ed25519_key"
  printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nMaxSessions 200\nUseDNS no\n' >"$upper/etc/ssh/sshd_config.d/lab.conf"
  machine_links "$number" >"$upper/etc/cnvm-lab/links"
  cat >"$upper/usr/local/sbin/bare-setup" <<'SETUP'
#!/bin/sh
# The network comes up. At the first boot, what the disk, which is that of the lab's nodes, has of cnvm goes.
set -e
modprobe virtio_net
hostname -F /etc/hostname
ip -batch /etc/cnvm-lab/links
mkdir -p /run/sshd
[ ! -e /var/lib/bare-setup.done ] || exit 0
rm -rf /var/lib/cnvm /home/cnvm
getent group cnvm >/dev/null && groupdel cnvm
touch /var/lib/bare-setup.done
exit 0
SETUP
  chmod 755 "$upper/usr/local/sbin/bare-setup"
  sed 's/node-setup/bare-setup/; s/What makes this machine a node/The network of this machine/' "$VM_FILES/node-setup.service" \
    >"$upper/etc/systemd/system/bare-setup.service"
  ln -sfn ../bare-setup.service "$upper/etc/systemd/system/multi-user.target.wants/bare-setup.service"
}
