#!/usr/bin/env python3
"""Every code block of the pages is compiled, run or read by the program it is meant for, and so is the TOML in comments.

usage: docs_test.py SOURCE_DIR BUILD_DIR [COMPILER FLAG...]

A finding names file and line, what the parser, compiler or program said, and what to do. CONTRIBUTING.md has the classes.
"""
import collections
import pathlib
import re
import sys
import tempfile

import blocks
import code_blocks
import commands
import data_blocks
import place as places
import toml_blocks

OWNED = {"arrows": "tests/layering/arrows_test.py", "pure": "tests/layering/symbols_test.py", "hex": "tests/wire/protocol_doc_test.py",
         "cmake": "tests/install/install_test.py"}
CLASSES = ("toml", "policytest", "cpp", "c", "python", "sh", "usage", "json", "jsonl", "sql", "csv", "text", *OWNED)
TOML_SPAN = re.compile(blocks.WITHIN.pattern + r"\Z")


class Checker:
    def __init__(self, source, build, place, flags=()):
        self.source = source
        scratch = place.root / "toml"
        scratch.mkdir()
        bin_folder = build / "bin"
        self.parsers = toml_blocks.Parsers(bin_folder, scratch, source)
        self.commands = commands.Commands(source, bin_folder, place)
        self.data = data_blocks.Data(source, bin_folder, place)
        self.code = code_blocks.Code(source, place, flags)
        self.count, self.seen = collections.Counter(), set()

    def block(self, block):
        """Raises blocks.Wrong."""
        name = block.words[0] if block.words else ""
        if name not in CLASSES:
            raise blocks.Wrong(block.file, block.line - 1, (f"the class `{name}` is not known" if name else "the block has no class")
                               + f"; write one of these after the fence: {' '.join(CLASSES)} (CONTRIBUTING.md says what each is for)")
        self.count[name] += 1
        if name in OWNED:
            if name not in (self.source / OWNED[name]).read_text():
                raise blocks.Wrong(block.file, block.line - 1, f"{OWNED[name]} does not read blocks of class {name} any more")
        elif name == "toml":
            toml_blocks.check(block, self.parsers)
        elif name in ("cpp", "c"):
            self.code.check_compiled(block)
        elif name == "python":
            self.code.check_python(block)
        elif name == "sh":
            self.commands.check_shell(block)
        elif name == "usage":
            self.commands.check_usage(block)
        elif name != "text":
            getattr(self.data, f"check_{name}")(block)

    def pair(self, block):
        """`key = "word"` within a sentence."""
        if (block.text) not in self.seen and "..." not in block.text:
            toml_blocks.check(block, self.parsers)
        self.seen.add(block.text)
        self.count["TOML within a sentence"] += 1

    def page(self, text, name):
        """All findings of one page."""
        found, wrong = blocks.blocks_of(text, name)
        todo = [(self.block, b) for b in found] + [(lambda _: self.commands.check_row(name, text), None)]
        for line, span in blocks.spans_of(text):
            if TOML_SPAN.match(span):
                todo.append((self.pair, blocks.Block(name, line, ["pair"], span + "\n")))
            elif re.match(rf"({'|'.join(commands.PROGRAMS)}|scripts/\w+\.(sh|py)) ", span):
                todo.append((self.span, blocks.Block(name, line, ["span"], span)))
        return wrong + self.all(todo)

    def span(self, block):
        self.commands.check_synopsis(block.file, block.line, block.text)
        self.count["commands within a sentence"] += 1

    @staticmethod
    def all(todo):
        wrong = []
        for check, block in todo:
            try:
                check(block)
            except blocks.Wrong as error:
                wrong.append(error)
        return wrong

    def comments(self, root):
        todo = []
        for block in blocks.toml_in_comments(root):
            todo.append((self.pair if block.words == ["pair"] else self.block, block))
        return self.all(todo)


def main():
    source, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory(prefix="pgdocs-") as folder:
        place = places.Place(source, build / "bin", pathlib.Path(folder))
        try:
            checker = Checker(source, build, place, sys.argv[3:])
            wrong = [w for page in blocks.pages(source) for w in checker.page(page.read_text(), str(page.relative_to(source)))]
            wrong += checker.comments(source)
        finally:
            place.close()
    for finding in wrong:
        print(finding)
    for why, times in sorted((checker.commands.skipped | checker.code.skipped).items()):
        print(f"not run, {times} x {why}")
    print("; ".join(f"{n} {name}" for name, n in sorted(checker.count.items())) + f"; {len(checker.commands.ran)} commands run")
    print(f"{len(wrong)} wrong")
    return 1 if wrong or sum(checker.count.values()) < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
