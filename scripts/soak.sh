#!/usr/bin/env bash
# The daemon at its limits, for two hours: many hellos at once, tools that ask as fast as they can, trainers that flood and are killed, 32 runs
# for ten minutes (does its memory grow?), an hour with a full disk (needs to be root, for a small disk; skipped in words otherwise).
# Prints one line of figures for each part; docs/BENCHMARKS.md has those of the last run.
#
# usage: scripts/soak.sh [ROUNDS [SECONDS]]     ROUNDS of 64 trainers that are killed (default: 1000, three seconds each at most);
#                                               SECONDS that the disk is full (default: 3600)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

case "${1:-1000} ${2:-3600}" in
  -h* | --help*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *[!0-9\ ]*) echo "scripts/soak.sh: expected numbers of rounds and seconds, found '$*' (see --help)" >&2; exit 2 ;;
esac
install_missing scripts/packages.txt
build_preset release --target phaseguardd phaseguard
failed=0
for part in hellos tools "floods --rounds ${1:-1000}" "runs --trainers 32 --seconds 600" "full --seconds ${2:-3600}"; do
  # shellcheck disable=SC2086
  /usr/bin/python3 tests/daemon/soak.py build/release $part || { failed=1; echo "scripts/soak.sh: $part missed its bar" >&2; }
done
exit $failed
