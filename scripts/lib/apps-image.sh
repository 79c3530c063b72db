# shellcheck shell=bash
# A store of images that holds the base image and the one with real programs; each built once and kept.
# shellcheck source=scripts/lib/roots.sh
. "$(dirname "${BASH_SOURCE[0]}")/roots.sh"

make_apps_image() { "$PROJECT/scripts/build-apps-image" "$IMAGE" "$1"; }

make_apps_store() {
  node "$PROJECT/dist/cli/cnvm.js" image import "oci:$IMAGE" base --into "$1"
  node "$PROJECT/dist/cli/cnvm.js" image import "oci:$APPS_IMAGE:apps" apps --into "$1"
}

# Prints the store's path. The project must be built.
apps_store() {
  local path hash
  IMAGE=$(base_image)
  hash=$(recipe_hash "$PROJECT/scripts/build-image" "$PROJECT/scripts/build-apps-image" "${BASH_SOURCE[0]}")
  APPS_IMAGE=$CACHE/image-apps-$hash
  install_packages umoci skopeo attr zstd
  build_once "$APPS_IMAGE" "build the image with real programs" make_apps_image
  path=$CACHE/store-apps-$(recipe_hash "$PROJECT/scripts/build-image" "$PROJECT/scripts/build-apps-image" "${BASH_SOURCE[0]}" "$PROJECT"/src/images/{image,layout,oci,unpack,whiteouts}.ts)
  build_once "$path" "unpack both images" make_apps_store
  printf '%s\n' "$path"
}
