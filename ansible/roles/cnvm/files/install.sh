#!/bin/sh
# Installs the package that was brought, whatever version is there, and what it needs. Whole or not at all: where something
# cannot be had, all is as before. Usage: install.sh PACKAGE
set -e
export DEBIAN_FRONTEND=noninteractive
# A machine that has just been made often installs something of its own.
patient='-o DPkg::Lock::Timeout=600'
# Also one of the same version that was built anew, and an older one; what people have changed in /etc stays.
install() {
  # shellcheck disable=SC2086 # two words
  apt-get install -y $patient --no-install-recommends --reinstall --allow-downgrades -o Dpkg::Options::=--force-confold "$1"
}
# A machine that has all that it needs needs no mirror.
install "$1" && exit 0
# shellcheck disable=SC2086 # two words
apt-get update -q $patient
install "$1"
