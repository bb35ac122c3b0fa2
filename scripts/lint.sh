#!/usr/bin/env bash
# clang-tidy's allow-list (.clang-tidy) over the product, its tests and benchmarks, headers included.
#
# usage: scripts/lint.sh                      every file; minutes the first time, then what changed
#        scripts/lint.sh PATH...              these files or folders, named from the repository's root
#        scripts/lint.sh --changed            files that differ from where this branch left main; on main,
#                                             from the upstream, else from the commit before; two minutes at most
#        scripts/lint.sh --since REVISION     files that differ from a revision
# Also: --within SECONDS, --jobs N, --build FOLDER (has compile_commands.json; default: the preset release).
# Exits 0 when nothing was found, 1 when something was, 77 when clang-tidy is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# The revision that what is new is compared with.
base() {
  local main
  for main in origin/main origin/HEAD main; do
    git rev-parse -q --verify "$main^{commit}" >/dev/null || continue
    [ "$main" = main ] && [ "$(git rev-parse HEAD)" = "$(git rev-parse main)" ] && continue
    git merge-base HEAD "$main" && return
  done
  git rev-parse -q --verify "HEAD~1^{commit}" || git rev-parse HEAD
}

build=build/release arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    --changed) arguments+=(--since "$(base)" --within 110); shift ;;
    --build) build=${2:?scripts/lint.sh: --build needs a folder}; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
if [ "$build" = build/release ]; then
  mkdir -p build
  cmake --preset release >build/lint-configure.log 2>&1 || {
    tail -n 30 build/lint-configure.log >&2; die "configuration failed; whole log: build/lint-configure.log"; }
fi
exec python3 -B scripts/lint.py --root . --build "$build" "${arguments[@]}"
