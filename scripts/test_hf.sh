#!/usr/bin/env bash
# phaseguard.hf with the real transformers.Trainer against the real daemon. Makes a tree of Debian sid with PyTorch and transformers in a
# folder of its own, which stays for the next time, puts the wheel of this source tree into it, and runs tests/python/hf_test.py.
# Where the tree cannot be made it says SKIPPED and why, and exits with 77.
#
# usage: scripts/test_hf.sh [TREE [TEST...]]   TREE: the folder (default: $PHASEGUARD_SID_TREE, else build/sid-tree; 2 to 3 GB)
#                                              TEST: names of tests in tests/python/hf_test.py (default: all)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

case "${1:-}" in
  -h* | --help*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
tree=${1:-${PHASEGUARD_SID_TREE:-build/sid-tree}}
[ $# -eq 0 ] || shift
packages="python3-torch python3-transformers python3-accelerate python3-jinja2"

skip() { echo "SKIPPED: $*"; exit 77; }

# The mirror that this machine's own apt takes Debian from.
mirror() {
  local found
  found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null | grep -v security | sort -u) || true
  found=${found%%$'\n'*}
  echo "${found:-http://deb.debian.org/debian}"
}

bootstrap() {
  [ -e "$tree/.bootstrapped" ] || { debootstrap --variant=minbase sid "$tree" "$(mirror)" && touch "$tree/.bootstrapped"; }
}

# The machine's proxies, and a snapshot's date is no fault.
configure_apt() {
  { apt-config dump | grep -i '^Acquire::[a-z]*::Proxy' || true; } >"$tree/etc/apt/apt.conf.d/20proxy"
  echo 'Acquire::Check-Valid-Until "false";' >"$tree/etc/apt/apt.conf.d/10valid-until"
}

make_tree() {
  [ "$(id -u)" = 0 ] || skip "making a tree of Debian sid needs root"
  command -v apt-get >/dev/null || skip "making a tree of Debian sid needs Debian"
  command -v debootstrap >/dev/null || apt-get install -y -q --no-install-recommends debootstrap >/dev/null 2>&1 ||
    skip "debootstrap is not there and cannot be installed"
  [ -e "$tree/.phaseguard" ] || [ -z "$(ls -A "$tree" 2>/dev/null)" ] ||
    die "$tree: expected a folder that is empty or not there, or a tree that this script made"
  say "making a tree of Debian sid in $tree (log: $tree.log)"
  mkdir -p "$tree" && touch "$tree/.phaseguard"
  # shellcheck disable=SC2086
  { bootstrap && configure_apt && chroot "$tree" apt-get update &&
    DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -y --no-install-recommends $packages &&
    chroot "$tree" apt-get clean && touch "$tree/.ready"; } >"$tree.log" 2>&1 ||
    skip "the tree of Debian sid could not be made: $(tail -n 1 "$tree.log") (log: $tree.log)"
}

install_missing scripts/packages.txt
[ -e "$tree/.ready" ] || make_tree
[ -n "${PHASEGUARD_BUILD:-}" ] || build_preset release --target phaseguardd phaseguard phaseguard_c
say "testing"
exec /usr/bin/python3 -B tests/python/hf_test.py "$PWD" "${PHASEGUARD_BUILD:-build/release}" "$(realpath "$tree")" "$@"
