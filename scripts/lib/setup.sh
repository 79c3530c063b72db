# shellcheck shell=bash
# Makes the project ready to run: Node, its packages, the compiled code. Harmless when it is.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The newest Node that the oldest supported Debian can run; in the npm registry as a package.
NODE_VERSION=20.20.2

node_is_new_enough() {
  local version major minor
  version=$(node --version 2>/dev/null) || return 1
  IFS=. read -r major minor _ <<<"${version#v}"
  [ "$major" -gt 20 ] || { [ "$major" = 20 ] && [ "$minor" -ge 19 ]; }
}

# Puts a Node that is new enough first on the PATH: the machine's own, or one from the registry.
ensure_node() {
  local arch dir=$CACHE/node-$NODE_VERSION
  [ -x "$dir/bin/node" ] && PATH=$dir/bin:$PATH
  node_is_new_enough && command -v npm >/dev/null && return
  install_packages nodejs npm ca-certificates
  node_is_new_enough && return
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "no Node $NODE_VERSION for $(uname -m); install Node 20.19 or newer" ;;
  esac
  mkdir -p "$dir.new"
  (cd "$dir.new" && long_step "fetch Node $NODE_VERSION" "$CACHE/node.log" npm pack --silent "node-linux-$arch@$NODE_VERSION")
  tar -xzf "$dir.new/node-linux-$arch-$NODE_VERSION.tgz" -C "$dir.new" --strip-components=1
  rm -rf "$dir" && mv "$dir.new" "$dir"
  PATH=$dir/bin:$PATH
  node_is_new_enough || die "Node $NODE_VERSION was installed and does not run"
}

ensure_packages() {
  local stamp=$PROJECT/node_modules/.package-lock.json
  [ "$stamp" -nt "$PROJECT/package-lock.json" ] && [ "$stamp" -nt "$PROJECT/package.json" ] && return
  # "npm ci" wants packages of every operating system in the lock file; what is installed is the lock file's all the same.
  (cd "$PROJECT" && long_step "install npm packages" "$CACHE/npm.log" npm install --no-save)
  touch "$stamp"
}

ensure_built() {
  local stamp=$PROJECT/dist/main.js
  if [ -e "$stamp" ] && [ -z "$(find "$PROJECT/src" "$PROJECT/proto" "$PROJECT/package.json" -newer "$stamp" -not -path '*/src/gen*' -print -quit)" ]; then
    return
  fi
  (cd "$PROJECT" && long_step "compile" "$CACHE/build.log" npm run --silent build)
}

ensure_project() {
  mkdir -p "$CACHE"
  # Two labs that start at once on a fresh machine take turns here.
  exec 8>"$CACHE/setup.lock"
  flock 8
  ensure_node
  ensure_packages
  ensure_built
  exec 8>&-
}
