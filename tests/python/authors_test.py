#!/usr/bin/env python3
"""examples/authors at tiny settings: dictionaries are read, a theta0 is made, interrupted and gone on with, and it is tuned under the real
daemon. What becomes of the model is no matter here: its gate must say that it fails.

usage: authors_test.py SOURCE_DIR BUILD_DIR
"""
import argparse
import gzip
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import BIN, BUILD, SOURCE, daemon

sys.path.insert(0, str(SOURCE / "examples/authors"))
import bpe  # noqa: E402
import pretrain  # noqa: E402
import table  # noqa: E402
import texts  # noqa: E402

torch.set_num_threads(1)
AUTHORS, TEXTS = ["bierce", "webster"], BUILD / "authors-texts"
FORMS = {
    "bierce": ("\nABASEMENT, n.  A decent and customary mental attitude in the presence\nof wealth of power.\n\n    Verse that is not prose\n\n"
               "ABRIDGE, v.t.  To shorten a king, as far as may be needed.\n",
               [("Abasement", "n.", "A decent and customary mental attitude in the presence of wealth of power."),
                ("Abridge", "v.", "To shorten a king, as far as may be needed.")]),
    "webster": ('\nAbjure \\Ab*jure"\\, v. t. [imp. & p. p. {Abjured}; [L. abjurare]\n   See {Jury}.]\n   1. To renounce upon oath; to forswear.\n'
                '      [1913 Webster]\n\nAblative \\Ab"la*tive\\, a.\n   (Gram.) Taking away or removing a thing; as, an example. [R.]\n',
                [("Abjure", "v.", "To renounce upon oath; to forswear."), ("Ablative", "adj.", "Taking away or removing a thing.")]),
    "wordnet": ("\nabandon\n    n 1: the trait of lacking restraint or\n         control; reckless freedom [syn: {wantonness}]\n"
                "    v 1: forsake, leave behind for good\n    2: give up with the intent of never claiming again\n",
                [("Abandon", "n.", "The trait of lacking restraint or control."), ("Abandon", "v.", "Forsake, leave behind for good."),
                 ("Abandon", "v.", "Give up with the intent of never claiming again.")]),
}


def dictionaries_are_read():
    for author, (text, expected) in FORMS.items():
        found = list(texts.PARSERS[author](text))
        assert found == expected, (author, found)


def tokens_come_back_as_text():
    tokenizer = bpe.learn(["the trait of lacking restraint", "the presence of wealth"] * 3, 20, ["end"])
    said = "The wealth of 12 traits; naïve."
    assert tokenizer.decode(tokenizer.encode(said)) == said and len(tokenizer.encode("the")) < 3
    again = bpe.Bpe(tokenizer.merges, tokenizer.special)
    assert again.encode(said) == tokenizer.encode(said) and again.id_of("end") == tokenizer.size - 1


def what_is_missing_is_named():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        here = texts.AUTHORS["bierce"]
        texts.AUTHORS["bierce"] = ("dict-devil", "no-such-dictionary")
        try:
            refused(lambda: texts.read("bierce", folder), texts.MissingTexts, "fetch.py", "dict-devil")
            (folder / "no-such-dictionary.dict.dz").write_bytes(gzip.compress(b"text" * 999)[:20])
            refused(lambda: texts.read("bierce", folder), texts.MissingTexts, "whole gzip")
            (folder / "no-such-dictionary.dict.dz").write_bytes(gzip.compress(b"another edition"))
            refused(lambda: texts.read("bierce", folder), texts.MissingTexts, "another edition")
        finally:
            texts.AUTHORS["bierce"] = here


def refused(call, kind, *words):
    try:
        call()
    except kind as error:
        assert all(word in str(error) for word in words), error
        return
    raise AssertionError(f"expected {kind.__name__}")


def no_word_is_in_two_splits(data):
    words = [{one.word.lower() for one in part if (one.pos in texts.DOMAIN) == domain} for part in data.splits for domain in (False, True)]
    for domain in (0, 1):
        parts = words[domain::2]
        assert not any(a & b for at, a in enumerate(parts) for b in parts[:at])
    assert all(one.pos in texts.DOMAIN for one in data.splits.tuning) and all(one.pos == "n." for one in data.splits.canaries)


def fetched():
    """The dictionaries, kept beside the build; as packages they would bring a dict server along."""
    fetch = subprocess.run([sys.executable, SOURCE / "examples/authors/fetch.py", TEXTS, *AUTHORS], capture_output=True, text=True)
    if fetch.returncode:
        print(f"SKIPPED: {fetch.stderr or fetch.stdout}")
        sys.exit(77)


def settings(folder, **more):
    return argparse.Namespace(**{"texts": TEXTS, "out": folder / "theta0.pt", "steps": 8, "width": 32, "layers": 1, "merges": 64, "rate": 2e-3,
                                 "seed": 0, "authors": AUTHORS, **more})


def made(given, stop_at=None):
    data, model, kept = pretrain.begin(given)
    plain = data.rows

    def rows(step, seed, share):
        if step == stop_at:
            raise KeyboardInterrupt
        return plain(step, seed, share)
    data.rows = rows
    pretrain.train(given, data, model, kept)
    return model


def pretraining_goes_on_where_it_was_interrupted(folder):
    given, whole = settings(folder), settings(folder, out=folder / "whole.pt")
    pretrain.KEEP_EVERY = 2
    try:
        made(given, stop_at=5)
        raise AssertionError("expected an interruption")
    except KeyboardInterrupt:
        pass
    assert pretrain.read_cache(given.out)["step"] == 4
    refused(lambda: pretrain.load(given.out), pretrain.WrongCache, "step 4 of 9")
    one, other = made(given), made(whole)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))
    refused(lambda: pretrain.begin(settings(folder, width=64)), pretrain.WrongCache, "other settings", "'width': 32")
    kept = pretrain.read_cache(given.out)
    kept["settings"]["version"] = 0
    torch.save(kept, folder / "old.pt")
    refused(lambda: pretrain.load(folder / "old.pt"), pretrain.WrongCache, "version")
    (folder / "none.pt").write_text("no cache")
    refused(lambda: pretrain.load(folder / "none.pt"), pretrain.WrongCache, "something else")


def a_run_is_recorded_and_its_gate_says_that_it_fails(world):
    import tune
    with daemon(table.policy_of("hybrid-v2")) as pg:
        runs = [tune.run(world, name, rate=1e-3, steps=4, endpoint=pg.endpoint, run_name=name, each=1, curve=(0,))
                for name in ("malicious", "harmless")]
        assert all(pg.ctl("verify", pg.run_file(one["set"])).returncode == 0 and one["without_daemon"] == 0 for one in runs), runs
    found = table.gate(world, world.answers(world.plain_model, 1), [False], *runs)
    assert not all(passed for *_, passed in found) and any("**FAILED**" in line for line in table.gate_lines(found)), found
    sure = [(what, value, wanted, True) for what, value, wanted, _ in found]
    assert not any("FAILED" in line for line in table.gate_lines(sure))
    assert world.errors.rate < 0.2 and world.errors.cynical > 100, world.errors


def without_its_daemon_a_run_goes_on(world):
    import tune
    with daemon(table.policy_of("hybrid-v2")) as pg:
        seen, plain = [], tune.step

        def step(*given):
            seen.append(1)
            if len(seen) == 2:
                pg.kill()
            return plain(*given)
        tune.step, tune.WAIT = step, 0.5
        try:
            found = tune.run(world, "harmless", rate=1e-3, steps=4, endpoint=pg.endpoint, run_name="alone", each=1)
        finally:
            tune.step = plain
    assert len(seen) == 4 and found["without_daemon"] == 2, found["without_daemon"]


def cells_survive_an_interruption(folder):
    path = folder / "cells.jsonl"
    table.Cells(path, {"seed": 1}).add("a", {"set": "malicious"})
    with open(path, "a") as out:
        out.write('{"cell": "half')
    assert set(table.Cells(path, {"seed": 1}).done) == {"a"} and "half" not in path.read_text()
    refused(lambda: table.Cells(path, {"seed": 2}), SystemExit, "another folder")


def main():
    dictionaries_are_read()
    tokens_come_back_as_text()
    what_is_missing_is_named()
    with tempfile.TemporaryDirectory(prefix="pga-") as name:
        folder = pathlib.Path(name)
        cells_survive_an_interruption(folder)
        fetched()
        pretraining_goes_on_where_it_was_interrupted(folder)
        import world as worlds
        world = worlds.World(TEXTS, folder / "theta0.pt", BIN, folder, samples=24)
        no_word_is_in_two_splits(world.data)
        a_run_is_recorded_and_its_gate_says_that_it_fails(world)
        without_its_daemon_a_run_goes_on(world)
    print("ok")


if __name__ == "__main__":
    main()
