#!/usr/bin/env python3
"""Fails on an include that docs/ARCHITECTURE.md does not draw.

usage: arrows_test.py SOURCE_DIR
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
TORCH = re.compile(r'^\s*#\s*include\s+<(torch/torch\.h)>', re.M)
TOPS = ("monitor", "canaries", "probe", "trainer-hook")


def read_arrows(text):
    block = re.search(r"```arrows\n(.*?)```", text, re.S)
    if not block:
        sys.exit("docs/ARCHITECTURE.md: expected a block ```arrows, found none")
    arrows = {}
    for line in block.group(1).strip().splitlines():
        room, _, allowed = line.partition(":")
        arrows[room.strip()] = set(allowed.split())
    return arrows


def room_of(path, rooms):
    """The deepest room that contains `path`."""
    candidates = [r for r in rooms if path.startswith(r + "/")]
    return max(candidates, key=len) if candidates else None


def violations(source, arrows):
    files = [f for top in TOPS for f in sorted((source / top).rglob("*")) if f.suffix in (".h", ".cpp", ".inl")]
    if len(files) < 20:
        yield f"only {len(files)} source files found below {source}: wrong folder?"
    for file in files:
        path = file.relative_to(source).as_posix()
        room = room_of(path, arrows)
        text = file.read_text()
        if room is None:
            yield f"{path}: lies in no room of docs/ARCHITECTURE.md"
            continue
        if TORCH.search(text):
            yield f"{path}: includes torch/torch.h (11 s a unit); include the ATen headers it needs"
        for include in INCLUDE.findall(text):
            target = room_of(include, arrows)
            if target is None:
                yield f'{path}: "{include}" is not named from the repository root'
            elif target != room and target not in arrows[room]:
                yield f"{path}: {room} may not use {target} ({include})"


def main():
    source = pathlib.Path(sys.argv[1])
    arrows = read_arrows((source / "docs/ARCHITECTURE.md").read_text())
    unknown = {t for allowed in arrows.values() for t in allowed} - set(arrows)
    found = [f"docs/ARCHITECTURE.md: arrow to a room that is not listed: {u}" for u in sorted(unknown)]
    found += list(violations(source, arrows))
    for line in found:
        print(line)
    print(f"{len(found)} forbidden arrows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
