#!/usr/bin/env bash
# Line and branch coverage of monitor/policy by its unit tests and by random traces: source coverage
# of clang, whose branches are the two outcomes of each condition in the source (none for
# exceptions). Needs clang++, llvm-profdata and llvm-cov.
#
#   scripts/coverage.sh FOLDER [uncovered]     "uncovered" lists the branches never taken
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?usage: scripts/coverage.sh FOLDER [uncovered]}
for tool in clang++ llvm-profdata llvm-cov; do
  command -v "$tool" >/dev/null || { echo "SKIPPED: $tool is not installed"; exit 77; }
done
mkdir -p "$folder"
cd "$root"
python3 -B - "$folder" <<'PY'
import pathlib, random, subprocess, sys
sys.path[:0] = ["scripts", "tests/policy/model"]
import policy_build as pb
from compare import script
from generate import case
folder = sys.argv[1]
flags = ["-O0", "-fprofile-instr-generate", "-fcoverage-mapping"]
skipped = ("property_test.cpp", "property_record_test.cpp", "allocation_test.cpp")
tests = [str(t) for t in pb.sources(["tests/policy/**/*_test.cpp"]) if t.name not in skipped]
pb.build(folder, "clang++", flags, pb.ROOMS + pb.DRIVER, "policy_trace")
pb.build(folder, "clang++", flags, pb.ROOMS + tests + ["tests/support/*.cpp"], "policy_tests")
traces = b"".join(script(case(random.Random(f"coverage/{i}"), 60)) for i in range(600))
pathlib.Path(folder, "traces").write_bytes(traces)
PY
LLVM_PROFILE_FILE="$folder/tests.profraw" "$folder/policy_tests" > "$folder/tests.log" || {
  tail -20 "$folder/tests.log"; exit 1; }
LLVM_PROFILE_FILE="$folder/traces.profraw" "$folder/policy_trace" < "$folder/traces" > /dev/null
llvm-profdata merge -o "$folder/all.profdata" "$folder/tests.profraw" "$folder/traces.profraw"
show() { llvm-cov "$@" "$folder/policy_tests" -object "$folder/policy_trace" \
  -instr-profile "$folder/all.profdata" monitor/policy; }
show report -show-branch-summary -show-region-summary=false
if [ "${2:-}" = uncovered ]; then
  show show -show-branches=count | grep -E "^/|Branch.*(: 0,|: 0\])" || true
fi
