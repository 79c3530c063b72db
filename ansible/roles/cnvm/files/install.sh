#!/bin/sh
# Installs the package that was brought, whatever version is there, and what it needs. Whole or not at all: where something
# cannot be had, all is as before. Usage: install.sh PACKAGE
set -e
export DEBIAN_FRONTEND=noninteractive
# Waits, as a machine that has just been made often installs something of its own. Takes one of the same version that was built
# anew, and an older one, too; what people have changed in /etc stays.
install() {
  apt-get install -y --no-install-recommends --reinstall --allow-downgrades \
    -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold "$1"
}
# A machine that has all that it needs needs no mirror.
install "$1" && exit 0
apt-get update -q
install "$1"
