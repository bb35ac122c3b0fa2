#!/usr/bin/env python3
"""Every key the codec writes is explained in docs/PROTOCOL.md, and the page's example frame is the golden one.

usage: protocol_doc_test.py SOURCE_DIR
"""
import pathlib
import re
import sys


def main():
    source = pathlib.Path(sys.argv[1])
    fields = (source / "monitor/wire/fields.h").read_text()
    page = (source / "docs/PROTOCOL.md").read_text()
    keys = set(re.findall(r'\bv(?:\.binary)?\("(\w+)"', fields))
    found = [f"docs/PROTOCOL.md: the key `{k}` is not explained" for k in sorted(keys) if f"`{k}`" not in page]
    needed = set(re.findall(r'\bv(?:\.binary)?\("(\w+)", [\w.]+, k(?:Any)?Needed\)', fields))
    found += [f"docs/PROTOCOL.md: the key `{k}` is mandatory somewhere, and not marked ●"
              for k in sorted(needed) if f"`{k}` ●" not in page]

    example = re.search(r"```hex\n(8b .*?)```", page, re.S).group(1)
    hexadecimal = "".join(re.sub(r"\s", "", re.split(r'\s+"|\s{2,}map', line)[0]) for line in example.splitlines())
    if hexadecimal != (source / "tests/data/wire/v1/heartbeat.bin").read_bytes().hex():
        found.append("docs/PROTOCOL.md: the example is not the golden heartbeat")
    kinds = {p.stem for p in (source / "tests/data/wire").glob("v1*/*.bin")}
    found += [f"docs/PROTOCOL.md: no heading names the kind {k}" for k in sorted(kinds)
              if not re.search(rf"^### .*\b{k}\b", page, re.M)]
    print("\n".join(found + [f"{len(keys)} keys, {len(kinds)} kinds, {len(found)} findings"]))
    return 1 if found or len(keys) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
