"""Decisions are the same bytes under every compiler and optimisation: builds the policy room with
g++ and clang++ at -O0 and -O3 and compares what they decide on random traces, byte for byte. Looks
into the machine code for fused multiply-adds and x87 arithmetic, which would break that elsewhere.

    determinism_test.py BUILD_FOLDER [--cases N] [--seed S]

A compiler that is not installed is left out, with a line that says so."""
import argparse
import hashlib
import pathlib
import random
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "model"), str(HERE.parent.parent / "scripts")]

import policy_build  # noqa: E402
from compare import script  # noqa: E402
from generate import case  # noqa: E402

FUSED = re.compile(r"\t(v?fn?m(add|sub)\w*|fmadd|fmsub|f(ld|st|add|mul|div|sub|sqrt|com|ucom)\w*)\s")
# long double belongs to the C library's and the standard library's text conversions alone.
ARITHMETIC = [*policy_build.laws(), "engine/controller", "engine/arbiter", "engine/tracks/joins", "engine/rule",
              "engine/tracks/tracker", "engine/machine", "engine/operator"]


def machine_code(folder):
    """Instructions that have no place in policy arithmetic, with their object."""
    found = []
    for name in ARITHMETIC:
        target = policy_build.object_of(folder, pathlib.Path(f"monitor/policy/{name}.cpp"))
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(target)],
                              capture_output=True, text=True, check=True).stdout
        found += [f"{name}: {m.group(1)}" for m in FUSED.finditer(text)]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    cases = []
    for i in range(args.cases):
        rng = random.Random(f"{args.seed}/{i}")
        cases.append(script(case(rng, rng.choice([20, 60]))))
    digests, wrong = {}, []
    for compiler in ("g++", "clang++"):
        if not shutil.which(compiler):
            print(f"{compiler} is not installed: left out")
            continue
        for level in ("-O0", "-O3"):
            folder = pathlib.Path(args.folder) / (compiler.strip("+") + level)
            binary = policy_build.build(folder, compiler, [level],
                                        policy_build.ROOMS + policy_build.DRIVER, "policy_trace")
            done = subprocess.run([str(binary), "--bytes"], input=b"".join(cases),
                                  capture_output=True, check=True)
            digest = hashlib.sha256(done.stdout).hexdigest()
            decisions = done.stdout.count(b'"bytes"')
            print(f"{compiler} {level}: {decisions} decisions, {len(done.stdout)} bytes, {digest[:16]}")
            digests[(compiler, level)] = digest
            if shutil.which("objdump"):
                wrong += [f"{compiler} {level} {w}" for w in machine_code(folder)]
    if wrong:
        print(f"instructions that differ between machines: {wrong[:5]}")
    if len(digests) < 2:
        print("fewer than two builds: nothing to compare")
    return 0 if len(set(digests.values())) == 1 and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
