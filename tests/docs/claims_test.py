#!/usr/bin/env python3
"""Every figure of a page or of a policy's comment has the command beside it that prints it; the cheap ones are run and compared.

usage: claims_test.py SOURCE_DIR [BUILD_DIR]     without BUILD_DIR nothing is run

claims.py says what a figure is and what may stand beside one.
"""
import pathlib
import sys
import tempfile

import claims
from blocks import Wrong

# Text of a page, and what is said of it: "" for nothing.
PAGES = [
    ("It finds 6 of 9 runs.", "6 of 9: no command"),
    ("Harm falls to 8-11 %.", "8-11 %: no command"),
    ("An AUROC of 0.94 held.", "AUROC of 0.94: no command"),
    ("It held 0.94 held-out accuracy.", "0.94 held-out accuracy: no command"),
    ("One update takes 12 ms.", "12 ms: no command"),
    ("It is 3.5 × faster.", "3.5 ×: no command"),
    ("The rate has a Wilson 95 % interval.", ""),
    ("`a/b` of 1.0 takes `5 %`.", ""),
    ("| a | b |\n|---|---|\n| x | 17/24 |", "17/24: no command"),
    ("## One\n```sh\nphaseguard-lab eval\n```\n17/24.", ""),
    ("## One\n```sh\nphaseguard-lab eval\n```\n## Two\n17/24.", "17/24: no command"),
    ("`scripts/bench.sh probe` has 12 ms.", ""),
    ("`scripts/nowhere.sh` has 12 ms.", "12 ms: no command"),
    ("`phaseguardd` has 12 ms.", "12 ms: no command"),
    ("<!-- declared: limits.h -->\nAt most 5 % of it.", ""),
    ("<!-- declared: limits.h -->\nAt most 40 ms of it.", ""),
    ("<!-- declared: limits.h -->\nAt most 6 % of it.", "limits.h does not have that number"),
    ("<!-- declared: nowhere.h -->\nAt most 5 % of it.", "there is no such file"),
    ("<!-- declared: limits.h -->\nAt most 5 % of it.\n\nAnd 6 of 9.", "6 of 9: no command"),
    ("The prototype had more.", "a prototype's figures"),
]
POLICIES = [
    ("# x: y\n#\n# Source.   Kept at 92 % or better.\n", "92 %: nothing beside it"),
    ("# x: y\n#\n# Source.   arXiv 1234.5678 has 92 %.\n", ""),
    ("# x: y\n#\n# Source.   arXiv 1234.5678.\n# Weakness. It is wrong in 15 % of cases.\n", "15 %: nothing beside it"),
    ("# x: y\n#\n# Source.   It fires at step 20.\n", "step 20: nothing beside it"),
    ("# x: y\n#\n# Source.   It fires at step 20.\n#           printed by: phaseguard policy explain x\n", ""),
    ("# x: y\n#\n# Source.   It keeps 17/24 (docs/page.md, One).\n", ""),
    ("# x: y\n#\n# Source.   It keeps 18/24 (docs/page.md, One).\n", "docs/page.md does not say so"),
    ("# x: y\n#\n# Source.   It keeps 17/24 (docs/page.md, Two).\n", "has no section Two"),
    ("# x: y\n#\n# Source.   Told in docs/page.md, Two.\n", "has no section Two"),
    ("# x: y\n\nabove = 0.3    # wrong in 15 % of cases\n", "15 %: nothing beside it"),
]
# A command that is run, figures that are looked for, and what is said.
PRINTED = [
    ("/usr/bin/python3 tests/say.py", ["6 of 9", "97.8 %"], ""),
    ("/usr/bin/python3 tests/say.py", ["6 of 8"], "6 of 8: "),
    ("/usr/bin/python3 tests/say.py", ["97 %"], "97 %: "),
    ("/usr/bin/python3 tests/say.py", ["7.8 %"], "7.8 %: "),
    ("/usr/bin/python3 tests/fail.py", ["6 of 9"], "exit code 1"),
    ("rm -rf /", ["6 of 9"], "is none of what the test runs"),
]


def make_tree(root):
    for name, text in {"docs/page.md": "# Page\n\n## One\n\n17/24: `scripts/bench.sh x`.\n", "limits.h": "share = 0.05; wait(40);\n",
                       "scripts/bench.sh": "", "tests/say.py": "print('6 of 9 (97.8 %), 1 200')\n",
                       "tests/fail.py": "raise SystemExit(1)\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def expect(said, wanted, what):
    fits = wanted in said and (bool(said) == bool(wanted))
    if not fits:
        raise AssertionError(f"{what!r}: expected {wanted!r}, found {said!r}")


def finds_what_it_should():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_tree(root)
        for cases, file, read in ((PAGES, "x.md", claims.claims_of_page), (POLICIES, "x.toml", claims.claims_of_policy)):
            for text, wanted in cases:
                (root / file).write_text(text)
                found = [str(one) for one in read(root, file)[1] + claims.wrong_words(root, file)]
                expect("; ".join(found), wanted, text)
        for command, figures, wanted in PRINTED:
            try:
                claims.check_printed(root, root, claims.Claim("x.md", 1, figures, command))
                expect("", wanted, command)
            except Wrong as wrong:
                expect(str(wrong), wanted, command)


def main():
    source = pathlib.Path(sys.argv[1]).resolve()
    finds_what_it_should()
    found, wrong = claims.all_claims(source)
    for claim in found:
        try:
            claims.words_of(claim)
            if len(sys.argv) > 2:
                claims.check_printed(source, pathlib.Path(sys.argv[2]).resolve() / "bin", claim)
        except Wrong as one:
            wrong.append(one)
    for one in wrong:
        print(one)
    done = "run and compared" if len(sys.argv) > 2 else "not run"
    print(f"{len(found)} figures' commands {done}, {len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
