#!/usr/bin/env bash
# The daemon under crowds, for an hour: trainers that flood and are killed, tools that ask as fast as they can, many hellos at once.
# Prints one line of figures for each part; docs/BENCHMARKS.md has those of the last run.
#
# usage: scripts/soak.sh [ROUNDS]     rounds of 64 trainers that are killed (default: 1000, three seconds each)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

case "${1:-1000}" in
  -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *[!0-9]*) echo "scripts/soak.sh: expected a number of rounds, found '$1' (see --help)" >&2; exit 2 ;;
esac
install_missing scripts/packages.txt
build_preset release --target phaseguardd
failed=0
for part in hellos tools "floods --rounds ${1:-1000}"; do
  # shellcheck disable=SC2086
  /usr/bin/python3 tests/daemon/soak.py build/release $part || { failed=1; echo "scripts/soak.sh: $part missed its bar" >&2; }
done
exit $failed
