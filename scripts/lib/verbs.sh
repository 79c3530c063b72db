# shellcheck shell=bash
# What every kind of lab does in the same way: its name, its number of nodes, its status, its commands. The script that
# sources this says what it is called (SCRIPT), where labs lie (LABS), how far its help goes (HELP_LINES), and defines
# up, run_in, shell_in, down, node_pid and daemon_answers.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

misuse() {
  printf '[x] %s; see %s --help\n' "$*" "$SCRIPT" >&2
  exit 2
}

name_lab() {
  [[ $1 =~ ^[a-z0-9][a-z0-9-]{0,30}$ ]] || misuse "\"$1\" is no name for a lab"
  LAB=$1
  LAB_DIR=$LABS/$LAB
  # shellcheck disable=SC2034 # for what makes and ends nodes
  CGROUP_PREFIX=/cnvm-$LAB
}

# own_lab NODES [grows]: the lab's directory is there and locked (as descriptor 7) until we end, and has that many nodes. With
# the word, it may have had fewer before.
own_lab() {
  mkdir -p "$LAB_DIR"
  exec 7>"$LAB_DIR/lock"
  flock 7
  [ -e "$LAB_DIR/nodes" ] || printf '%s\n' "$1" >"$LAB_DIR/nodes"
  [ -z "${2:-}" ] || [ "$(cat "$LAB_DIR/nodes")" -ge "$1" ] || printf '%s\n' "$1" >"$LAB_DIR/nodes"
  [ "$(cat "$LAB_DIR/nodes")" = "$1" ] || die "lab $LAB has $(cat "$LAB_DIR/nodes") nodes; for $1, first: $SCRIPT --name $LAB down"
  # Each lab's switch is a network of its own, so the subnet only has to be the same for all of its nodes.
  [ -e "$LAB_DIR/subnet" ] || printf '%s' "$LAB" | cksum | { read -r sum _; printf '%d\n' $((sum % 250 + 1)); } >"$LAB_DIR/subnet"
}

status() {
  local json=${1:-} nodes number name pid state rows=()
  nodes=$(cat "$LAB_DIR/nodes" 2>/dev/null || echo 0)
  for ((number = 1; number <= nodes; number++)); do
    name=$(node_name "$number")
    pid=$(node_pid "$name") || pid=0
    state=down
    [ "$pid" = 0 ] || { state=starting && daemon_answers "$name" >/dev/null 2>&1 && state=up; }
    if [ "$json" = --json ]; then
      rows+=("$(printf '{"name":"%s","state":"%s","address":"%s","pid":%d}' "$name" "$state" "$(node_address "$number")" "$pid")")
    else
      printf '%-8s %-9s %-16s pid %s\n' "$name" "$state" "$(node_address "$number")" "$pid"
    fi
  done
  if [ "$json" = --json ]; then
    (IFS=, && printf '{"lab":"%s","nodes":[%s]}\n' "$LAB" "${rows[*]:-}")
  elif [ "$nodes" = 0 ]; then
    say "lab $LAB is not up"
  fi
}

# run_outside CMD...: from a host beyond the nodes. Does not return.
run_outside() {
  local pid
  pid=$(switch_pid) || die "lab $LAB is not up"
  exec nsenter --target "$pid" --net "$@"
}

dispatch() {
  local command
  name_lab "${CNVM_LAB:-default}"
  if [ "${1:-}" = --name ]; then
    name_lab "${2:-}"
    shift 2
  fi
  command=${1:-}
  [ $# -gt 0 ] && shift
  case $command in
    up) up "$@" ;;
    exec)
      [ $# -gt 0 ] || misuse "exec needs a node"
      local node=$1
      shift
      [ "${1:-}" = -- ] && shift
      [ $# -gt 0 ] || misuse "exec needs a command"
      [ "$node" = outside ] && run_outside "$@"
      run_in "$node" "$@"
      ;;
    shell) shell_in "${1:-node1}" ;;
    status) status "$@" ;;
    down) down ;;
    -h | --help | help) sed -n "2,${HELP_LINES}s/^# \{0,1\}//p" "$0" ;;
    *) misuse "there is no command \"$command\"" ;;
  esac
}
