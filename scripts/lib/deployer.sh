# shellcheck shell=bash
# What deploys: a small Debian 13 with Ansible, made once and kept. The deployment container is built upon it where no
# registry is reached, and the playbooks are checked in it.
# shellcheck source=scripts/lib/roots.sh
. "$(dirname "${BASH_SOURCE[0]}")/roots.sh"

# The same as in ansible/Containerfile, which adds what is missing.
DEPLOYER_PACKAGES=ansible-core,ca-certificates,openssh-client,nodejs,python3

make_deployer_root() {
  mmdebstrap --mode=root --variant=apt --include="$DEPLOYER_PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    trixie "$1" "deb $(debian_mirror) trixie main"
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
}

# Prints the root's path.
deployer_root() {
  local path
  path=$CACHE/deployer-$({ echo "$DEPLOYER_PACKAGES"; debian_mirror; } | sha256sum | cut -c1-12)
  install_packages mmdebstrap
  build_once "$path" "build the deployer's root (Debian 13 with Ansible)" make_deployer_root
  printf '%s\n' "$path"
}
