# shellcheck shell=bash
# A lab's namespaces: one network switch that plays the outside, and the nodes. Nothing is made in the machine's own.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# in_node PID CMD...: runs CMD in a node, as root there.
in_node() {
  local pid=$1
  shift
  nsenter --target "$pid" --mount --uts --ipc --net --pid --root --wd env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 "$@"
}
in_net() {
  local pid=$1
  shift
  nsenter --target "$pid" --net "$@"
}

switch_pid() { live_process "$LAB_DIR/switch.pid"; }
node_pid() { live_process "$LAB_DIR/$1.pid"; }

start_switch() {
  switch_pid >/dev/null && return
  setsid unshare --net sleep infinity </dev/null >/dev/null 2>&1 8>&- 9>&- &
  local pid=$!
  save_process "$pid" "$LAB_DIR/switch.pid"
  wait_for 5 "the switch" other_namespace "$pid"
  in_net "$pid" ip -batch - <<BATCH
link set lo up
link add br0 type bridge
address add 172.30.$(cat "$LAB_DIR/subnet").1/24 dev br0
link set br0 up
BATCH
}
other_namespace() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

# start_node NUMBER ROOT
start_node() {
  local name parent pid
  name=$(node_name "$1")
  node_pid "$name" >/dev/null && return
  setsid unshare --mount --pid --uts --ipc --net --fork --kill-child \
    "$PROJECT/scripts/lib/node-init.sh" "$name" "$LAB_DIR/$name" "$2" "$PROJECT" \
    </dev/null >"$LAB_DIR/$name.log" 2>&1 8>&- 9>&- &
  parent=$!
  save_process "$parent" "$LAB_DIR/$name.parent.pid"
  wait_for 10 "$name" has_child "$parent"
  pid=$(cat "/proc/$parent/task/$parent/children")
  pid=${pid// /}
  save_process "$pid" "$LAB_DIR/$name.pid"
  connect "$1" "$pid"
}
has_child() { [ -n "$(cat "/proc/$1/task/$1/children" 2>/dev/null)" ]; }

connect() {
  local switch address
  switch=$(switch_pid)
  address=$(node_address "$1")
  in_net "$switch" ip link add "$(node_name "$1")" type veth peer name eth0 netns "$2"
  in_net "$switch" ip link set "$(node_name "$1")" master br0 up
  in_net "$2" ip -batch - <<BATCH
link set lo up
address add $address/24 dev eth0
link set eth0 up
route add default via ${address%.*}.1
BATCH
}

# wait_for SECONDS WHAT CMD...
wait_for() {
  local limit=$1 what=$2 end
  shift 2
  end=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || die "$what did not come up in $limit s"
    sleep 0.05
  done
}

# A frozen process of the older cgroup freezer does not die before it is thawed.
thaw_everything() {
  local file
  [ -n "$CGROUP_PREFIX" ] || return
  for file in /sys/fs/cgroup/{freezer,}"$CGROUP_PREFIX" /sys/fs/cgroup/unified"$CGROUP_PREFIX"; do
    [ -d "$file" ] || continue
    find "$file" -name freezer.state -exec sh -c 'echo THAWED >"$1"' _ {} \; 2>/dev/null || true
    find "$file" -name cgroup.freeze -exec sh -c 'echo 0 >"$1"' _ {} \; 2>/dev/null || true
  done
}

end_process() {
  local pid
  pid=$(live_process "$1") || return 0
  kill -KILL "$pid" 2>/dev/null || true
  for _ in $(seq 200); do
    live_process "$1" >/dev/null || break
    sleep 0.05
  done
  rm -f "$1"
}

remove_cgroups() {
  local top
  for top in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$top$CGROUP_PREFIX" ] || continue
    find "$top$CGROUP_PREFIX" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  done
}
