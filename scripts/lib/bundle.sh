# shellcheck shell=bash
# The program as few files: the daemon as one, as its commands are. Hundreds of small ones take a slow machine seconds to
# find, and a package of them would be ten times as large.
# shellcheck source=scripts/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# bundle_program DIRECTORY: afterwards it holds dist/main.js and dist/cli, and what they read beside them. The project must be built.
bundle_program() {
  local out=$1 health=node_modules/grpc-health-check zstd=node_modules/@bokuweb/zstd-wasm shim
  # Some packages in the bundle are still CommonJS and use what modules do not have; two read files beside them.
  shim='import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);'
  shim="$shim const __dirname = import.meta.dirname + '/../$health/build/src';"
  rm -rf "$out"
  (cd "$PROJECT" && node_modules/.bin/esbuild dist/main.js --bundle --outbase=. --outdir="$out" \
    --platform=node --format=esm --target=node20 --log-level=warning "--banner:js=$shim")
  cp "$PROJECT/package.json" "$out/"
  mkdir -p "$out/dist/cli"
  cp "$PROJECT/dist/cli/cnvm.js" "$PROJECT/dist/cli/teleport.js" "$out/dist/cli/"
  mkdir -p "$out/$health/build/src"
  cp -r "$PROJECT/$health/proto" "$out/$health/"
  cp "$PROJECT/$zstd/dist/web/zstd.wasm" "$out/$health/build/src/"
  # Found from where a bundle lies, not from where its source lay.
  mkdir -p "$out/gen"
  cp "$PROJECT/dist/gen/descriptors.binpb" "$out/gen/"
}
