# shellcheck shell=bash
# What deploys: a small Debian 13 with Ansible, made once and kept. The deployment container is built upon it where no
# registry is reached, and the playbooks are checked in it.
# shellcheck source=scripts/lib/roots.sh
. "$(dirname "${BASH_SOURCE[0]}")/roots.sh"

# The same as in ansible/Containerfile, which adds what is missing.
DEPLOYER_PACKAGES=ansible-core,ca-certificates,openssh-client,nodejs,python3

# What judges the playbooks, beside what runs them; no part of the container.
LINTER_PACKAGES=$DEPLOYER_PACKAGES,ansible-lint

make_deployer_root() {
  mmdebstrap --mode=root --variant=apt --include="$PACKAGES" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    trixie "$1" "deb $(debian_mirror) trixie main"
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
}

# kept_root NAME WORDS PACKAGES: prints the path of such a root with these packages.
kept_root() {
  local path PACKAGES=$3
  path=$CACHE/$1-$({ echo "$PACKAGES"; debian_mirror; } | sha256sum | cut -c1-12)
  install_packages mmdebstrap
  build_once "$path" "$2" make_deployer_root
  printf '%s\n' "$path"
}

deployer_root() { kept_root deployer "build the deployer's root (Debian 13 with Ansible)" "$DEPLOYER_PACKAGES"; }
# What a hoster gives: to see that the package brings all else.
bare_root() { kept_root bare "build a bare root (Debian 13)" apt; }
linter_root() { kept_root linter "build the linter's root (Debian 13 with ansible-lint)" "$LINTER_PACKAGES"; }
