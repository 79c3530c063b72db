# shellcheck shell=bash
# Shared by the scripts: words for people, locks, and processes that are told apart from others of the same number.
# Sourced; sets nothing but functions and these two.
# shellcheck disable=SC2034 # for those who source this
PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${CNVM_CACHE:-/var/cache/cnvm-lab}

say() { printf '[o] %s\n' "$*" >&2; }
die() {
  printf '[x] %s\n' "$*" >&2
  exit 1
}

need_root() { [ "$(id -u)" = 0 ] || die "this must be run as root: it makes namespaces, mounts and cgroups"; }

# long_step WORDS LOG CMD...: runs CMD with its output in LOG, and shows that it lives.
long_step() {
  local words=$1 log=$2 start=$SECONDS pid status=0
  shift 2
  "$@" >"$log" 2>&1 &
  pid=$!
  if [ -t 2 ]; then
    while kill -0 "$pid" 2>/dev/null; do
      printf '\r[o] %s: %d s' "$words" $((SECONDS - start)) >&2
      sleep 0.5
    done
    printf '\r\033[K' >&2
  else
    say "$words ..."
  fi
  wait "$pid" || status=$?
  if [ "$status" != 0 ]; then
    tail -n 30 "$log" >&2
    die "$words: failed after $((SECONDS - start)) s; all of it is in $log"
  fi
  say "$words: done in $((SECONDS - start)) s"
}

# A process is named by its id and its start time: an id alone may by now be somebody else's.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
save_process() { printf '%s %s\n' "$1" "$(start_time "$1")" >"$2"; }
# live_process FILE: prints the id if that very process lives.
live_process() {
  local pid since
  [ -r "$1" ] && read -r pid since <"$1" || return 1
  [ -n "${since:-}" ] && [ "$(start_time "$pid")" = "$since" ] && printf '%s\n' "$pid"
}

# install_packages NAME...: from Debian, only what is missing.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return
  mkdir -p "$CACHE"
  long_step "install ${missing[*]}" "$CACHE/apt.log" apt_install "${missing[@]}"
}
apt_install() {
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# The Debian mirror that this machine itself uses.
debian_mirror() {
  local mirror=${CNVM_DEBIAN_MIRROR:-}
  # shellcheck disable=SC2016 # apt-get's own placeholder
  [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/*$') ||
    die "apt knows no Debian mirror; set CNVM_DEBIAN_MIRROR to one"
  printf '%s\n' "$mirror"
}
