#!/usr/bin/env python3
"""Each sentence of docs/PROTOCOL.md has a test: protocol_sentences.txt beside this file names it, and what it names is there.

usage: protocol_sentences_test.py SOURCE_DIR

The map has the page's headings as `# heading`. Below them stand the first words of each sentence, enough to be the only one of that
heading, and under them, indented, one line for each test:
    tests/room/file.cpp: name of the TEST_CASE
    tests/room/file.py: function
or `no promise: WHY` for a sentence that nothing can break. The first row of a table stands for all its rows that are not listed.
"""
import dataclasses
import pathlib
import re
import sys

import sentences

PAGE = "docs/PROTOCOL.md"
MAP = "tests/docs/protocol_sentences.txt"
CASE = re.compile(r'TEST_CASE(?:_METHOD)?\(\s*(?:\w+,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)(?:,\s*"([^"]*)")?\s*\)')
NO_PROMISE = re.compile(r"no promise: \w+")


@dataclasses.dataclass
class Entry:
    heading: str
    line: int
    words: str
    tests: list  # (line, text)


def entries_of(text):
    found, heading = [], ""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("# "):
            heading = line[2:].strip()
        elif line.startswith(" ") and line.strip() and found:
            found[-1].tests.append((number, line.strip()))
        elif line.strip():
            found.append(Entry(heading, number, line.strip(), []))
    return found


def cases_of(code):
    """{name: tags} of the TEST_CASEs of a file."""
    unquoted = {"".join(re.findall(r'"((?:[^"\\]|\\.)*)"', names)): tags for names, tags in CASE.findall(code)}
    return {re.sub(r"\\(.)", r"\1", name): tags for name, tags in unquoted.items()}


class Sources:
    def __init__(self, root):
        self.root, self.read = root, {}

    def fault(self, test):
        """What is wrong with `file: name`, or an empty text."""
        file, _, name = test.partition(": ")
        if file not in self.read:
            path = self.root / file
            self.read[file] = path.read_text() if file.startswith("tests/") and path.is_file() else None
        code = self.read[file]
        if code is None:
            return f"there is no test file {file}; write `tests/.../file.cpp: TEST_CASE`, `tests/.../file.py: function` or `no promise: WHY`"
        if file.endswith(".py"):
            return "" if re.search(rf"^ *def {re.escape(name)}\(", code, re.M) else f"{file} has no function {name}; name the one that tests the sentence"
        tags = cases_of(code).get(name)
        if tags is None:
            return f"{file} has no TEST_CASE(\"{name}\"); name the one that tests the sentence"
        return f"{file}: \"{name}\" is hidden by its tags {tags}; name a test that ctest runs" if "[." in tags or "[!" in tags else ""


def matched(page, entries):
    """The sentences without an entry, and the entries without a sentence of their own."""
    open_ones, findings = list(page), []
    for entry in entries:
        of_heading = [s for s in page if s.heading == entry.heading]
        hits = [s for s in of_heading if s.text.startswith(entry.words)]
        if len(hits) > 1:
            findings.append(f"{MAP}:{entry.line}: \"{entry.words}\" begins {len(hits)} sentences; write more of its words")
        rows = [s for s in of_heading if s.table and s.table.startswith(entry.words)]
        if not hits and not rows:
            findings.append(f"{MAP}:{entry.line}: no sentence under \"{entry.heading}\" begins with \"{entry.words}\"; "
                            "write the words that it has now, or remove the entry with its sentence")
        open_ones = [s for s in open_ones if s not in hits and s not in rows]
    findings += [f"{PAGE}:{s.line}: no test is named for \"{s.text[:90]}\"; find or write one that fails when it is false, "
                 f"and name it in {MAP} under \"# {s.heading}\"" for s in open_ones]
    return findings


def findings_of(sources, page, text):
    entries = entries_of(text)
    found = matched(sentences.of_page(page), entries)
    for entry in entries:
        if not entry.tests:
            found.append(f"{MAP}:{entry.line}: \"{entry.words}\" has no test; name one, or write `no promise: WHY`")
        faults = [(line, "" if NO_PROMISE.match(test) else sources.fault(test)) for line, test in entry.tests]
        found += [f"{MAP}:{line}: {fault}" for line, fault in faults if fault]
    return found


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    page, text = (root / PAGE).read_text(), (root / MAP).read_text()
    found = findings_of(Sources(root), page, text)
    n = len(sentences.of_page(page))
    print("\n".join([*found, f"{n} sentences and rows, {len(entries_of(text))} entries, {len(found)} findings"]))
    return 1 if found or n < 300 else 0


if __name__ == "__main__":
    sys.exit(main())
