"""Figures in the pages and in the comments of the shipped policies, and the command that prints each.

A figure is a percentage, a ratio (6 of 9, 17/24), a factor (3.5 ×), an area under a curve or accuracy, a time in ms or less; in a policy
also a step. The level of an interval (95 %) is none. Beside a figure of a page stands a command of the same section: a fenced block, or a
code span that names a script, a test, or a program with what it is asked. Beside one of a policy's comment, in the same paragraph, stands
one of

  printed by: COMMAND         run by the test, which looks for the figure in what it prints
  docs/PAGE.md, SECTION       the figure stands in that section, beside its command
  a paper that is named       the figure is the paper's, not ours

and in a page the two comments, each right above a paragraph, item or table and invisible to a reader,

  <!-- printed: COMMAND -->   run by the test likewise
  <!-- declared: FILE -->     nothing measured: a default, limit or definition, whose number stands in that file
"""
import dataclasses
import pathlib
import re
import shlex
import subprocess

import blocks
import sentences
from blocks import Wrong

NUMBER = r"\d+(?: \d{3})*(?:\.\d+)?"
FIGURE = re.compile(rf"(?<![\w.-])(?:{NUMBER}\s*(?:–|-|to|and|[,/])\s*)*{NUMBER}\s?%"        # 8-11 %, 10, 25 and 50 %
                    rf"|(?<![\w./-]){NUMBER}/{NUMBER}(?![\w/]|\.\d)|(?<![\w.]){NUMBER} of (?:the )?{NUMBER}(?!\w|\.\d)"
                    rf"|(?<![\w.]){NUMBER}\s?×(?! \d)|(?<![\w.]){NUMBER} times\b"
                    rf"|\b(?:AUROC|AUC|AUPRC|accuracy)\b(?: of| is|,)? {NUMBER}|(?<![\w.])0\.\d+ (?:[\w-]+ )?accuracy\b"
                    rf"|(?<![\w.]){NUMBER}\s?(?:ms|µs|us|ns)\b|\bprobability (?:of )?0\.\d+")
STEP = re.compile(r"\bstep (\d+)\b")
LEVEL = re.compile(r"\b9[059] ?%(?=[^.|]*(?:interval|bootstrap|Wilson))|(?:Wilson|bootstrap|interval)\b[^.|]{0,20}?\b9[059] ?%", re.I)
COMMAND = re.compile(r"(?:\S*python3 (?:-B )?)?(?:scripts|tests|bench|examples)/[\w./-]+|(?:phaseguard-(?:lab|probe|conformance)|phaseguard) \S+|ctest\b.*")
MARK = re.compile(r"<!-- *(printed|declared): *(.*?) *-->")
LABEL = re.compile(r"#\s+[A-Z][a-z]+\.\s")
PRINTED = re.compile(r"printed by: *(.*)")
POINTER = re.compile(r"(docs/[\w./-]+\.md)(?:, ([A-Z][\w ]*\w))?")
PAPER = re.compile(r"arXiv|et al\.|\bpapers?\b|PhaseGuard-KL")
RUNS = ("phaseguard policy", "phaseguard replay", "phaseguard backtest", "phaseguard canaries", "/usr/bin/python3 tests/")
EXEMPT = {"docs/PROTOCOL.md": "a specification: its figures are what a peer must do"}


@dataclasses.dataclass
class Claim:
    file: str
    line: int
    figures: list
    printed: str = ""   # command that the test runs


def figures_in(text, of_policy=False):
    """The figures of a text without code, levels of intervals taken out."""
    text = LEVEL.sub(" ", re.sub(r"`[^`]*`", " ", text))
    found = [" ".join(m[0].split()) for m in FIGURE.finditer(text)]
    return found + [m[0] for m in STEP.finditer(text)] * of_policy


def numbers_of(figure):
    return [number.replace(" ", "") for number in re.findall(NUMBER, figure)]


def is_in(figure, text):
    """Each number of the figure stands in the text as a number of its own."""
    plain = re.sub(r"(?<=\d) (?=\d{3}\b)", "", text)
    return all(re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", plain) for number in numbers_of(figure))


def is_declared(figure, text):
    """As a number, or a share of it: 5 % is 0.05."""
    shares = [f"{float(number) / 100:g}" for number in numbers_of(figure)] if "%" in figure else []
    return is_in(figure, text) or bool(shares) and all(is_in(share, text) for share in shares)


def is_command(root, text):
    command = COMMAND.match(text)
    if not command:
        return False
    path = re.search(r"(?:scripts|tests|bench|examples)/[\w./-]*\w", command[0])
    return not path or (root / path[0]).exists()


def sections_of(page):
    """[(first line, last line, text)] of a page, one for each heading and one for what stands before the first."""
    lines, starts, fence = page.split("\n"), [1], None
    for number, line in enumerate(lines, 1):
        found = blocks.FENCE.match(line)
        if found:
            fence = found[2] if fence is None else None if line.strip() == fence else fence
        if fence is None and line.startswith("#") and number > 1:
            starts.append(number)
    ends = [start - 1 for start in starts[1:]] + [len(lines)]
    return [(first, last, "\n".join(lines[first - 1:last])) for first, last in zip(starts, ends)]


def has_command(root, text):
    found, _ = blocks.blocks_of(text, "")
    shown = [line.split(" #")[0] for block in found if block.words[:1] in (["sh"], ["python"]) for line in block.text.split("\n")]
    spans = [span for _, span in blocks.spans_of(text)]
    return any(is_command(root, re.sub(r"^[\s(]*(for .*; *do )?", "", one)) for one in shown + spans)


def marks_of(page):
    """{line: (kind, what)} of each line below a mark, up to the next blank line."""
    marks, lines = {}, page.split("\n")
    for number, line in enumerate(lines, 1):
        mark = MARK.search(line)
        if not mark:
            continue
        for below in range(number + 1, len(lines) + 1):
            if not lines[below - 1].strip() or MARK.search(lines[below - 1]):
                break
            marks[below] = (mark[1], mark[2])
    return marks


def claims_of_page(root, file):
    """Claims that a command prints here; raises nothing: (claims, wrong)."""
    page, claims, wrong = (root / file).read_text(encoding="utf-8"), [], []
    marks, sections = marks_of(page), sections_of(page)
    beside = [has_command(root, text) for _, _, text in sections]
    for sentence in sentences.of_page(page):
        figures = figures_in(sentence.text)
        if not figures:
            continue
        kind, what = marks.get(sentence.line, ("", ""))
        place = next(i for i, (first, last, _) in enumerate(sections) if first <= sentence.line <= last)
        if kind == "printed":
            claims.append(Claim(file, sentence.line, figures, what))
        elif kind == "declared":
            wrong += wrong_declared(root, file, sentence.line, figures, what)
        elif not beside[place]:
            wrong.append(Wrong(file, sentence.line, f"{figures[0]}: no command of this section prints it; put the command beside it, or above it "
                               "<!-- printed: COMMAND --> or <!-- declared: FILE -->"))
    return claims, wrong


def wrong_declared(root, file, line, figures, what):
    path = root / what
    if not path.is_file():
        return [Wrong(file, line, f"<!-- declared: {what} -->: there is no such file")]
    text = path.read_text(encoding="utf-8", errors="replace")
    return [Wrong(file, line, f"{figure}: {what} does not have that number") for figure in figures if not is_declared(figure, text)]


def paragraphs_of_policy(text):
    """[(line, text)]: what stands under one label of the head, and each comment beside a key."""
    out, head = [], True
    for number, line in enumerate(text.split("\n"), 1):
        comment = blocks.comment_of(line, ".toml")
        head = head and line.startswith("#")
        if head and out and not LABEL.match(line):
            out[-1] = (out[-1][0], out[-1][1] + "\n" + comment)
        elif comment is not None:
            out.append((number, comment))
    return out


def claims_of_policy(root, file):
    claims, wrong = [], []
    for line, text in paragraphs_of_policy((root / file).read_text(encoding="utf-8")):
        printed = PRINTED.search(text)
        figures = figures_in(" ".join(PRINTED.sub("", text).split()), of_policy=True)
        pointer = POINTER.search(" ".join(text.split()))
        if printed and figures:
            claims.append(Claim(file, line, figures, printed[1].strip()))
        elif pointer:
            wrong += wrong_pointer(root, file, line, figures, *pointer.groups())
        elif figures and not PAPER.search(text):
            wrong.append(Wrong(file, line, f"{figures[0]}: nothing beside it prints it; write `printed by: COMMAND`, or the page and section it stands in"))
    return claims, wrong


def wrong_pointer(root, file, line, figures, page, section):
    path = root / page
    if not path.is_file():
        return [Wrong(file, line, f"there is no {page}")]
    text = path.read_text(encoding="utf-8")
    if section:
        found = [body for _, _, body in sections_of(text) if body.split("\n")[0].lstrip("# ") == section]
        if not found:
            return [Wrong(file, line, f"{page} has no section {section}")]
        text = found[0]
    return [Wrong(file, line, f"{figure}: {page} does not say so") for figure in figures if not is_in(figure, text)]


def wrong_words(root, file):
    """What was measured on a program that is not in the tree is printed by none that is."""
    text = (root / file).read_text(encoding="utf-8")
    return [Wrong(file, number, "a prototype's figures are printed by no command of this tree; take them out")
            for number, line in enumerate(text.split("\n"), 1) if re.search("prototype", line, re.I)]


def words_of(claim):
    """The command's words; Wrong for one that the test does not run."""
    if not claim.printed.startswith(RUNS):
        raise Wrong(claim.file, claim.line, f"`{claim.printed}` is none of what the test runs: {', '.join(RUNS)}")
    return shlex.split(claim.printed)


def check_printed(root, bin_folder, claim):
    """Runs the claim's command in the source tree; Wrong when it fails or a figure is not in what it prints."""
    words = words_of(claim)
    program = bin_folder / words[0] if words[0].startswith("phaseguard") else pathlib.Path(words[0])
    done = subprocess.run([program, *words[1:]], cwd=root, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 3):
        raise Wrong(claim.file, claim.line, f"`{claim.printed}` ends with exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    for figure in claim.figures:
        if not is_in(figure, done.stdout):
            raise Wrong(claim.file, claim.line, f"{figure}: `{claim.printed}` does not print it")


def all_claims(root):
    """(claims to run, wrong) of every page and policy."""
    claims, wrong = [], []
    found = [(str(file.relative_to(root)), claims_of_page) for file in blocks.pages(root)]
    found += [(str(file.relative_to(root)), claims_of_policy) for file in sorted(root.glob("assets/policies/*.toml"))]
    for file, read in found:
        if file not in EXEMPT:
            more, bad = read(root, file)
            claims += more
            wrong += bad + wrong_words(root, file)
    return claims, wrong
