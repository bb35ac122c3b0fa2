#!/usr/bin/env python3
"""examples/ as a project of its own: configured, built and run under the real daemon.

usage: minimal_trainer_test.py SOURCE_DIR BUILD_DIR CMAKE_OPTION...

With the compiler options of the tree's own build and a folder as deep as its, so that a compiler cache has most of it.
"""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys

from support import BUILD, SOURCE, daemon

OPTIONS = sys.argv[3:]
PLACE = BUILD.parent / f"{BUILD.name}-examples"
CANARIES = SOURCE / "assets/canaries/general-24.jsonl"
SIGNALS = {"train/loss", "train/kl", "canary/js", "canary/js_max", "canary/dist"}
POLICY = """
version = 1
name = "minimal"
[knob.kl]
base = 0.5
min = 0.0
max = 4.0
[detector.drift]
signal = "canary/js"
type = "level"
above = 0.0005
[rule.hold]
of = ["drift"]
set.kl = 2.0
latch = true
"""


def build():
    for words in (["-G", "Ninja", "-S", SOURCE / "examples", "-B", PLACE, *OPTIONS], ["--build", PLACE, "-j", str(os.cpu_count())]):
        done = subprocess.run(["cmake", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]


def trainer(*words):
    return subprocess.run([PLACE / "minimal_trainer", *map(str, words)], capture_output=True, text=True, timeout=120)


def rows(file, sql):
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        return store.execute(sql).fetchall()


def the_run_is_recorded_and_decided_on():
    with daemon(POLICY) as pg:
        done = trainer("minimal", CANARIES, pg.endpoint)
        assert done.returncode == 0, done
        file = pg.run_file("minimal")
        verified = pg.ctl("verify", file)
        assert verified.returncode == 0, verified
        found = rows(file, "SELECT signal, step, quality, value, length(items) FROM samples ORDER BY seq")
        assert {signal for signal, *_ in found} == SIGNALS, {signal for signal, *_ in found}
        due = [step for signal, step, *_ in found if signal == "canary/dist"]
        assert due == list(range(0, 40, 5)), due  # what was left out for its cost is there, as missing
        measured = [(step, value, items) for signal, step, quality, value, items in found if signal == "canary/js" and quality == "good"]
        assert measured[0] == (0, 0.0, 24 * 8) and measured[1][0] == 5 and measured[1][1] > 0.0005, measured
        said = [json.loads(line) for line in pg.ctl("export", file, "--format", "jsonl").stdout.splitlines()]
        applied = [(one["knobs"][0]["value"], one["knobs"][0]["cause"]) for one in said if one["kind"] == "applied"]
        assert applied[0] == (0.5, "base"), applied
        fired = next(one for one in said if one["kind"] == "decision")
        assert fired["step"] == 5 and fired["knobs"][0]["value"] == 2.0 and fired["knobs"][0]["cause"] == "rule:hold", fired
        penalised = [value for signal, _, _, value, _ in found if signal == "train/kl"]
        assert len(penalised) == 40 and penalised[0] == 0.0 and penalised[1] > 0.0, penalised


def under_the_starter_policy_it_learns():
    with daemon((SOURCE / "assets/policies/starter.toml").read_text()) as pg:
        assert trainer("starter", CANARIES, pg.endpoint).returncode == 0
        assert pg.ctl("verify", pg.run_file("starter")).returncode == 0
        losses = [value for (value,) in rows(pg.run_file("starter"), "SELECT value FROM samples WHERE signal = 'train/loss' ORDER BY seq")]
        assert len(losses) == 40 and losses[-1] < 0.5 * losses[0], losses


def what_cannot_be_is_said():
    done = trainer("a-run", SOURCE / "no-such.jsonl")
    assert done.returncode == 1 and "no-such.jsonl" in done.stderr, done
    done = trainer("no/name", CANARIES)
    assert done.returncode == 1 and done.stderr.startswith("minimal_trainer: "), done


def it_is_short():
    lines = (SOURCE / "examples/minimal_trainer.cpp").read_text().splitlines()
    assert len(lines) <= 80 and max(map(len, lines)) <= 100, len(lines)


def main():
    if not (shutil.which("cmake") and shutil.which("ninja")):
        print("SKIPPED: cmake or ninja is not installed")
        return 77
    build()
    for test in (it_is_short, what_cannot_be_is_said, the_run_is_recorded_and_decided_on, under_the_starter_policy_it_learns):
        test()
        print(f"{test.__name__}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
