#!/usr/bin/env python3
"""Fails on a header that nobody uses: neither a product file beside its own .cpp nor a C++ block of the pages, which the docs test
compiles. Such a header is dead, or a promise to users that no page shows how to keep.

usage: users_test.py SOURCE_DIR
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
TOPS = ("monitor", "canaries", "probe", "trainer-hook")


def used_by(source):
    """Header -> files and pages that include it."""
    files = [f for top in TOPS for f in (source / top).rglob("*") if f.suffix in (".h", ".cpp", ".inl")]
    files += [f for f in (*source.glob("*.md"), *source.glob("docs/**/*.md"))]
    users = {}
    for file in files:
        for include in INCLUDE.findall(file.read_text()):
            users.setdefault(include, set()).add(file.relative_to(source).as_posix())
    return users


def unused(source):
    headers = [f.relative_to(source).as_posix() for top in TOPS for f in sorted((source / top).rglob("*.h"))]
    if len(headers) < 20:
        yield f"only {len(headers)} headers found below {source}: wrong folder?"
    users = used_by(source)
    for header in headers:
        if not users.get(header, set()) - {header[:-2] + ".cpp"}:
            yield f"{header}: nobody includes it but its own .cpp and tests; use it, show its use on a page, or delete it"


def main():
    found = list(unused(pathlib.Path(sys.argv[1])))
    for line in found:
        print(line)
    print(f"{len(found)} headers without a user")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
