#!/usr/bin/env python3
"""What the pages name is there: paths, files by their bare name, functions and types in code spans, links and their anchors.

usage: paths_test.py SOURCE_DIR

A path that goes on with <...> or ... stands for many and is not looked for; a * must match something. Nor are files of a user or of
the system: absolute ones, those with ~ or a variable, and bare names that do not end as a source does.
"""
import pathlib
import re
import subprocess
import sys

import blocks

ROOMS = "assets bench canaries cmake docs monitor probe scripts tests trainer-hook".split()
PATH = re.compile(rf"(?<![\w./$~-])((?:{'|'.join(ROOMS)})/[\w./*+-]*[\w*/])")
BARE = re.compile(r"[\w.-]+\.(?:h|cpp|py|sh|cmake|policytest)")
NAME = re.compile(r"(?:[A-Za-z_]\w*::)+~?[A-Za-z_]\w*(?:\(\))?|[a-z_]\w*\(\)")
IN_FILE = re.compile(r"`([\w./-]+\.(?:h|cpp|inl|py))`((?:,?\s+(?:and\s+)?`[A-Za-z_][\w:]*(?:\(\))?`)+)")
FOREIGN = ("std::", "at::", "c10::", "torch::", "toml::", "nlohmann::", "zmq::", "tl::")


def anchors_of(text):
    """The anchors that GitHub makes of a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ +(.*?)\s*$", blocks.without_blocks(text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


class Tree:
    def __init__(self, root):
        self.root = root
        listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True).stdout.split("\n")
        self.files = {f for f in listed if f and (root / f).exists()} or {
            str(f.relative_to(root)) for f in root.rglob("*") if f.is_file() and "build" not in f.relative_to(root).parts[:1]}
        self.names = {pathlib.PurePath(f).name for f in self.files}
        self.code = "\n".join((root / f).read_text(errors="replace") for f in sorted(self.files) if f.endswith((".h", ".cpp")))
        self.words = set(re.findall(r"[A-Za-z_]\w*", self.code))

    def has(self, path):
        path = path.rstrip("/")
        if "*" in path:
            return any(self.root.glob(path))
        if f'"{path}"' in self.code:
            return True  # a signal: probe/risk
        return (self.root / path).exists() or any(f.startswith(path + ".") for f in self.files)  # trainer-hook/hook/hook: .h and .cpp

    def has_name(self, name):
        """Whether every part of ns::Type::member() is a word of the code."""
        parts = name.removesuffix("()").replace("~", "").split("::")
        return all(part in self.words for part in parts)


def named_in(tree, text, file):
    """`monitor/run/state.cpp`, `fold` and `fold_report`: names that follow a file's are in that file."""
    prose = blocks.without_blocks(text)
    for match in IN_FILE.finditer(prose):
        source = tree.root / match[1]
        for name in re.findall(r"`([^`]+)`", match[2]) if source.is_file() else []:
            last = name.removesuffix("()").split("::")[-1]
            if not re.search(rf"\b{re.escape(last)}\b", source.read_text()):
                line = prose.count("\n", 0, match.start(2) + match[2].index(f"`{name}`")) + 1
                yield f"{file}:{line}: {match[1]} has no {name}; write where it is now"


def findings(tree, text, file):
    yield from named_in(tree, text, file)
    folder = (tree.root / file).parent
    for number, line in enumerate(text.split("\n"), 1):
        for match in PATH.finditer(line):
            path = match[1].rstrip(".")
            if re.match(r"[<…]|\.\.\.", line[match.end():]) or "..." in path:
                continue
            if not tree.has(path) and not (folder / path).exists():
                yield f"{file}:{number}: there is no {path}; write the path it has now"
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            page, _, anchor = target.partition("#")
            if re.match(r"\w+:", target):
                continue
            linked = (folder / page) if page else tree.root / file
            if not linked.exists():
                yield f"{file}:{number}: the link leads to {target}, and there is no {page}"
            elif anchor and anchor not in anchors_of(linked.read_text() if page else text):
                yield f"{file}:{number}: {page or file} has no heading for #{anchor}"
    for number, span in blocks.spans_of(text):
        for word in span.split(" "):
            if BARE.fullmatch(word) and word not in tree.names:
                yield f"{file}:{number}: no file is called {word}; write the name it has now"
        if NAME.fullmatch(span) and not span.startswith(FOREIGN) and not tree.has_name(span):
            yield f"{file}:{number}: nothing in the sources is called {span}; write the name it has now"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    tree = Tree(root)
    pages = blocks.pages(root)
    found = [f for page in pages for f in findings(tree, page.read_text(), str(page.relative_to(root)))]
    print("\n".join([*found, f"{len(pages)} pages, {len(found)} findings"]))
    return 1 if found or len(pages) < 14 else 0


if __name__ == "__main__":
    sys.exit(main())
