#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test with ctest.
#
# usage: scripts/test.sh [ctest arguments, e.g. -R policy]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

started=$SECONDS
install_missing scripts/packages.txt
build_preset release
built=$SECONDS
say "testing"
status=0
ctest --preset release -j "$(nproc)" "$@" || status=$?
say "install and build $((built - started)) s, tests $((SECONDS - built)) s"
exit "$status"
