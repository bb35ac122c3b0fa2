#!/usr/bin/env python3
"""Fails where text could reach a terminal, a log or the screen past monitor/base/printable.h.

usage: printing_test.py SOURCE_DIR
"""
import pathlib
import re
import sys

TOPS = ("monitor", "canaries", "probe", "trainer-hook")
STATEMENT = re.compile(r"\bstd::(?:f?printf|f?puts|fwrite)\([^;]*;|\bstd::c(?:out|err|log)\s*<<[^;]*;")
TEXT_OF_A_VARIABLE = re.compile(r"\.(?:c_str|what|data)\(\)|->(?:c_str|what|data)\(\)|<<\s*[a-z]")
PRINTER = re.compile(r"\b(?:printable\w*|plain|quoted)\(")
SCREEN = re.compile(r"\bImGui::(?:Text\w*|LabelText|BulletText|SetTooltip|CalcTextSize)\(|\bAddText\(")
LOG = re.compile(r"\bset_pattern\(")
LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')  # a ; in one ends no statement
# What may: the printers themselves, and what is no text of others.
ALLOWED = {
    "monitor/base/printable.cpp": "prints what it made printable",
    "monitor/dashboard/plot/paint.cpp": "the printer of the dashboard",
    "monitor/daemon/log.cpp": "the printer of the log",
    "monitor/daemon/main.cpp": "a configuration that is to be read back",
    "trainer-hook/judge/command_options.cpp": "a bar of its own characters",
}


def findings(source):
    files = [f for top in TOPS for f in sorted((source / top).rglob("*")) if f.suffix in (".h", ".cpp", ".inl")]
    if len(files) < 20:
        yield f"only {len(files)} source files found below {source}: wrong folder?"
    for file in files:
        path = file.relative_to(source).as_posix()
        if path in ALLOWED:
            continue
        text = LITERAL.sub('""', file.read_text())

        def at(match):
            return f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        for match in STATEMENT.finditer(text):
            if TEXT_OF_A_VARIABLE.search(match.group()) and not PRINTER.search(match.group()):
                yield f"{at(match)}: expected print_line(), print_lines() or a printer of monitor/base/printable.h"
        for match in SCREEN.finditer(text):
            yield f"{at(match)}: expected text_at(), text_size() or say() of monitor/dashboard/plot/paint.h"
        for match in LOG.finditer(text):
            yield f"{at(match)}: expected log_formatter() of monitor/daemon/log.h"


if __name__ == "__main__":
    found = list(findings(pathlib.Path(sys.argv[1])))
    print("\n".join(found + [f"{len(found)} findings"]))
    sys.exit(1 if found else 0)
