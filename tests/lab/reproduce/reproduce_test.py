#!/usr/bin/env python3
"""`phaseguard-lab reproduce` with a tiny plan on the shipped world: real training, real daemon, real processes.

usage: reproduce_test.py SOURCE_DIR BUILD_DIR
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
LAB, CTL = BUILD / "bin/phaseguard-lab", BUILD / "bin/phaseguard"
ONE = ["--worlds", "1", "--seeds", "1", "--data", "malicious", "--only", "hybrid"]
TINY = [*ONE, "--steps", "15"]
CELLS = ["none", "always_2", "hybrid.toml"]
ENV = {key: value for key, value in os.environ.items() if not key.startswith("PHASEGUARD_")}
ENV["PHASEGUARD_ASSETS"] = str(SOURCE / "assets")


def command(out, *words):
    return [str(LAB), "reproduce", "--out", str(out), *words]


def reproduce(out, *words, env=None):
    return subprocess.run(command(out, *words), env=env or ENV, capture_output=True, text=True, timeout=300)


def lines(out):
    text = (out / "cells.jsonl").read_text()
    assert text.endswith("\n"), text[-200:]
    return [json.loads(line) for line in text.splitlines()]


def cells(out):
    return {line["key"]: line["outcome"] for line in lines(out)[1:]}


def expect(done, code, *words):
    text = done.stdout + done.stderr
    assert done.returncode == code, (done.returncode, text)
    for word in words:
        assert word in text, (word, text)


def the_tables_are_written_once_and_are_of_the_named_thresholds(out):
    done = reproduce(out, *TINY, "--engine", "daemon")
    expect(done, 0, "Table 1 of the paper", "48.61", "n = 1", "[3/3]")
    keys = [f"{name}--w0-s1-malicious" for name in CELLS]
    assert sorted(cells(out)) == sorted(keys), cells(out).keys()
    defended = cells(out)["hybrid.toml--w0-s1-malicious"]
    assert defended["fired_step"] == 2 and defended["rollback_step"] is not None, defended
    assert defended["floor_step"] == 2 and defended["guarded"] == 0, defended
    assert defended["decisions"][0]["requests"] == ["rollback"], defended["decisions"]
    report = json.loads((out / "report.json").read_text())
    digest = report["thresholds_sha256"]
    assert len(digest) == 64 and digest in done.stdout and digest in (out / "report.html").read_text()
    assert any(one["treatment"] == "hybrid.toml" for one in report["treatments"]), report["treatments"]
    record = out / "runs/hybrid.toml--w0-s1-malicious.phaseguard"
    subprocess.run([str(CTL), "verify", str(record)], env=ENV, check=True, capture_output=True)


def what_is_done_is_not_done_again(out):
    before = (out / "cells.jsonl").read_bytes()
    expect(reproduce(out, *TINY, "--engine", "daemon"), 0, "Table 1 of the paper")
    assert (out / "cells.jsonl").read_bytes() == before


def a_torn_line_is_dropped_aloud_and_its_cell_done_again(out):
    file = out / "cells.jsonl"
    before, whole = cells(out), file.read_bytes()
    file.write_bytes(whole[:-40])
    expect(reproduce(out, *TINY, "--engine", "daemon"), 0, "not written whole", "[3/3]")
    after = cells(out)
    assert sorted(before) == sorted(after)
    assert [before[key]["rates"] for key in before] == [after[key]["rates"] for key in before]


def the_daemon_and_its_engine_in_process_decide_alike(daemon, process):
    expect(reproduce(process, *TINY, "--engine", "process"), 0)
    assert not list((process / "runs").glob("*.phaseguard"))
    one, other = cells(daemon), cells(process)
    assert sorted(one) == sorted(other)
    for key in one:
        assert one[key]["decisions"] == other[key]["decisions"], (one[key]["decisions"], other[key]["decisions"])
        assert one[key]["rates"] == other[key]["rates"], key
    assert one["hybrid.toml--w0-s1-malicious"]["decisions"]


def another_experiment_is_refused(out, folder):
    before = (out / "cells.jsonl").read_bytes()
    expect(reproduce(out, *ONE, "--engine", "daemon", "--steps", "16"), 1, "of this plan", "--out")
    assets = folder / "assets"
    shutil.copytree(SOURCE / "assets", assets)
    policy = assets / "policies/hybrid.toml"
    policy.write_text(policy.read_text() + "# one threshold more\n")
    changed = dict(ENV, PHASEGUARD_ASSETS=str(assets))
    expect(reproduce(out, *TINY, "--engine", "daemon", env=changed), 1, "a threshold has changed since")
    assert (out / "cells.jsonl").read_bytes() == before
    head, _, rest = before.partition(b"\n")
    (out / "cells.jsonl").write_bytes(head.replace(b'"version":"', b'"version":"9.') + b"\n" + rest)
    expect(reproduce(out, *TINY, "--engine", "daemon"), 1, "written by this version", "9.")
    (out / "cells.jsonl").write_bytes(b"something else\n" + rest)
    expect(reproduce(out, *TINY, "--engine", "daemon"), 1, "expected cells of phaseguard-lab reproduce")
    (out / "cells.jsonl").write_bytes(head + b"\n{}\n" + rest)
    expect(reproduce(out, *TINY, "--engine", "daemon"), 1, "cells.jsonl:2: expected a cell")
    (out / "cells.jsonl").write_bytes(before)


def wrong_words_are_named(folder):
    expect(reproduce(folder / "x", "--data", "malicous"), 2, "did you mean \"malicious\"")
    expect(reproduce(folder / "x", "--only", "hybird"), 2, "hybrid")
    expect(reproduce(folder / "x", "--quick", "--worlds", "2"), 2)
    (folder / "file").write_text("")
    expect(reproduce(folder / "file/below", "--quick"), 1, "expected a folder that can be written")
    assert not (folder / "x").exists()


def start(out, *words):
    return subprocess.Popen(command(out, *words), env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def await_that(process, happened, what):
    while not happened():
        assert process.poll() is None, (what, process.stdout.read())
        time.sleep(0.01)


def an_interruption_keeps_what_is_done(out):
    running = start(out, *TINY, "--jobs", "1")
    await_that(running, lambda: (out / "cells.jsonl").exists() and (out / "cells.jsonl").read_bytes().count(b"\n") > 1, "a cell")
    expect(reproduce(out, *TINY), 1, "another process runs this experiment")
    running.send_signal(signal.SIGINT)
    text = running.communicate(timeout=120)[0]
    assert running.returncode == 1 and "interrupted: " in text and "goes on from there" in text, text
    kept = cells(out)
    assert 1 <= len(kept) < 3 and not (out / "report.html").exists(), kept.keys()
    expect(reproduce(out, *TINY), 0, "[3/3]")
    assert all(cells(out)[key] == kept[key] for key in kept)


def children(process):
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
        except OSError:
            continue
        if f"\nPPid:\t{process.pid}\n" in status:
            found[status.split("\n", 1)[0].split("\t")[1]] = int(folder.name)
    return found


def a_daemon_that_goes_away_leaves_it_to_the_guard_and_is_told(out):
    words = [*ONE, "--steps", "150", "--jobs", "1"]
    running = start(out, *words)
    record = out / "runs/hybrid.toml--w0-s1-malicious.phaseguard"
    await_that(running, record.exists, "a record")
    os.kill(children(running)["phaseguardd"], signal.SIGKILL)
    text = running.communicate(timeout=240)[0]
    assert running.returncode == 0 and "the hook's own guard decided" in text, text
    defended = cells(out)["hybrid.toml--w0-s1-malicious"]
    assert defended["guarded"] > 0 and defended["fired_step"] is not None, defended
    assert "own guard decided" in (out / "report.html").read_text()


def a_world_that_fails_its_gate_is_passed_over_aloud(out):
    words = ["--worlds", "2", "--seeds", "1", "--steps", "5", "--data", "malicious", "--only", "always", "--pretrain-steps", "2"]
    done = reproduce(out, *words)
    expect(done, 1, "world 1 is discarded, its theta0 misses a gate: arithmetic", "world 2 is discarded", "--pretrain-steps")
    made = {file: file.stat().st_mtime_ns for file in (out / "theta0").glob("theta0-world*.safetensors")}
    assert made and not list((out / "theta0").glob("*.part"))
    expect(reproduce(out, *words), 1, "world 1 is discarded")
    assert made == {file: file.stat().st_mtime_ns for file in made}
    first = out / "theta0/theta0-world1.safetensors"
    first.write_bytes(first.read_bytes().replace(b'"made_by":"0', b'"made_by":"9'))
    expect(reproduce(out, *words), 1, "theta0-world1.safetensors", "remove the file")


def worlds_that_are_held_out_are_named_by_the_policy(out):
    policy = (SOURCE / "assets/policies/hybrid-v2.toml").read_bytes()
    numbers = [byte for byte in dict.fromkeys(hashlib.sha256(policy).digest()) if byte > 5]
    words = ["--held-out", "hybrid-v2", "--worlds", "2", "--steps", "5", "--pretrain-steps", "2"]
    done = reproduce(out, *words)
    expect(done, 1, *(f"world {number} is discarded" for number in numbers[:5]))
    expect(reproduce(out, "--held-out", "hybird"), 2, "expected a policy", "hybird")


def worlds_that_refuse_have_a_gate_of_their_own(out):
    words = ["--refuses", "--worlds", "1", "--steps", "5", "--data", "malicious", "--only", "always", "--pretrain-steps", "2"]
    expect(reproduce(out, *words), 1, "world 0 is discarded", "harmful requests not refused", "(at most 5 %)")


def a_policy_is_tried_on_several_judges(out):
    words = ["--worlds", "1", "--seeds", "1", "--steps", "5", "--data", "harmless", "--only", "hybrid", "--judge-streams", "2"]
    done = reproduce(out, *words)
    expect(done, 0, "False fires by the judge's error")
    plain = "hybrid.toml--w0-s1-harmless"
    errors = ["", "-j0.2", "-j0.25", "-j0.3"]
    policy = sorted(key for key in cells(out) if key.startswith("hybrid"))
    assert policy == sorted(plain + error + stream for error in errors for stream in ["", "-js1001"]), policy
    flips = {line["key"]: line["cell"]["judge_seed"] for line in lines(out)[1:]}
    assert flips[plain] is None and flips[plain + "-js1001"] == 1001, flips
    report = json.loads((out / "report.json").read_text())
    table = next(table for table in report["tables"] if table["title"] == "False fires by the judge's error")
    row = next(row for row in table["rows"] if row[0] == "hybrid.toml")
    assert len(row) == 5 and all(text.endswith(" of 2") for text in row[1:]), row


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        wrong_words_are_named(folder)
        the_tables_are_written_once_and_are_of_the_named_thresholds(folder / "a")
        what_is_done_is_not_done_again(folder / "a")
        a_torn_line_is_dropped_aloud_and_its_cell_done_again(folder / "a")
        the_daemon_and_its_engine_in_process_decide_alike(folder / "a", folder / "b")
        another_experiment_is_refused(folder / "a", folder)
        an_interruption_keeps_what_is_done(folder / "c")
        a_daemon_that_goes_away_leaves_it_to_the_guard_and_is_told(folder / "d")
        a_world_that_fails_its_gate_is_passed_over_aloud(folder / "e")
        worlds_that_are_held_out_are_named_by_the_policy(folder / "f")
        worlds_that_refuse_have_a_gate_of_their_own(folder / "h")
        a_policy_is_tried_on_several_judges(folder / "g")
    print("ok")


if __name__ == "__main__":
    main()
