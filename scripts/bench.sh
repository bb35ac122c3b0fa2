#!/usr/bin/env bash
# Builds and runs every benchmark, each beside its baseline, and prints their JSON. Run it on a quiet machine.
#
# usage: scripts/bench.sh [NAME...]     names as in build/release/bin/bench_NAME, python, kl and window (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

all=(pingpong codec hook roundtrip python kl canaries probe daemon policy dashboard window)
[ $# -gt 0 ] || set -- "${all[@]}"
for name in "$@"; do
  printf '%s\n' "${all[@]}" | grep -qx "$name" || { echo "scripts/bench.sh: no benchmark '$name'; there are: ${all[*]}" >&2; exit 2; }
done
install_missing scripts/packages.txt
targets=$(printf 'bench_%s ' "$@")
targets=${targets/bench_kl /phaseguard_c }
targets=${targets/bench_window /phaseguard-dashboard write_synthetic_run phaseguard }
build_preset release --target phaseguardd ${targets/bench_python /phaseguard_c phaseguard }
bin=build/release/bin
for name in "$@"; do
  say "$name"
  case "$name" in
    # The system's own interpreter: it is the one that sees Debian's SciPy, which is compared when it is installed.
    canaries) /usr/bin/python3 bench/canaries/compare.py "$bin/bench_canaries" ;;
    python) /usr/bin/python3 -B bench/hook/python.py . build/release ;;
    kl) /usr/bin/python3 -B bench/hook/kl.py . build/release ;;
    window) /usr/bin/python3 -B bench/dashboard/window.py . build/release ;;
    roundtrip) "$bin/bench_roundtrip" "$bin/phaseguardd" ;;
    *) "$bin/bench_$name" ;;
  esac
done
