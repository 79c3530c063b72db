#!/bin/sh
# Looks at a machine and changes nothing: whether it can be a node, with every reason why not, and what it is already. Prints
# one JSON object. Needs nothing but what every Debian has.
# Usage: look.sh [own-sources]   with the word, packages are to come from sources that are not there yet
root=${CNVM_LOOK_ROOT:-}
own_sources=${1:-}

reasons=''
no() { reasons="$reasons${reasons:+,}\"$(printf '%s' "$1" | tr -d '"' | tr -d '\134')\""; }
# at_least VERSION LEAST: both as dpkg compares them.
at_least() { dpkg --compare-versions "$1" ge "$2"; }

[ "$(id -u)" = 0 ] || [ -n "$root" ] || no "this must be run as root"

ID='' VERSION_ID='' PRETTY_NAME='an unknown system'
# shellcheck disable=SC1091 # of the machine that is looked at
[ -r "$root/etc/os-release" ] && . "$root/etc/os-release"
case $ID in
  debian) [ -z "$VERSION_ID" ] || at_least "$VERSION_ID" 13 || no "$PRETTY_NAME is too old: Debian 13 is needed" ;;
  ubuntu) at_least "$VERSION_ID" 24.04 || no "$PRETTY_NAME is too old: Ubuntu 24.04 is needed" ;;
  *) no "$PRETTY_NAME is not known: Debian 13 or Ubuntu 24.04 is needed" ;;
esac

machine=${CNVM_LOOK_MACHINE:-$(uname -m)}
case $machine in x86_64 | aarch64) ;; *) no "there is no criu for processors of the kind $machine" ;; esac
kernel=${CNVM_LOOK_KERNEL:-$(uname -r)}
at_least "$kernel" 6.1 || no "the kernel $kernel is too old: 6.1 is needed"
new_criu=false
if at_least "$kernel" 6.16; then
  new_criu=true
  [ "$ID" != ubuntu ] || [ -n "$own_sources" ] || no "the kernel $kernel needs criu 4.2: name a source of it in cnvm_apt_sources"
fi
[ -d "$root/run/systemd/system" ] || no "systemd does not run here"
container=${CNVM_LOOK_CONTAINER:-$(systemd-detect-virt --container 2>/dev/null)}
case $container in '' | none | wsl) ;; *) no "this is a container itself ($container): a node needs a kernel of its own" ;; esac
users=$(cat "$root/proc/sys/user/max_user_namespaces" 2>/dev/null)
[ "${users:-0}" -gt 0 ] || no "the kernel lets nobody make user namespaces (user.max_user_namespaces)"
memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' "$root/proc/meminfo" 2>/dev/null)
[ "${memory:-0}" -ge 700 ] || no "there are only ${memory:-0} MiB of memory: 700 are needed"
# where_is DIRECTORY: it, or the nearest one above it that is there.
where_is() {
  place=$root$1
  while [ ! -d "$place" ]; do place=$(dirname "$place"); done
  printf '%s' "$place"
}
free=$(df -Pm "$(where_is /var/lib/cnvm)" 2>/dev/null | awk 'NR == 2 { print $4 }')
free=${CNVM_LOOK_FREE:-$free}
[ "${free:-0}" -ge 1500 ] || no "there are only ${free:-0} MiB free in /var/lib: 1500 are needed"
kind=${CNVM_LOOK_FS:-$(stat -f -c %T "$(where_is /home/cnvm/sneakers)" 2>/dev/null)}
case $kind in overlayfs | nfs | cifs | fuseblk) no "/home lies on $kind, on which the disks of cnvms cannot lie" ;; esac

installed=$(dpkg-query --admindir "$root/var/lib/dpkg" -W -f '${db:Status-Status} ${Version}' cnvm 2>/dev/null | sed -n 's/^installed //p')
# offered PACKAGE LEAST: what there is, or would be installed, is new enough; nothing is said where apt knows nothing yet.
offered() {
  have=$(apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
  case $have in '' | '(none)') return ;; esac
  at_least "$have" "$2" || no "$1 $have is too old: $2 is needed; name a source of it in cnvm_apt_sources"
}
if [ -z "$installed" ] && [ -z "$own_sources" ] && [ -z "$root" ]; then
  offered nodejs 20.19
  offered runc 1.1
  [ "$new_criu" = true ] || offered criu 4.1
  if command -v ss >/dev/null && ss -Hltn 'sport = :7443' 2>/dev/null | grep -q .; then
    no "something else serves TCP port 7443"
  fi
fi

name=$(printf '%s' "${CNVM_LOOK_NAME:-$(uname -n)}" | tr '[:upper:]' '[:lower:]')
config=$root/etc/cnvm/cnvmd.yaml
[ -r "$config" ] && name=$(awk '$1 == "node:" { print $2; exit }' "$config")
printf '%s' "$name" | grep -Eqx '[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?' || no "$name is no name for a node: set the host's name"
overlay=$(awk '$1 == "address:" { print $2; exit }' "$config" 2>/dev/null)
members='[]'
if [ -z "$root" ] && [ -S /run/cnvm/cnvmd.sock ]; then
  members=$(cnvm nodes --json 2>/dev/null) || members='[]'
fi
flag() { if "$@" >/dev/null 2>&1; then echo true; else echo false; fi; }
printf '{"reasons":[%s],"name":"%s","overlay":"%s","installed":"%s","new_criu":%s,"authority":%s,"member":%s,"wireguard":%s,"members":%s}\n' \
  "$reasons" "$name" "$overlay" "$installed" "$new_criu" "$(flag test -e "$root/etc/cnvm/ca/ca.key")" \
  "$(flag test -e "$root/etc/cnvm/pki/ca.crt")" "$(flag modprobe --dry-run wireguard)" "$members"
