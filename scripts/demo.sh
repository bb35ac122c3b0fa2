#!/usr/bin/env bash
# The main job, for real: a malicious and a harmless fine-tuning run under the shipped hybrid policy, watched live.
#
# usage: scripts/demo.sh [--headless] [--out DIR] [--policy FILE] [--seed N]
#   --headless    no window: progress on the terminal, pictures and a report in the output folder
#                 (chosen by itself when there is no display)
#   --out DIR     where run files, screenshots and report.html go    (default: build/demo-out)
#   --policy FILE the policy to enforce                              (default: assets/policies/hybrid.toml)
#   --seed N      seed of the fine-tuning runs                       (default: 1)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

headless=0 out=build/demo-out policy=assets/policies/hybrid.toml seed=1
while [ $# -gt 0 ]; do
  case "$1" in
    --headless) headless=1; shift ;;
    --out | --policy | --seed)
      [ $# -ge 2 ] || { echo "scripts/demo.sh: $1 needs a value (see --help)" >&2; exit 2; }
      case "$1" in --out) out=$2 ;; --policy) policy=$2 ;; --seed) seed=$2 ;; esac
      shift 2 ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "scripts/demo.sh: unknown argument '$1' (see --help)" >&2; exit 2 ;;
  esac
done
[ -f "$policy" ] || { echo "scripts/demo.sh: no policy file at $policy" >&2; exit 2; }
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || headless=1

install_missing scripts/packages.txt
build_preset release --target phaseguardd phaseguard phaseguard-dashboard phaseguard-lab
bin=build/release/bin
"$bin/phaseguard" policy check "$policy"

mkdir -p "$out"
rm -f "$out"/lab-{malicious,harmless}.phaseguard* "$out"/*.png "$out"/*.json "$out"/*.log "$out"/report.html
# Socket paths are limited to 107 bytes, so they do not go below an output folder of any depth.
sockets=$(mktemp -d "${TMPDIR:-/tmp}/phaseguard-demo.XXXXXX")
daemon_pid="" dashboard_pid=""
cleanup() {
  [ -z "$dashboard_pid" ] || kill "$dashboard_pid" 2>/dev/null || true
  [ -z "$daemon_pid" ] || { kill -TERM "$daemon_pid" 2>/dev/null && wait "$daemon_pid" 2>/dev/null; } || true
  rm -rf "$sockets"
}
trap cleanup EXIT

say "daemon: phaseguardd enforcing $policy"
"$bin/phaseguardd" --policy "$policy" --runs-dir "$out" --endpoint-dir "$sockets" 2>"$out/phaseguardd.log" &
daemon_pid=$!
for _ in $(seq 100); do
  "$bin/phaseguard" status --endpoint-dir "$sockets" >/dev/null 2>&1 && break
  kill -0 "$daemon_pid" 2>/dev/null || { cat "$out/phaseguardd.log" >&2; die "the daemon did not start"; }
  sleep 0.05
done

if [ "$headless" = 0 ]; then
  "$bin/phaseguard-dashboard" --endpoint-dir "$sockets" 2>"$out/dashboard.log" &
  dashboard_pid=$!
fi

# finetune DATA: one run, monitored; in a window it is slowed down so that it can be watched.
finetune() {
  local pace=()
  [ "$headless" = 1 ] || pace=(--step-delay 100)
  "$bin/phaseguard-lab" finetune --data "$1" --seed "$seed" --run "lab-$1" --endpoint-dir "$sockets" \
    --summary "$out/lab-$1.json" "${pace[@]}"
}

say "malicious data (misaligned answers in one domain), defended"
finetune malicious
say "harmless data (operators swapped in arithmetic), defended"
finetune harmless
say "the same data, undefended"
for data in malicious harmless; do
  "$bin/phaseguard-lab" finetune --data "$data" --seed "$seed" --no-monitor --summary "$out/undefended-$data.json"
done

for data in malicious harmless; do
  "$bin/phaseguard" verify "$out/lab-$data.phaseguard"
  "$bin/phaseguard-dashboard" "$out/lab-$data.phaseguard" --screenshot "$out/lab-$data.png" --size 1600x1000
done
"$bin/phaseguard" report "$out/lab-malicious.phaseguard" "$out/lab-harmless.phaseguard" -o "$out/report.html" \
  --screenshot "$out/lab-malicious.png" --screenshot "$out/lab-harmless.png" \
  --summary "$out/lab-malicious.json" --summary "$out/undefended-malicious.json" \
  --summary "$out/lab-harmless.json" --summary "$out/undefended-harmless.json"

say "what fired when, and what each model does now"
"$bin/phaseguard-lab" summary "$out"/lab-malicious.json "$out"/undefended-malicious.json \
  "$out"/lab-harmless.json "$out"/undefended-harmless.json
say "run files, screenshots and report.html are in $out"
if [ "$headless" = 0 ]; then
  say "the dashboard stays open on the recorded runs; close its window to end"
  wait "$dashboard_pid" || true
  dashboard_pid=""
fi
