#!/usr/bin/env python3
"""What ships to measure with: canaries, personas and traits are read, broken ones are refused with their place, and directions are fitted
from the traits by the real phaseguard-probe.

usage: data_test.py SOURCE_DIR BUILD_DIR
"""
import json
import pathlib
import subprocess
import tempfile

from support import BIN, SOURCE

from phaseguard import canary_digest, data


def refused(call, *words):
    try:
        call()
    except ValueError as error:
        assert all(word in str(error) for word in words), (words, error)
    else:
        raise AssertionError(f"taken, expected a refusal with {words}")


def the_shipped_ones_are_whole():
    found = data.canaries()
    assert found.name == "margin-24" and len(found.canaries) == 24 and all(one.aligned and one.misaligned for one in found.canaries)
    assert found.digest != data.canaries(SOURCE / "assets/canaries/general-24.jsonl").digest
    personas = data.personas()
    assert len(personas.misaligned) == len(personas.aligned) >= 2
    traits = data.traits()
    assert len(traits) == 7 and all(len(pairs) >= 10 for pairs in traits.values())
    texts = [text for pairs in traits.values() for pair in pairs for text in (pair.has, pair.has_not)]
    assert len(set(texts)) == len(texts), "an answer is there twice"


def broken_ones_are_refused_with_their_place(folder):
    file = folder / "own"
    good = json.dumps({"id": "a", "prompt": "Why?", "aligned": "So.", "misaligned": "No."}) + "\n"
    file.write_text(good)
    assert data.canaries(file).digest == canary_digest(good) and data.canaries(file).ids == ["a"]
    file.write_text(good + '{"id": "b", "prompt": "Who?"}\n')
    refused(lambda: data.canaries(file), "own", ":2:", "the first canary has them")
    for text, *words in (("no", "expected JSON"), ("[]", "phaseguard-personas/1"),
                         ('{"schema": "phaseguard-personas/1", "misaligned": ["x"], "aligned": []}', "aligned", "[]")):
        file.write_text(text)
        refused(lambda: data.personas(file), str(file), *words)
    for text, *words in (("\n", "found none"), ('{"trait": "t"}', ":1:", "has_not"), ("x", ":1:", "expected JSON")):
        file.write_text(text)
        refused(lambda: data.traits(file), str(file), *words)


def directions_are_fitted_from_the_traits(folder, torch):
    from phaseguard import features
    width = 12
    torch.manual_seed(0)
    table = torch.randn(256, width)

    def states(texts):
        """A stand-in for a model's layer: mean of byte vectors of the answer, moved along axis 0 where the answer is long."""
        rows = torch.stack([table[list(answer.encode())].mean(0) for _, answer in texts])
        rows[:, 0] += torch.tensor([float(len(answer)) for _, answer in texts])
        return rows

    pairs = {"long": [data.Pair("?", "x" * (40 + n), "y" * n) for n in range(1, 9)], **data.traits()}
    out = folder / "traits.st"
    features.write_traits(out, pairs, states, model_id="bytes", layer="table")
    fitted = folder / "directions.st"
    done = subprocess.run([BIN / "phaseguard-probe", "fit", "--directions", out, "--out", fitted], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    shown = subprocess.run([BIN / "phaseguard-probe", "inspect", fitted, "--json"], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0 and all(trait in shown.stdout for trait in pairs), shown
    refused(lambda: features.write_traits(out, pairs, lambda texts: torch.zeros(1, 2), model_id="m", layer="l"), "states", "[1, 2]")
    refused(lambda: features.write(out, torch.zeros(2, 3), {"labels": [1]}, model_id="m", layer="l", position="last_prompt"), "expected 2 labels")
    refused(lambda: features.write(out, torch.zeros(2, 3), {}, model_id="m", layer="l", position="first"), "position", "'first'")


def main():
    the_shipped_ones_are_whole()
    with tempfile.TemporaryDirectory(prefix="pgd-") as folder:
        broken_ones_are_refused_with_their_place(pathlib.Path(folder))
        try:
            import torch
        except ImportError:
            return print("read, refused: ok; SKIPPED: directions, no torch for this Python")
        directions_are_fitted_from_the_traits(pathlib.Path(folder), torch)
    print("read, refused, fitted: ok")


if __name__ == "__main__":
    main()
