# shellcheck shell=bash
# What a node finds in its own root: commands, config, certificates, the supervised daemon.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

node_name() { printf 'node%d\n' "$1"; }
node_address() { printf '172.30.%d.%d\n' "$(cat "$LAB_DIR/subnet")" $((10 + $1)); }
node_overlay() { printf '10.100.0.%d\n' "$1"; }

# write_node_files NUMBER COUNT: with MORE_CONFIG at the end of its config, if that is set.
write_node_files() {
  local number=$1 count=$2 name upper other
  name=$(node_name "$number")
  upper=$LAB_DIR/$name/upper
  mkdir -p "$upper"/{etc/cnvm/pki,usr/local/bin,etc/service/cnvmd}
  command_file "$upper/usr/local/bin/cnvmd" dist/main.js
  command_file "$upper/usr/local/bin/cnvm" dist/cli/cnvm.js
  command_file "$upper/usr/local/bin/teleport" dist/cli/teleport.js
  printf '%s\n' "$name" >"$upper/etc/hostname"
  cp /etc/resolv.conf "$upper/etc/resolv.conf"
  {
    printf '127.0.0.1 localhost\n::1 localhost\n'
    for ((other = 1; other <= count; other++)); do
      printf '%s %s\n' "$(node_address "$other")" "$(node_name "$other")"
    done
  } >"$upper/etc/hosts"
  write_config "$number" "$count" >"$upper/etc/cnvm/cnvmd.yaml"
  write_certificates "$name" "$upper/etc/cnvm/pki"
  write_service "$upper/etc/service/cnvmd"
}

command_file() {
  printf '#!/bin/sh\nexec node --enable-source-maps /opt/cnvm/%s "$@"\n' "$2" >"$1"
  chmod 755 "$1"
}

write_config() {
  local number=$1 count=$2 other
  cat <<YAML
node: $(node_name "$number")
listen: 0.0.0.0:7443
cgroupParent: $CGROUP_PREFIX/$(node_name "$number")
overlay:
  network: 10.100.0.0/16
  address: $(node_overlay "$number")
${MORE_CONFIG:-}
YAML
  [ "$count" -gt 1 ] || return 0
  echo 'peers:'
  for ((other = 1; other <= count; other++)); do
    [ "$other" = "$number" ] && continue
    printf -- '  - name: %s\n    endpoint: %s:7443\n    overlayAddress: %s\n' \
      "$(node_name "$other")" "$(node_address "$other")" "$(node_overlay "$other")"
  done
}

# write_certificates NODE DIRECTORY: made once per lab, so that a second "up" changes nothing.
write_certificates() {
  local name=$1 dir=$2 pki=$LAB_DIR/pki
  [ -e "$pki/ca.key" ] || pki init
  [ -e "$pki/nodes/$name.key" ] || pki issue node "$name"
  [ -e "$pki/operators/lab.key" ] || pki issue operator lab
  cp "$pki/ca.crt" "$dir/ca.crt"
  install -m 600 "$pki/nodes/$name.key" "$dir/node.key"
  cp "$pki/nodes/$name.crt" "$dir/node.crt"
  install -m 600 "$pki/operators/lab.key" "$dir/operator.key"
  cp "$pki/operators/lab.crt" "$dir/operator.crt"
}

pki() { node "$PROJECT/dist/cli/cnvm.js" pki "$@" --dir "$LAB_DIR/pki" >/dev/null; }

write_service() {
  cat >"$1/run" <<'RUN'
#!/bin/sh
exec /usr/local/bin/cnvmd --config /etc/cnvm/cnvmd.yaml >>/var/log/cnvmd.log 2>&1
RUN
  chmod 755 "$1/run"
  ln -sfn /run/runit-cnvmd "$1/supervise"
}
