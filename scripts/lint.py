#!/usr/bin/env python3
"""clang-tidy over the product, its tests and benchmarks; scripts/lint.sh is the way in and says how to call it.

Most of clang-tidy's time goes into the headers of libraries, so the files of a folder are linted together: a unit is
their text one after another (not includes of them: the static analyzer skips what the main file includes), then the
headers that are asked for. Files whose names clash are put into further units. What was found is kept in BUILD/lint by
a digest of everything that was read, so that nothing is linted twice unchanged.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

TOPS = ("monitor", "canaries", "probe", "trainer-hook", "tests", "bench")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
PLACE = re.compile(r"^(/[^:\n]+):(\d+):(\d+): (warning|error): (.*) \[([\w.,-]+)\]$")
IN_UNIT = re.compile(r"(^|In file included from )[^ :]*/unit\.cpp:(\d+)(?=[:,])")
# clang 14 reads LibTorch's headers as C++20 only when this one comes first (a vector of an incomplete type).
TORCH_FIRST = ["-include", "ATen/core/ivalue.h"]
ALWAYS = ["-Wall", "-Wextra", "-Wno-unknown-warning-option", "-ferror-limit=0"]

Group = collections.namedtuple("Group", "folder flags")


def flags_of(command):
    """What of a compile command decides how the text is read."""
    words, kept, i = shlex.split(command), [], 1
    while i < len(words):
        if words[i] in ("-isystem", "-I", "-D"):
            kept += words[i:i + 2]
            i += 1
        elif words[i].startswith(("-I", "-D", "-std=")):
            kept.append(words[i])
        i += 1
    return tuple(kept)


class Project:
    """The files, how each is compiled, and what each includes."""

    def __init__(self, root, build):
        self.root = root
        self.sources = [f for top in TOPS for f in sorted((root / top).rglob("*")) if f.suffix in (".cpp", ".h")]
        commands = json.loads((build / "compile_commands.json").read_text())
        self.flags = {pathlib.Path(c["file"]): flags_of(c["command"]) for c in commands}
        self.closures = {}
        self.users = collections.defaultdict(list)
        for file in self.sources:
            if file in self.flags:
                for part in self.closure(file):
                    self.users[part].append(file)

    def closure(self, file):
        """`file` and every project file it includes, directly or not."""
        if file not in self.closures:
            self.closures[file] = {file}
            for name in INCLUDE.findall(file.read_text()):
                if (self.root / name).is_file():
                    self.closures[file] |= self.closure(self.root / name)
        return self.closures[file]

    def group(self, file):
        """Who is linted together with `file`; None: nothing says how it is compiled."""
        flags = self.flags.get(file)
        if flags is None:
            near = [f for f in self.users[file] if f.parent == file.parent] or self.users[file]
            near = near or [f for f in self.flags if f.parent == file.parent]
            if not near:
                return None
            flags = collections.Counter(self.flags[f] for f in near).most_common(1)[0][0]
        return Group(file.parent.relative_to(self.root).as_posix(), flags)


class Unit:
    """The text of `files` as one, and the way back from its lines to theirs."""

    def __init__(self, files):
        self.text, self.starts = "", []
        for file in files:
            self.starts.append((self.text.count("\n") + 1, file))
            self.text += file.read_text() + "\n" if file.suffix == ".cpp" else f'#include "{file}"\n'

    def origin(self, row):
        """(file, row in it; None of a header that is included)"""
        start, file = [s for s in self.starts if s[0] <= row][-1]
        return file, row - start + 1 if file.suffix == ".cpp" else None

    def mapped(self, line):
        """`line` of a tool's output with places in the unit written as places in the files."""
        def place(found):
            file, row = self.origin(int(found[2]))
            return f"{found[1]}{file}:{row or 1}"
        return IN_UNIT.sub(place, line)


class Linter:
    def __init__(self, project, tools, folder):
        self.project, self.tidy, self.clang, self.folder = project, *tools, folder
        (folder / "found").mkdir(parents=True, exist_ok=True)
        version = subprocess.run([self.tidy, "--version"], capture_output=True, text=True, check=True).stdout
        self.rules = project.root / ".clang-tidy"
        self.salt = "\0".join((version, self.rules.read_text(), *ALWAYS))

    def digest(self, group, files):
        state = hashlib.sha256(repr((self.salt, group, [f.name for f in files])).encode())
        for part in sorted(set().union(*map(self.project.closure, files))):
            state.update(f"{part.relative_to(self.project.root)}\0".encode() + part.read_bytes())
        return state.hexdigest()

    def run(self, group, files, command, deadline):
        """What `command` says of the unit of `files`, line by line."""
        unit = Unit(files)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            path = pathlib.Path(folder) / "unit.cpp"
            path.write_text(unit.text)
            left = None if deadline is None else max(0.1, deadline - time.monotonic())
            torch = TORCH_FIRST if any("/torch/" in flag for flag in group.flags) else []
            run = subprocess.run([*command(path), *ALWAYS, *group.flags, *torch], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, timeout=left)
        return [unit.mapped(line) for line in run.stdout.splitlines()]

    def clashing(self, group, files, deadline):
        """Those of `files` that do not compile after the ones before them."""
        said = self.run(group, files, lambda unit: [self.clang, "-fsyntax-only", "-w", unit], deadline)
        bad, within = set(), None
        for line in said:
            if found := re.match(r"(In file included from )?(/[^ :]+):\d+[:,]", line):
                file = pathlib.Path(found[2])
                within = file if file in files else within
                if " error: " in line and within:
                    bad.add(within)
                if not found[1]:
                    within = None
        return bad

    def units(self, group, files, deadline):
        """`files` split so that no names clash within a unit."""
        units, left = [], files
        while left:
            unit, later = left, []
            while len(unit) > 1 and (bad := self.clashing(group, unit, deadline)):
                bad.discard(unit[0])  # what is wrong with the first one is no clash
                if not bad:
                    break
                later += [f for f in unit if f in bad]
                unit = [f for f in unit if f not in bad]
            units.append(unit)
            left = later
        return units

    def lint(self, group, files, deadline):
        """What clang-tidy finds in `files`, each finding with its notes."""
        note = self.folder / "found" / self.digest(group, files)
        if note.exists():
            return json.loads(note.read_text())
        found = []
        for unit in self.units(group, files, deadline):
            tidy = [self.tidy, "--quiet", f"--config-file={self.rules}"]
            found += self.findings(self.run(group, unit, lambda path: [*tidy, path, "--"], deadline))
        note.write_text(json.dumps(found))
        return found

    def findings(self, lines):
        """[place, check, text with notes] of each finding in a file of the project."""
        found, keep = [], False
        for line in lines:
            if place := PLACE.match(line):
                path, row, column, _, message, check = place.groups()
                check = check.replace(",-warnings-as-errors", "")
                ours = path.startswith(f"{self.project.root}/")
                keep = ours or check == "clang-diagnostic-error"  # an error in a library's header hides what is ours
                if keep:
                    name = path.removeprefix(f"{self.project.root}/")
                    found.append([f"{name}:{row}:{column}", check, f"{name}:{row}:{column}: {message} [{check}]"])
            elif keep:
                found[-1][2] += "\n" + line.replace(f"{self.project.root}/", "")
        return found


def changed_since(root, revision):
    """Paths that differ from `revision`, and those git does not know yet."""
    def git(*words):
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = git("diff", "-z", "--name-only", revision) + git("ls-files", "-z", "--others", "--exclude-standard")
    return {root / path for path in paths if path}


def wanted(project, asked):
    """The files to lint, and words on what of the change they do not cover."""
    if not asked.since and not asked.paths:
        return project.sources, []
    if asked.since:
        chosen = changed_since(project.root, asked.since)
        files = [f for f in project.sources if f in chosen]
        headers = [f for f in files if f.suffix == ".h"]
        others = {user for f in headers for user in project.users[f]} - set(files)
        words = f"{len(others)} unchanged files that include changed headers" if others else ""
        return files, [words] if words else []
    paths = [(project.root / p).resolve() for p in asked.paths]
    for path in paths:
        if not any(f == path or path in f.parents for f in project.sources):
            sys.exit(f"scripts/lint.sh: {path}: expected a source file or a folder of them in {', '.join(TOPS)}")
    return [f for f in project.sources if any(f == p or p in f.parents for p in paths)], []


def main():
    arguments = argparse.ArgumentParser(prog="scripts/lint.sh")
    arguments.add_argument("--since", help="lint the files that differ from this revision")
    arguments.add_argument("--within", type=float, help="seconds after which nothing more is linted")
    arguments.add_argument("--build", type=pathlib.Path, required=True)
    arguments.add_argument("--root", type=pathlib.Path, required=True)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments.add_argument("paths", nargs="*", help="from the repository's root")
    asked = arguments.parse_args()
    tools = [shutil.which(f"{name}-14") or shutil.which(name) for name in ("clang-tidy", "clang++")]
    if not all(tools):
        print("SKIPPED: clang-tidy or clang++ is not installed, nothing was linted")
        return 77
    started = time.monotonic()
    deadline = None if asked.within is None else started + asked.within
    project = Project(asked.root.resolve(), asked.build)
    linter = Linter(project, tools, asked.build / "lint")
    files, left_out = wanted(project, asked)

    groups = collections.defaultdict(list)
    for file in files:
        groups[project.group(file)].append(file)
    unknown = groups.pop(None, [])
    left_out += [f"{f.relative_to(project.root)} (not in {asked.build.name})" for f in unknown]
    found, linted = {}, 0

    def one(item):
        group, members = item
        if deadline is not None and time.monotonic() > deadline:
            return members, None
        try:
            return members, linter.lint(group, members, deadline)
        except subprocess.TimeoutExpired:
            return members, None

    # Few includes first: what depends on LibTorch is slowest, and last when time is short.
    order = sorted(groups.items(), key=lambda item: (len(item[0].flags), item[0].folder))
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        for members, texts in pool.map(one, order):
            if texts is None:
                left_out += [str(f.relative_to(project.root)) for f in members]
                continue
            linted += len(members)
            for place, check, text in texts:
                if (place, check) not in found:
                    found[(place, check)] = text
                    print(text, flush=True)
    for what in left_out:
        print(f"left out: {what}")
    for check, n in collections.Counter(check for _, check in found).most_common():
        print(f"{n:5d} {check}")
    print(f"{linted} of {len(files)} files linted in {time.monotonic() - started:.0f} s by {pathlib.Path(tools[0]).name}: "
          f"{len(found)} findings" + (f"; {len(left_out)} left out (scripts/lint.sh runs all)" if left_out else ""))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
