"""The sentences of a page: those of its prose and list items, and the rows of its tables; each under its heading.

A fragment that is only a mark (`*1.1.*`, `**Time.**`) belongs to the sentence after it. Headings and fenced blocks are no sentences.
"""
import dataclasses
import re

import blocks

END = re.compile(r"(?<=[.!?])(\*{0,2}|\))\s+(?=[A-Z`*\[Σ(])")
MARK = re.compile(r"\*+[\w. ]+\*+\.?|[A-Z0-9]+\.")
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")


@dataclasses.dataclass
class Sentence:
    heading: str
    line: int      # where its paragraph, item or row begins
    text: str
    table: str = ""  # the first row of its table


def split(text):
    """The sentences of one paragraph or list item."""
    pieces, begin = [], 0
    for end in END.finditer(text):
        piece = text[begin:end.end()].strip()
        if not MARK.fullmatch(piece):
            pieces.append(piece)
            begin = end.end()
    return [*pieces, text[begin:].strip()]


def of_page(page):
    found, heading, paragraph, table = [], "", [], ""

    def close():
        if paragraph:
            text = " ".join(line.strip() for _, line in paragraph)
            found.extend(Sentence(heading, paragraph[0][0], sentence) for sentence in split(text))
            paragraph.clear()

    for number, line in enumerate([*blocks.without_blocks(page).split("\n"), ""], 1):
        row = line.startswith("|")
        if row or not line.strip() or line.startswith("#") or ITEM.match(line):
            close()
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif row and not table:
            table = line
        elif row and not re.fullmatch(r"[|: -]+", line):
            found.append(Sentence(heading, number, line, table))
        elif not row and line.strip():
            paragraph.append((number, ITEM.sub("", line, count=1)))
        table = table if row else ""
    return found
