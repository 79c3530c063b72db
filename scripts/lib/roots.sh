# shellcheck shell=bash
# What the lab is made of, each built once and kept: the node's root, the base image, and a store of images that holds it.
# A name carries the hash of its recipe, so a changed recipe builds a new one.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

NODE_PACKAGES=ca-certificates,runc,rsync,socat,iproute2,nftables,iptables,wireguard-tools,wireguard-go,openssh-client,sshpass,nodejs,procps,util-linux,mount,iputils-ping,netcat-openbsd,tini,runit,dnsmasq-base,libfaketime,xz-utils,tcpdump,iperf3,skopeo,umoci,attr,zstd,perl
# What tests pull images from; no part of a node.
TEST_PACKAGES=docker-registry
# What the benchmark compares with, and what runs the deployment container; no part of a node.
ENGINE_PACKAGES=podman,conmon,netavark,docker.io,docker-cli

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
  local packages=$NODE_PACKAGES,$TEST_PACKAGES mirror
  mirror=$(debian_mirror)
  [ -n "${WITH_ENGINES:-}" ] && packages=$packages,$ENGINE_PACKAGES
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

# Prints the node root's path. WITH_ENGINES=1 asks for the one with podman and docker.
node_root() {
  local path
  path=$CACHE/node${WITH_ENGINES:+-engines}-$(recipe_hash)
  install_packages mmdebstrap
  build_once "$path" "build the nodes' root (Debian 13${WITH_ENGINES:+ with podman and docker})" make_node_root
  printf '%s\n' "$path"
}

# Prints the base image's path, a directory in OCI's image layout.
base_image() {
  local path
  path=$CACHE/image-base-$(recipe_hash "$PROJECT/scripts/build-image")
  install_packages mmdebstrap umoci
  build_once "$path" "build the base image (Debian 13)" "$PROJECT/scripts/build-image"
  printf '%s\n' "$path"
}

make_image_store() { node "$PROJECT/dist/cli/cnvm.js" image import "oci:$IMAGE" base --into "$1"; }

# Prints the path of a store of images that holds the base image alone. The project must be built.
image_store() {
  local path
  IMAGE=$(base_image)
  path=$CACHE/store-$(recipe_hash "$PROJECT/scripts/build-image" "$PROJECT"/src/images/{image,layout,oci,unpack,whiteouts}.ts)
  install_packages skopeo attr zstd
  build_once "$path" "unpack the base image" make_image_store
  printf '%s\n' "$path"
}

# copy_store STORE DIRECTORY: nothing in a store is ever written to, so its files can be shared.
copy_store() {
  [ -e "$2" ] && return
  cp -al "$1" "$2.new" 2>/dev/null || { rm -rf "$2.new" && cp -a "$1" "$2.new"; }
  mv "$2.new" "$2"
}
