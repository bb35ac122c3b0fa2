"""What the pages hold: fenced blocks with what stands around them, code spans, and the TOML in comments of source files.

A block is ```CLASS [FORMAT]. Two HTML comments may stand right above it, which a reader does not see:
  <!-- around: ... -->    what the block takes for given; a line that is only `...` stands for the block
  <!-- not run: WHY -->   the block is read, and not run
"""
import dataclasses
import pathlib
import re

ABOVE = re.compile(r"<!-- *(around|not run): ?(.*?)-->\s*\Z", re.S)
FENCE = re.compile(r"^( *)(```+|~~~+) *(.*?) *$")


@dataclasses.dataclass
class Block:
    file: str          # from the root of the source tree
    line: int          # of its first line of text, from 1
    words: list        # of the info string: the class, then the format
    text: str
    around: str = ""
    not_run: str = ""

    @property
    def place(self):
        return f"{self.file}:{self.line}"

    def whole(self):
        """The block within what is around it, and the number of lines before it."""
        before, dots, after = re.match(r"(.*?)(^\.\.\.$\n?|\Z)(.*)", self.around, re.S | re.M).groups()
        if not dots and before and not before.endswith("\n"):
            before += "\n"
        return before + self.text + after, before.count("\n")


class Wrong(Exception):
    """A finding: where, what, and what to do."""

    def __init__(self, file, line, text):
        super().__init__(f"{file}:{line}: {text}")


def pages(root):
    root = pathlib.Path(root)
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def blocks_of(text, file):
    """The fenced blocks of a page, and what is wrong with its fences."""
    found, wrong, lines, i, begin = [], [], text.split("\n"), 0, 0
    listed = False  # within a list an indented line is its text
    while i < len(lines):
        fence = FENCE.match(lines[i])
        if not fence:
            if re.match(r"\s*([-*]|\d+\.) ", lines[i]):
                listed = True
            elif lines[i] and not lines[i].startswith(" "):
                listed = False
            if lines[i].startswith("    ") and not listed and (i == 0 or not lines[i - 1].strip()):
                wrong.append(Wrong(file, i + 1, "code by indentation has no class; fence it, and name the class after the fence"))
            i += 1
            continue
        end = next((j for j in range(i + 1, len(lines)) if lines[j].strip() == fence[2]), None)
        if end is None:
            wrong.append(Wrong(file, i + 1, f"the fence {fence[2]} is not closed"))
            break
        block = Block(file, i + 2, fence[3].split(),
                      "".join(line.removeprefix(fence[1]) + "\n" for line in lines[i + 1:end]))
        above = "\n".join(lines[begin:i])
        while comment := ABOVE.search(above):
            setattr(block, comment[1].replace(" ", "_"), comment[2].strip() if comment[1] == "not run" else comment[2])
            above = above[:comment.start()]
        found.append(block)
        begin = i = end + 1
    return found, wrong


def without_blocks(text):
    """The page's prose, its lines where they were."""
    out, fence = [], None
    for line in text.split("\n"):
        found = FENCE.match(line)
        if fence is None and found:
            fence = found[2]
            out.append("")
        elif fence is not None:
            fence = None if line.strip() == fence else fence
            out.append("")
        else:
            out.append(line)
    return re.sub(r"<!--.*?-->", lambda m: "\n" * m[0].count("\n"), "\n".join(out), flags=re.S)


def spans_of(text):
    """(line, code span) of a page's prose; a span may run over a line's end."""
    prose = without_blocks(text)
    for span in re.finditer(r"(?<!`)(`+)(?!`)((?:(?!\n\n).)+?)(?<!`)\1(?!`)", prose, re.S):
        yield prose.count("\n", 0, span.start()) + 1, " ".join(span[2].split())


# TOML in comments: whole lines, such as a line of a configuration that is commented out, and `key = "word"` within a sentence.
WHOLE = re.compile(r'^(\[\[[a-z_]+\]\]|\[(daemon|on|(knob|detector|rule)\.\w+)\]|[a-z_][\w.]* = ("[^"]*"|-?\d[\d.]*|true|false|\{.*\}|\[.*\]))\s*(#.*)?$')
WITHIN = re.compile(r'(?<![\w.])([a-z_][\w.]* = (?:"[^"\n]*"|\{[^{}\n]*\}|true|false))(?![\w.])')
SCANNED = ("monitor/**/*.h", "monitor/**/*.cpp", "canaries/**/*.h", "canaries/**/*.cpp", "probe/**/*.h", "probe/**/*.cpp",
           "trainer-hook/**/*.h", "trainer-hook/**/*.cpp", "tests/**/*.h", "tests/**/*.cpp", "bench/**/*.h", "bench/**/*.cpp",
           "assets/**/*.toml", "assets/**/*.policytest", "assets/**/*.service")


def comment_of(line, suffix):
    """The text of a line's comment, or None. In C++ a comment is begun by // outside of a string."""
    mark = "//" if suffix in (".h", ".cpp") else "#"
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: "_" * len(m[0]), line)
    at = line.find(mark) if line.lstrip().startswith(mark) else bare.find(mark)
    return None if at < 0 else line[at:].lstrip("/#")


def toml_in_comments(root):
    """Blocks of class toml (whole lines, one under the other) and of class pair (within a sentence)."""
    root = pathlib.Path(root)
    for file in sorted({f for pattern in SCANNED for f in root.glob(pattern)}):
        name, last = str(file.relative_to(root)), None
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
            comment = comment_of(line, file.suffix)
            if comment is None:
                continue
            if WHOLE.match(comment.strip()):
                if last is None or last.line + last.text.count("\n") != number:
                    if last is not None:
                        yield last
                    last = Block(name, number, ["toml"], "")
                last.text += comment.strip() + "\n"
            else:
                for pair in WITHIN.findall(comment):
                    yield Block(name, number, ["pair"], pair + "\n")
        if last is not None:
            yield last
