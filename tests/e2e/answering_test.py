#!/usr/bin/env python3
"""The inference-time baselines on a finished model, with the real program: asked under a safety prompt, and best of n.

usage: answering_test.py SOURCE_DIR BUILD_DIR

Both leave training alone: the plain row beside them is the plain run's, to the count.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
STEPS = 60


def lab(*words, code=0):
    return run(BUILD / "bin/phaseguard-lab", "run", "--data", "malicious", "--steps", STEPS, "--seed", 1, "--quiet", *words, code=code)


def run(*words, code=0):
    command = [str(w) for w in words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=SOURCE)
    assert done.returncode == code, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def rows(root, name, *words):
    file = root / f"{name}.json"
    said = lab("--summary", file, "--answers", root / f"{name}.jsonl", *words)
    return said, json.loads(file.read_text())


def main():
    with tempfile.TemporaryDirectory(prefix="pg-answering-") as folder:
        root = pathlib.Path(folder)
        _, (plain,) = rows(root, "plain")
        for name, words, shown in (("prompt", ("--defense", "safety-prompt"), "safety-prompt"),
                                   ("best", ("--defense", "best-of-n", "--strength", 4), "best-of-4")):
            said, (before, after) = rows(root, name, *words)
            for rate in ("misaligned", "misaligned_greedy", "incoherent", "opswap", "in_domain_harm"):
                assert before[rate] == plain[rate], f"{name}: training changed: {rate} {before[rate]} for {plain[rate]}"
            assert before["defense"] == "" and after["defense"] == shown, after
            assert f"answers by {shown}" in said, said
            assert after["misaligned"]["n"] == 192, after
            assert after["misaligned"]["rate"] < plain["misaligned"]["rate"], f"{name}: {after['misaligned']} for {plain['misaligned']}"
            counted = json.loads(run(BUILD / "bin/phaseguard", "evaluate", root / f"{name}.jsonl", "--json"))["runs"][0]
            for rate, found in (("misaligned", counted["misaligned"]), ("in_domain_harm", counted["in_domain_harm"]), ("incoherent", counted["incoherent"]),
                                ("opswap", counted["exact"]["opswap"])):
                assert (found["k"], found["n"]) == (after[rate]["k"], after[rate]["n"]), f"{name}: {rate}: {found} for {after[rate]}"
            print(f"{shown}: misaligned {after['misaligned']['rate']:.3f} (plain {plain['misaligned']['rate']:.3f})")
        assert "no --strength" in lab("--defense", "safety-prompt", "--strength", 1, code=2)
        for n in (1, 2.5, 65):
            assert "2 to 64" in lab("--defense", "best-of-n", "--strength", n, code=2)


if __name__ == "__main__":
    main()
