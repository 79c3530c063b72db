# shellcheck shell=sh
# The first time that the user "cnvm" logs in on a mesh, its first cnvm is made. Later it says nothing. Ctrl-C leaves it.
if [ "${USER:-$(id -un)}" = cnvm ] && [ -t 0 ] && [ -t 1 ] && [ -S /run/cnvm/cnvmd.sock ]; then
  case $- in
    *i*) cnvm first-login || true ;;
  esac
fi
