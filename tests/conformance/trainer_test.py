#!/usr/bin/env python3
"""The checker of trainers finds each planted fault by name, and nothing in trainers that are right: the one of 60 lines, the example in
C, a loop with the Python package, and the lab.

usage: trainer_test.py SOURCE_DIR BUILD_DIR
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
FOLDER = SOURCE / "tests" / "conformance" / "trainer"
os.environ["PHASEGUARD_LIBRARY"] = str(BUILD / "lib" / "libphaseguard.so.0")
os.environ.setdefault("PHASEGUARD_TELEMETRY", "")
sys.path.insert(0, str(FOLDER))

import faults  # noqa: E402

PYTHON = ["/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable, "-B"]
SIXTY = [*PYTHON, FOLDER / "faults.py"]
AT_ONCE = 12
SHORT, LONG = "300", "1200"  # updates of 30 ms: without and with a lost link
NEEDS_LOSS = {"lowered", "does not end"}
TO_ITS_END = ("--steps", "100000")  # of the trainer: the check does not end it before
# What follows of a fault by itself, and is as true.
FOLLOWS = {"step falls": {"step repeats", "not obeyed"}, "retry": {"no number"}, "misspelt signal": {"silent signal"},
           "undeclared signal": {"silent signal"}, "second process": {"refused (unknown)"}, "no applied": {"not obeyed", "no outcome"},
           "not obeyed": {"lowered"}}
# A machine that stands still for seconds looks like a trainer that does.
OF_THE_MACHINE = {"rare heartbeats", "silence", "rare applied"}


def check(*command, more=()):
    done = subprocess.run([BUILD / "bin" / "phaseguard-conformance", "--trainer", "--json", "--timeout", "120", *more, "--", *command],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), (command, done)
    report = json.loads(done.stdout)
    assert (report["wrong"] > 0) == (done.returncode == 3), done
    return report


def mistakes(report):
    """(check, mistake) of each finding."""
    return {(row["check"], one["mistake"]) for row in report["checks"] for one in row.get("findings", [])}


def the_trainer_has_60_lines():
    lines = [line for line in (FOLDER / "trainer.py").read_text().splitlines() if line.strip() and not line.startswith('"""')]
    assert len(lines) <= 60, len(lines)


def named(fault):
    """The checks in which the fault was found by its name. Asserts that nothing else was found."""
    report = check(*SIXTY, LONG if fault in NEEDS_LOSS else SHORT, *fault.split(), more=TO_ITS_END if fault == "no goodbye" else ())
    found = mistakes(report)
    name = "refused (malformed)" if fault == "unreadable" else fault
    assert name in {mistake for _, mistake in found}, (fault, report)
    if fault in faults.EVERYDAY:
        others = {mistake for _, mistake in found} - {name} - FOLLOWS.get(fault, set()) - OF_THE_MACHINE
        assert not others, (fault, others, report)
    return {row for row, mistake in found}


def each_fault_is_named():
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        checks = set().union(*pool.map(named, [*faults.EVERYDAY, *faults.FURTHER]))
    report = check(*SIXTY, SHORT)
    missing = {row["check"] for row in report["checks"]} - checks
    assert not missing, f"no planted fault is found by: {missing}"
    sections = re.findall(r"^#+ (.*)$", (SOURCE / "docs" / "PROTOCOL.md").read_text(), re.M)
    for row in report["checks"]:
        assert any(section.startswith(row["section"]) for section in sections), row
    print(f"named: {len(faults.EVERYDAY)} everyday faults, {len(faults.FURTHER)} further ones")


def right(name, command, seen, more=()):
    """Finds nothing, and really asked what `seen` names."""
    for _ in range(3):
        report = check(*command, more=more)
        if {mistake for _, mistake in mistakes(report)} - OF_THE_MACHINE or report["wrong"] == 0:
            break
    assert report["wrong"] == 0, (name, report)
    verdicts = {row["check"]: row for row in report["checks"]}
    for row in seen:
        assert verdicts[row]["verdict"] == "ok", (name, verdicts[row])
    return f"{name}: nothing found, {sum(row['verdict'] == 'ok' for row in report['checks'])} of {len(report['checks'])} checks seen"


def nothing_in_those_that_are_right():
    asked = ["knobs obeyed", "range refused", "order of controls", "requests once", "journal"]
    lost = ["expiry", "loss of the link"]
    jobs = [("trainer of 60 lines", [*SIXTY, LONG], asked + lost),
            ("trainer of 60 lines, to its end", [*SIXTY, SHORT], asked + ["goodbye"], TO_ITS_END),
            ("example in C", [BUILD / "tests" / "example_loop", "c-loop", "{endpoint}"], asked + ["goodbye"]),
            ("loop with the Python package", [*PYTHON, FOLDER / "package_loop.py", SOURCE, "2000"], asked + lost + ["parts", "goodbye"])]
    lab = BUILD / "bin" / "phaseguard-lab"
    if lab.exists():
        tune = [lab, "finetune", "--steps", "1000", "--quiet", "--require", "--endpoint", "{endpoint}"]
        jobs.append(("lab", tune, asked + lost + ["goodbye"]))
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for line in pool.map(lambda job: right(*job), jobs):
            print(line)


def what_cannot_be_run_is_said():
    program = BUILD / "bin" / "phaseguard-conformance"
    for words, said in ((["--trainer", "--timeout", "2", "--", "/no/such/program"], "cannot be started"),
                        (["--trainer", "--timeout", "2", "--", "/bin/true"], "no trainer said hello"),
                        (["--steps", "5", "somewhere"], "--trainer"), ([], "--trainer")):
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and said in done.stderr, (words, done)


def main():
    for test in (the_trainer_has_60_lines, what_cannot_be_run_is_said, each_fault_is_named, nothing_in_those_that_are_right):
        test()
        print(f"{test.__name__}: ok", flush=True)


if __name__ == "__main__":
    main()
