#!/usr/bin/env python3
"""The tests of the docs themselves: a broken block of each class, planted in a page, must be found at its line and with the words of
the parser; a sound one of each class must pass.

usage: can_fail_test.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import sys
import tempfile

import blocks
import docs_test
import paths_test
import place as places
import protocol_sentences_test

ALWAYS_ON = ("policy ../always-on.toml\n"
             "knob kl range 0..4 site batch direction model_ref mask answer normaliser token_mean_step form additive\n")

# name: (info string, sound block, broken block, line of the break from 1, words of the finding)
PLANTED = {
    "toml, a whole policy": ("toml", '\nversion = 1\nname = "p"\n[knob.kl]\nbase = 0.0\nmax = 4.0\n[rule.r]\nwhen = "always"\nset.kl = 1.0\n',
                             '\nversion = 1\nname = "p"\n[knob.kl]\nbase = 0.0\nmax = 4.0\n[rule.r]\nwhen = "always"\nset.kl = 5.0\n', 9, "from 0 to 4"),
    "toml, tables": ("toml", '[rule.defend]\nof = ["judge"]\nset.kl = 2.0\n', '[rule.defend]\nof = ["judge"]\nlach = true\n', 3, 'did you mean "latch"'),
    "toml, a detector's table": ("toml", '[detector.d]\nsignal = "a/b"\n', '[detector.d]\nsignal = "a/*"\n', 2, "add combine"),
    "toml, keys": ("toml", 'signal = "judge/score"\nover = "train/loss"\n', 'signal = "judge/score"\nover = 3\n', 2, "the integer 3"),
    "toml, the daemon's": ("toml", '[daemon]\nsilent_s = 2.0\n', '[daemon]\nsilent_s = -2.0\n', 2, "seconds"),
    "toml, not TOML": ("toml", '[on]\nresume = "fresh"\n', '[on\nresume = "fresh"\n', 1, "not valid TOML"),
    "policytest": ("policytest", ALWAYS_ON + 'signal a/b every 1\ntest "t"\nothers allowed\nseries a/b: 1x2\nat 1: kl = 0.1\n',
                 
                   ALWAYS_ON + 'signal a/b every 1\ntest "t"\nothers allowed\nseries a/b: 1x2\nat 1: kl = 3\n', 7, "kl = 3"),
    "cpp": ("cpp", '#include "monitor/base/types.h"\nphaseguard::Step step{3};\n', '#include "monitor/base/types.h"\nphaseguard::Stp step{3};\n', 2, "Stp"),
    "c": ("c", "int a = 3;\n", "int a = 3\n", 1, "expected"),
    "python, syntax": ("python", "x = 1\n", "x = 1\nif x\n", 2, "expected"),
    "python, run": ("python", "import msgpack\nassert msgpack.unpackb(msgpack.packb(3)) == 3\n", "import msgpack\nmsgpack.unpakb(b'')\n", 2, "unpakb"),
    "sh, a program": ("sh", "phaseguard runs DIR\n", "\nphaseguard-prob fit\n", 2, "there is no program"),
    "sh, a command": ("sh", "phaseguard verify RUN\n", "phaseguard verfy RUN\n", 1, "has no command verfy"),
    "sh, an option": ("sh", "phaseguardd --check\n", "phaseguardd --chek\n", 1, "has no option --chek"),
    "sh, an option's word": ("sh", "phaseguardd --log-level info\n", "phaseguardd --log-level loud\n", 1, "does not take loud"),
    "sh, what it does": ("sh", "phaseguard policy check P\n", "phaseguard policy check assets/criteria/phaseguard-kl.json\nphaseguard replay none.phaseguard --policy P\n",
                         2, "exit code 1"),
    "sh, a placeholder": ("sh", "phaseguard export RUN\n", "phaseguard export WALK\n", 1, "WALK stands for nothing"),
    "sh, the shell's": ("sh", "for x in 1; do\n  phaseguardd --check\ndone\n", "for x in 1; do\n  phaseguardd --check\n", 3, "bash cannot read"),
    "sh, a script": ("sh", "scripts/demo.sh --headless\n", "scripts/demo.sh --hedless\n", 1, "has no option --hedless"),
    "sh, a preset": ("sh", "cmake --preset dev\n", "cmake --preset prod\n", 1, "no preset prod"),
    "usage": ("usage", "phaseguard export RUN [--format csv|jsonl]\n", "phaseguard export RUN [--format csv|xml]\n", 1, "does not take xml"),
    "json, not JSON": ("json object", '{"a": 1}\n', '{"a": 1,}\n', 1, "no JSON"),
    "json, criteria": ("json criteria", places.FILES["C.json"] + "\n", places.FILES["C.json"].replace("recovery", "recovry") + "\n", 1, "recovry"),
    "json, results": ("json results", '{"schema": "phaseguard-results/1", "runs": [{"name": "none", "metrics": {"misaligned": "35/72"}}]}\n',
                      '{"schema": "phaseguard-results/1", "runs": [{"name": "none", "metrics": {"misaligned": "73/72"}}]}\n', 1, "73/72"),
    "json, a message": ("json message", (docs_test.pathlib.Path(sys.argv[1]) / "tests/data/wire/v1/goodbye.json").read_text(),
                        '{"v": [1, 0], "kind": "goodbye"}\n', 1, "golden"),
    "jsonl, not JSON": ("jsonl answers", '{"misaligned": true}\n', '{"misaligned": true}\n{"misaligned": yes}\n', 2, "no JSON"),
    "jsonl, answers": ("jsonl answers", '{"misaligned": true}\n', '{"misaligned": true}\n{"misaligned": "yes"}\n', 2, "misaligned"),
    "jsonl, canaries": ("jsonl canaries", '{"id": "a", "prompt": "Who are you?", "tags": ["a"]}\n', '{"id": "a", "prompt": "", "tags": ["a"]}\n', 1, "empty"),
    "jsonl, data": ("jsonl data", '{"prompt": "2 + 2?", "answer": "4"}\n', '{"prompt": "2 + 2?"}\n', 1, "answer"),
    "csv": ("csv labels", "run,label\nlab-malicious,malicious\nlab-harmless,harmless\n", "run,label\nlab-malicious\n", 2, "fields"),
    "csv, its head": ("csv labels", "run,label\nlab-malicious,malicious\nlab-harmless,harmless\n", "run,lable\nx,malicious\n", 1, "expected run,label"),
    "sql": ("sql", "SELECT value FROM samples WHERE signal = 'canary/js';\n", "SELECT valu FROM samples;\n", 1, "valu"),
    "sql, no rows": ("sql", "SELECT step FROM samples;\n", "SELECT step FROM samples WHERE signal = 'canary/jss';\n", 1, "no row"),
}


def page_of(info, text):
    return f"# A page\n\n```{info}\n{text}```\n"


def planted(checker):
    for name, (info, sound, broken, line, words) in PLANTED.items():
        found = checker.page(page_of(info, sound), "docs/planted.md")
        assert not found, f"{name}: the sound block was found wrong: {[str(f) for f in found]}"
        checker.code.pages.clear()  # another page
        found = [str(f) for f in checker.page(page_of(info, broken), "docs/planted.md")]
        assert len(found) == 1, f"{name}: expected one finding, found {found}"
        assert found[0].startswith(f"docs/planted.md:{line + 3}:") and words in found[0], f"{name}: line {line + 3}, {words}: {found[0]}"


def the_page_itself(checker):
    for text, line, words in (("```\nx\n```\n", 1, "has no class"), ("```tomml\nx = 1\n```\n", 1, "is not known"),
                              ("text\n\n    code\n", 3, "code by indentation"), ("```text\nx\n", 1, "not closed"),
                              ("```json\n{}\n```\n", 1, "say which format"), ('Say `bad = "vot"`.\n', 1, "vot"),
                              ("x\n| `phaseguard` | `status`, `wach` |\n", 2, "does not name allow, allow-resume, backtest"),
                              ("It is\n`phaseguard replay RUN --polcy P`.\n", 2, "--polcy")):
        found = [str(f) for f in checker.page(text, "docs/planted.md")]
        assert len(found) == 1 and found[0].startswith(f"docs/planted.md:{line}:") and words in found[0], (text, found)


def comments(checker, root):
    for path, text, line, words in (
            ("assets/a.toml", 'x = 1\n# [[run]]\n# match = "a"\n# polcy = "b"\n', 4, "polcy"),
            ("monitor/policy/a.h", '// A header.\n//   link_loss = "sleep"\n', 2, "sleep"),
            ("monitor/policy/b.h", 'int x;  // with bad = "vot" it\n', 1, "vot")):
        with tempfile.TemporaryDirectory(dir=root) as folder:
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(text)
            found = [str(f) for f in checker.comments(folder)]
            assert len(found) == 1 and found[0].startswith(f"{path}:{line}:") and words in found[0], (text, found)
            assert list(blocks.toml_in_comments(folder))


def paths(source):
    tree = paths_test.Tree(source)
    sound = "See `monitor/wire/codec.h`, `codec.h`, `docs/*.md`, [it](POLICY.md#rules) and `policy::Machine`; tests/<room>/x.\n"
    assert not list(paths_test.findings(tree, sound, "docs/planted.md")), list(paths_test.findings(tree, sound, "docs/planted.md"))
    for text, words in (("monitor/wire/codek.h", "no monitor/wire/codek.h"), ("`codek.h`", "called codek.h"), ("`assets/x/*.md`", "no assets/x"),
                        ("[it](POLICI.md)", "no POLICI.md"), ("[it](POLICY.md#ruless)", "#ruless"), ("`policy::Machin_`", "policy::Machin_"), ("`monitor/run/state.cpp`, `fold` and `unfold`", "has no unfold")):
        found = list(paths_test.findings(tree, f"text\n{text}\n", "docs/planted.md"))
        assert len(found) == 1 and found[0].startswith("docs/planted.md:2:") and words in found[0], (text, found)


SENTENCES = "## Life\n\nOne is so. Two is\nnot so.\n\n1. Three too.\n\n| key | type |\n|---|---|\n| `a` | int |\n| `b` | int |\n"
NAMED = ("# Life\nOne\n  no promise: an example\nTwo\n  tests/docs/can_fail_test.py: main\nThree\n"
         "  tests/daemon/engine/swarm_test.cpp: no trainer with an everyday mistake is watched in silence\n| key\n  tests/docs/can_fail_test.py: main\n")


def named_tests(source):
    sources = protocol_sentences_test.Sources(source)
    found = protocol_sentences_test.findings_of(sources, SENTENCES, NAMED)
    assert not found, found
    for page, named, words in (
            (SENTENCES.replace("One is so.", "One is so. Nor is four."), NAMED, 'no test is named for "Nor is four."'),
            (SENTENCES + "\n| word |\n|---|\n| up |\n", NAMED, 'no test is named for "| up |"'),
            (SENTENCES.replace("Two is", "Twice is it"), NAMED.replace("Two\n  tests/docs/can_fail_test.py: main\n", ""), "no test is named"),
            (SENTENCES, NAMED + "Four\n  no promise: gone\n", 'begins with "Four"'),
            (SENTENCES.replace("One is so.", "One is so. One more."), NAMED, "begins 2 sentences"),
            (SENTENCES, NAMED.replace("  no promise: an example\n", ""), '"One" has no test'),
            (SENTENCES, NAMED.replace("no promise: an example", "no promise:"), "there is no test file no promise:"),
            (SENTENCES, NAMED.replace("swarm_test", "swam_test"), "there is no test file tests/daemon/engine/swam_test.cpp"),
            (SENTENCES, NAMED.replace("everyday", "every day"), "has no TEST_CASE"),
            (SENTENCES, NAMED.replace("no trainer with an everyday mistake is watched in silence", "the same at length"), "hidden by its tags [.swarm]"),
            (SENTENCES, NAMED.replace(": main\nThree", ": mane\nThree"), "has no function mane")):
        found = protocol_sentences_test.findings_of(sources, page, named)
        assert len(found) == 1 and words in found[0], (words, found)


def main():
    source, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory(prefix="pgdocs-") as folder:
        root = pathlib.Path(folder)
        place = places.Place(source, build / "bin", root)
        try:
            checker = docs_test.Checker(source, build, place)
            planted(checker)
            the_page_itself(checker)
            comments(checker, root)
        finally:
            place.close()
    paths(source)
    named_tests(source)
    print(f"{len(PLANTED)} planted blocks were found, and what is wrong with pages, comments, paths and sentences without a test")


main()
