# shellcheck shell=bash
# The root file systems that the lab is made of, each built once and kept: the node's and the base image's.
# A root's name carries the hash of its recipe, so a changed recipe builds a new one.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

NODE_PACKAGES=ca-certificates,runc,rsync,socat,iproute2,nftables,iptables,wireguard-tools,wireguard-go,openssh-client,sshpass,nodejs,procps,util-linux,mount,iputils-ping,netcat-openbsd,tini,runit,dnsmasq-base,libfaketime,tcpdump,iperf3
# What the benchmark compares with; no part of a node.
PODMAN_PACKAGES=podman,conmon,netavark

# Debian 13's criu 4.1 cannot dump internet sockets on kernels from 6.16 on; 4.2 of the next release can.
kernel_needs_new_criu() {
  local major minor
  IFS=.- read -r major minor _ <<<"$(uname -r)"
  [ "$major" -gt 6 ] || { [ "$major" = 6 ] && [ "$minor" -ge 16 ]; }
}

recipe_hash() { cat "${BASH_SOURCE[0]}" "$@" 2>/dev/null | { cat; debian_mirror; kernel_needs_new_criu && printf new; } | sha256sum | cut -c1-12; }

# build_once TARGET WORDS FUNCTION: TARGET exists afterwards, whole. FUNCTION gets the path to build in.
build_once() {
  local target=$1 words=$2 make=$3
  [ -e "$target" ] && return
  mkdir -p "$CACHE"
  exec 9>"$target.lock"
  flock 9
  if [ ! -e "$target" ]; then
    rm -rf "$target.new"
    long_step "$words" "$target.log" "$make" "$target.new"
    mv "$target.new" "$target"
  fi
  exec 9>&-
}

make_node_root() {
  local packages=$NODE_PACKAGES mirror
  mirror=$(debian_mirror)
  [ -n "${WITH_PODMAN:-}" ] && packages=$packages,$PODMAN_PACKAGES
  if kernel_needs_new_criu; then
    # shellcheck disable=SC2016 # mmdebstrap's hooks expand $1 themselves
    mmdebstrap --mode=root --variant=apt --include="$packages" \
      --setup-hook='mkdir -p "$1/etc/apt/preferences.d"; printf "Package: *\nPin: release n=forky\nPin-Priority: 100\n" >"$1/etc/apt/preferences.d/forky"' \
      --customize-hook='chroot "$1" apt-get install -y --no-install-recommends -t forky criu' \
      trixie "$1" "deb $mirror trixie main" "deb [check-valid-until=no] $mirror forky main"
  else
    mmdebstrap --mode=root --variant=apt --include="$packages,criu" trixie "$1" "deb $mirror trixie main"
  fi
  chroot "$1" groupadd --system cnvm
  rm -rf "$1/var/cache/apt/archives" "$1/var/lib/apt/lists"
}

# Prints the node root's path. WITH_PODMAN=1 asks for the one with podman.
node_root() {
  local path
  path=$CACHE/node${WITH_PODMAN:+-podman}-$(recipe_hash)
  install_packages mmdebstrap
  build_once "$path" "build the nodes' root (Debian 13${WITH_PODMAN:+ with podman})" make_node_root
  printf '%s\n' "$path"
}

# Prints the image's path.
base_image() {
  local path
  path=$CACHE/image-base-$(recipe_hash "$PROJECT/scripts/build-image")
  install_packages mmdebstrap
  build_once "$path" "build the base image (Debian 13)" "$PROJECT/scripts/build-image"
  printf '%s\n' "$path"
}
