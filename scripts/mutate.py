#!/usr/bin/env python3
"""Mutation run over the policy engine: changes one thing in one source file at a time (comparisons,
&& and ||, + and -, constants, a statement left out), rebuilds that file and sees whether a test
notices. docs/MUTATION.md explains those that none notices.

    scripts/mutate.py FOLDER [--sample N] [--first I] [--seed S] [--jobs J] [--seconds T]
                      [--files laws/ewma,engine/rule]

The mutants are shuffled by the seed; those from I on, N of them, are tried. A mutant is killed when
random traces (tests/policy/model/generate.py) give other bytes than the engine as it is, or else
when one of the policy tests fails. Before the first mutant the reference model must confirm the
engine as it is on those very traces. Works on a copy of the tree in FOLDER, beside its
objects. Prints a line per mutant and the figures."""
import argparse
import concurrent.futures
import hashlib
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

import policy_build as pb

sys.path.insert(0, str(pb.ROOT / "tests/policy/model"))
from compare import difference, run as play, script  # noqa: E402
from generate import case  # noqa: E402

FILES = [*pb.laws(), "engine/rule", "engine/arbiter", "engine/controller", "engine/tracks/joins",
         "engine/tracks/tracker", "engine/machine", "engine/turn", "engine/tracks/declare", "engine/operator",
         "engine/snapshot", "source"]
LINKER = ["-fuse-ld=lld"] if shutil.which("ld.lld") else []
# What nearly every file of the room includes: compiled once.
COMMON_HEADER = """#include <algorithm>
#include <cmath>
#include <limits>
#include "monitor/base/text.h"
#include "monitor/policy/engine/machine_state.h"
"""
TESTS = ["tests/policy/**/*_test.cpp", "tests/support/*.cpp"]
# Of the parser and of texts for persons, which are not mutated, or in need of other libraries.
LEFT_OUT = {"property_test.cpp", "property_record_test.cpp", "allocation_test.cpp", "parse_test.cpp",
            "parse_rules_test.cpp", "bad_input_test.cpp", "explain_rules_test.cpp"}
SWAPS = [(r" <= ", " < "), (r" < ", " <= "), (r" >= ", " > "), (r" > ", " >= "), (r" == ", " != "),
         (r" != ", " == "), (r" && ", " || "), (r" \|\| ", " && "), (r" \+ ", " - "),
         (r" - ", " + "), (r" \* ", " / "), (r"\+\+(?=\w)", "--"), (r" \+= ", " -= "),
         (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\bstd::min\b", "std::max"),
         (r"\bstd::max\b", "std::min")]
STATEMENT = re.compile(r"^\s+(?!return\b|const\b|auto\b|std::|double\b|bool\b|if\b|for\b|using\b|case\b"
                       r"|else\b|while\b|break\b|default\b|Step\b|struct\b)[\w+*(].*;\s*$")
NUMBER = re.compile(r"(?<![\w.\"])(\d+)(?![\w.\"])|(?<![\w.])(0\.0|1\.0|0\.5)(?![\w.])")
TEXT = re.compile(r'"|to_string|append\(|text \+?=|summary|\.(min|max|open|required|otherwise) = ')


def other_number(text):
    if "." in text:
        return {"0.0": "1.0", "1.0": "0.0", "0.5": "1.0"}[text]
    return {"0": "1", "1": "0"}.get(text, str(int(text) + 1))


def mutants_of(path):
    """(line number, new line, what) of one file; texts for persons, bounds of keys and
    comments are left alone."""
    out = []
    for number, line in enumerate(path.read_text().splitlines()):
        code = line.split("//")[0].rstrip()
        if not code.strip() or code.startswith(("#", "namespace", "using", "template")):
            continue
        if TEXT.search(code):
            continue
        for pattern, instead in SWAPS:
            for m in re.finditer(pattern, code):
                out.append((number, code[:m.start()] + instead + code[m.end():],
                            f"{m.group(0).strip()} -> {instead.strip()}"))
        for m in NUMBER.finditer(code):
            new = other_number(m.group(0))
            out.append((number, code[:m.start()] + new + code[m.end():], f"{m.group(0)} -> {new}"))
        if STATEMENT.match(code) and code.count("(") == code.count(")"):
            out.append((number, "  ;", "statement left out"))
    return out


class Run:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.flags = ["-O0"]
        self.room = pb.sources(pb.ROOMS)
        self.driver = pb.sources(pb.DRIVER)
        self.tests = [t for t in pb.sources(TESTS) if t.name not in LEFT_OUT]
        pb.build(self.folder, "g++", self.flags, pb.ROOMS + pb.DRIVER, "policy_trace")
        self.header = self.folder / "common.h"
        self.header.write_text(COMMON_HEADER)
        subprocess.run(["g++", *pb.COMMON, *self.flags, "-x", "c++-header", str(self.header)], check=True)
        self.traces = self.confirmed_traces()
        patterns = pb.ROOMS + [str(test) for test in self.tests]
        pb.build(self.folder, "g++", self.flags, patterns, "policy_tests")
        done = subprocess.run([str(self.folder / "policy_tests")], capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("the tests fail without any mutant:\n" + done.stdout.decode()[-2000:])

    def confirmed_traces(self):
        """(input, digest of what the engine as it is prints): a few cases first, then the others."""
        binary = self.folder / "policy_trace"
        cases = [case(random.Random(f"mutate/{i}"), 60) for i in range(200)]
        for i, (one, printed) in enumerate(zip(cases, play(str(binary), cases))):
            found = difference(one, printed)
            if found and not found.startswith("refused"):
                raise RuntimeError(f"the reference model does not confirm trace {i}: {found}")
        parts = [b"".join(script(c) for c in some) for some in (cases[:20], cases[20:])]
        return [(part, self.digest(binary, part)) for part in parts]

    def digest(self, binary, part):
        done = subprocess.run([str(binary), "--bytes"], input=part, capture_output=True, check=False,
                              timeout=60)
        return done.returncode, hashlib.sha256(done.stdout).hexdigest()

    def linked(self, work, source, target, files, program):
        objects = [str(target if s == source else pb.object_of(self.folder, s)) for s in files]
        done = subprocess.run(["g++", *LINKER, *objects, "-o", str(work / program), "-lsodium"],
                              capture_output=True, check=False)
        return done.returncode == 0

    def verdict(self, name, source, number, new):
        work = self.folder / "mutants" / name
        work.mkdir(parents=True, exist_ok=True)
        lines = (pb.ROOT / source).read_text().splitlines()
        lines[number] = new
        mutated, target = work / source.name, work / "mutant.o"
        mutated.write_text("\n".join(lines) + "\n")
        try:
            command = ["g++", *pb.COMMON, *self.flags, "-w", "-include", str(self.header), "-c",
                       str(mutated), "-o", str(target)]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                return "uncompilable"
            if not self.linked(work, source, target, self.room + self.driver, "trace"):
                return "uncompilable"
            if any(self.digest(work / "trace", part) != wanted for part, wanted in self.traces):
                return "killed by traces"
            self.linked(work, source, target, self.room + self.tests, "tests")
            done = subprocess.run([str(work / "tests"), "--abort"], capture_output=True, check=False,
                                  timeout=120)
            return "killed by tests" if done.returncode != 0 else "SURVIVED"
        except subprocess.TimeoutExpired:
            return "killed by time"
        finally:
            for file in work.iterdir():
                file.unlink()
            work.rmdir()


def in_a_copy(folder):
    """The same command where nobody edits."""
    tree = folder / "tree"
    for name in ("monitor", "tests", "scripts", "assets"):
        shutil.copytree(pb.ROOT / name, tree / name, dirs_exist_ok=True)
    return subprocess.call([sys.executable, "-B", str(tree / "scripts/mutate.py"), *sys.argv[1:],
                            "--here"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=7200)
    parser.add_argument("--files", default=",".join(FILES))
    parser.add_argument("--here", action="store_true", help="this is the copy")
    args = parser.parse_args()
    if not args.here:
        return in_a_copy(pathlib.Path(args.folder).resolve())
    everything = []
    for name in args.files.split(","):
        source = pathlib.Path(f"monitor/policy/{name}.cpp")
        everything += [(source, *m) for m in mutants_of(pb.ROOT / source)]
    random.Random(args.seed).shuffle(everything)
    chosen, counts = everything[args.first:args.first + args.sample], {}
    run, end = Run(args.folder), time.monotonic() + args.seconds
    print(f"{len(everything)} mutants, {len(chosen)} of them from {args.first}, seed {args.seed}",
          flush=True)

    def one(index):
        if time.monotonic() > end:
            return "not run"
        source, number, new, what = chosen[index]
        word = run.verdict(f"m{index}", source, number, new)
        old = (pb.ROOT / source).read_text().splitlines()[number].strip()
        print(f"{word}: {source.name}:{number + 1} {what}: {old}", flush=True)
        return word

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for word in pool.map(one, range(len(chosen))):
            counts[word] = counts.get(word, 0) + 1
    killed = sum(n for word, n in counts.items() if word.startswith("killed"))
    tried = killed + counts.get("SURVIVED", 0)
    print(counts)
    print(f"{killed} of {tried} killed ({100 * killed / max(tried, 1):.1f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
