#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test with ctest and lints what this branch changed.
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
tested=$SECONDS
say "linting what changed"
scripts/lint.sh --changed || { linted=$?; [ "$linted" = 77 ] || status=$linted; }
say "install and build $((built - started)) s, tests $((tested - built)) s, lint $((SECONDS - tested)) s"
exit "$status"
