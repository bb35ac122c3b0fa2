#!/usr/bin/env python3
"""Fails on a header of the product that does not compile alone as C++17, warnings as errors.

usage: headers_test.py SOURCE_DIR BUILD_DIR COMPILER [--system FOLDER]... [--without imgui.h]...

A trainer written in C++17 may include any of them. Headers that include ATen, torch or c10, directly or through
another, are left to LibTorch's own standard and only counted; so are those that include what --without names.
What compiled is noted in BUILD_DIR by a digest of all it read, so that a second run compiles what changed.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

TOPS = ("monitor", "canaries", "probe", "trainer-hook")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
TORCH = ("ATen/", "torch/", "c10/")
FLAGS = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++"]


class Headers:
    def __init__(self, root):
        self.root = root
        self.closures = {}

    def all(self):
        return [f for top in TOPS for f in sorted((self.root / top).rglob("*.h"))]

    def closure(self, file):
        """The project files that `file` reads, and the names of other headers among them."""
        if file not in self.closures:
            files, others = {file}, set()
            self.closures[file] = (files, others)
            for quote, name in INCLUDE.findall(file.read_text()):
                if quote == '"' and (self.root / name).is_file():
                    more, names = self.closure(self.root / name)
                    files |= more
                    others |= names
                else:
                    others.add(name)
        return self.closures[file]

    def needs(self, file, others):
        return any(name.startswith(others) for name in self.closure(file)[1])

    def digest(self, file, salt):
        state = hashlib.sha256(salt.encode())
        for part in sorted(self.closure(file)[0]):
            state.update(f"{part.relative_to(self.root)}\0".encode() + part.read_bytes())
        return state.hexdigest()


def failure(root, compiler, file, flags):
    """What the compiler says of a unit that includes `file` alone; None: it compiled."""
    unit = f'#include "{file.relative_to(root).as_posix()}"\n'
    run = subprocess.run([compiler, *flags, "-"], input=unit, capture_output=True, text=True)
    return run.stderr.strip() or "the compiler failed" if run.returncode else None


def check(root, compiler, system=(), without=(), known=frozenset()):
    """(headers compiled, left out, {header: what the compiler said}, digests of what compiled)."""
    headers = Headers(root)
    files = [f for f in headers.all() if not headers.needs(f, TORCH + tuple(without))]
    flags = [*FLAGS, f"-I{root}", *(part for folder in system for part in ("-isystem", folder))]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    digests = {f: headers.digest(f, version + repr(flags)) for f in files}
    todo = [f for f in files if digests[f] not in known]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = dict(zip(todo, pool.map(lambda f: failure(root, compiler, f, flags), todo)))
    failed = {f: text for f, text in said.items() if text}
    return len(files), len(headers.all()) - len(files), failed, {digests[f] for f in files if f not in failed}


def main():
    arguments = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    arguments.add_argument("source", type=pathlib.Path)
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("compiler")
    arguments.add_argument("--system", action="append", default=[])
    arguments.add_argument("--without", action="append", default=[])
    asked = arguments.parse_args()
    note = asked.build / "headers_as_cxx17.txt"
    known = set(note.read_text().split()) if note.exists() else set()
    compiled, left, failed, good = check(asked.source, asked.compiler, asked.system, asked.without, known)
    note.write_text("\n".join(sorted(good)))
    for file, text in failed.items():
        print(f"{file.relative_to(asked.source)} does not compile alone as C++17:\n{text}")
    print(f"{compiled} headers, {len(failed)} of them not C++17; {left} left out: they need "
          + " or ".join(["LibTorch", *asked.without]))
    return 1 if failed or compiled < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
