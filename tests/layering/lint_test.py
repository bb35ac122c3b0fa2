#!/usr/bin/env python3
"""Plants faults in a small project: scripts/lint.py must find each, alone of its file, and nothing twice.

usage: lint_test.py SOURCE_DIR
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(sys.argv[1])
FILES = {
    "monitor/a/named.cpp": "namespace {\nint WrongName() { return 1; }\n}\nint named() { return WrongName(); }\n",
    # The same name as above, so the two cannot be read together; the fault is the static analyzer's.
    "monitor/a/null.cpp": "namespace {\nint WrongName(const int* p) { return p == nullptr ? *p : 0; }\n}\n"
                          "int null() { return WrongName(nullptr); }\n",
    "monitor/a/shadowed.cpp": '#include "monitor/a/shadowed.h"\nint shadowed(Word word) { switch (word) {\n'
                              "case Word::kOne: return 1; }\nreturn 0; }\n",
    "monitor/a/shadowed.h": "#pragma once\nenum class Word { kOne, kTwo };\nint shadowed(Word word);\n",
    "monitor/a/alone.h": "#pragma once\nstruct badly_named {};\n",
    "tests/a/clean.cpp": "int clean() { return 1; }\n",
    "tests/a/broken.cpp": "int broken() { return nothing_of_the_kind(); }\n",
}
WANTED = {
    ("monitor/a/named.cpp", "readability-identifier-naming"),
    ("monitor/a/null.cpp", "readability-identifier-naming"),
    ("monitor/a/null.cpp", "clang-analyzer-core.NullDereference"),
    ("monitor/a/shadowed.cpp", "clang-diagnostic-switch"),
    ("monitor/a/alone.h", "readability-identifier-naming"),
    ("tests/a/broken.cpp", "clang-diagnostic-error"),
}


def lint(root, *more):
    run = subprocess.run([sys.executable, "-B", SOURCE / "scripts/lint.py", "--root", root, "--build", root / "build", *more],
                         capture_output=True, text=True)
    found = [line for line in run.stdout.splitlines() if line.endswith("]") and ":" in line and not line.startswith(" ")]
    pairs = [(line.split(":")[0], line[line.rindex("[") + 1:-1]) for line in found if ": note: " not in line]
    return run, pairs


def main():
    if not (shutil.which("clang-tidy") and shutil.which("clang++") and shutil.which("git")):
        print("SKIPPED: clang-tidy, clang++ or git is not installed")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        shutil.copy(SOURCE / ".clang-tidy", root)
        for name, text in FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "build").mkdir()
        (root / "build/compile_commands.json").write_text(json.dumps(
            [{"directory": folder, "file": str(root / name), "command": f"c++ -std=c++20 -I{root} -c {name}"}
             for name in FILES if name.endswith(".cpp")]))
        run, pairs = lint(root)
        assert run.returncode == 1, run.stdout + run.stderr
        assert sorted(pairs) == sorted(WANTED), "\n".join(map(str, pairs)) + run.stdout + run.stderr
        assert f"{len(FILES)} of {len(FILES)} files linted" in run.stdout, run.stdout

        again, same = lint(root)
        assert sorted(same) == sorted(pairs) and again.returncode == 1, again.stdout

        def git(*words):
            subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", *words], cwd=root, check=True, capture_output=True)
        git("init", "-q")
        git("add", ".clang-tidy", "monitor", "tests")
        git("commit", "-qm", "all")
        none, nothing = lint(root, "--since", "HEAD")
        assert none.returncode == 0 and not nothing and "0 of 0 files" in none.stdout, none.stdout
        (root / "monitor/a/shadowed.h").write_text(FILES["monitor/a/shadowed.h"] + "int WorseName();\n")
        header, pairs = lint(root, "--since", "HEAD")
        assert pairs == [("monitor/a/shadowed.h", "readability-identifier-naming")], header.stdout + header.stderr
        assert "left out: 1 unchanged files" in header.stdout, header.stdout
        late, pairs = lint(root, "--within", "0", "monitor/a/alone.h")
        assert not pairs and "left out: monitor/a/alone.h" in late.stdout, late.stdout
    print(f"{len(WANTED)} planted faults were found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
