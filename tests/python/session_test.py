#!/usr/bin/env python3
"""The Python session against the real daemon: declared, reported, decided, rolled back, left alone and forked.

usage: session_test.py SOURCE_DIR BUILD_DIR
"""
import json
import math
import os
import subprocess
import sys
import time
import unittest.mock
import warnings

from support import POLICY, SOURCE, daemon, wait_for

import phaseguard
from phaseguard import Knob, Measured, Refused, Session, Signal

SIGNALS = {"judge/score": Signal("1", 0.0, 1.0, every_steps=1), "train/loss": Signal("nats", every_steps=1),
           "canary/js": Signal("nats", 0.0, math.log(2), every_steps=5, items="canary")}
KNOBS = {"kl": Knob(0.0, 4.0)}
WAIT = 5.0


def session(pg, run, **more):
    return Session(run, signals=SIGNALS, knobs=KNOBS, endpoint=pg.endpoint, **{"declare": {"canary_ids": ["a", "b"]}, **more})


def a_decision_about_a_batch_holds_for_its_own_update(pg):
    with session(pg, "batch", total_steps=10) as guard:
        assert guard.link == "linked"
        values = []
        for n in range(6):
            plan = guard.begin_step(n, {"judge/score": 0.95 if n >= 3 else 0.1}, wait=WAIT)
            assert plan.answered and plan.source == "daemon" and plan.step == n, plan
            values.append(plan["kl"])
            guard.end_step(n + 1, {"train/loss": 1.0}, canary={"canary/js": Measured(0.1, (0.05, 0.15))} if n == 4 else None)
        assert values == [0.0, 0.0, 0.0, 0.0, 2.0, 2.0], values
        assert plan.knobs["kl"].cause == "rule:defend", plan
    verified = pg.ctl("verify", pg.run_file("batch"))
    assert verified.returncode == 0, verified
    rows = pg.ctl("export", pg.run_file("batch")).stdout
    assert "train/loss,1,good" in rows and "canary/js/a,0.05,good" in rows, rows


def what_it_declares_can_be_held_against_policies(pg):
    hello = pg.root / "hello.json"
    hello.write_text(json.dumps(phaseguard.declaration(signals=SIGNALS, knobs=KNOBS)))
    found = pg.ctl("policy", "check", pg.policy, SOURCE / "assets" / "policies" / "hybrid.toml", "--against", hello)
    assert found.returncode == 3 and "policy.toml: ok: policy python" in found.stdout, found
    assert "data/llr" in found.stdout and "starter.toml" in found.stdout.splitlines()[-1], found


def lines_come_from_the_declared_noise(_):
    policy = """version = 1
name = "noise"
[knob.kl]
base = 0.0
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = "noise + 2 sd"
[rule.defend]
of = ["judge"]
set.kl = "0.5 lambda_star"
"""
    judge = Signal("1", 0.0, 1.0, every_steps=1).with_noise([0.1, 0.3])  # mean 0.2, sd 0.1
    assert (judge.noise_mean, judge.noise_n) == (0.2, 2) and math.isclose(judge.noise_sd, 0.1)
    for clean in ([], [0.1], [0.1, math.nan]):
        try:
            judge.with_noise(clean)
        except ValueError as error:
            assert "two or more finite" in str(error)
        else:
            raise AssertionError(clean)
    with daemon(policy) as pg:
        with Session("noise", signals={"judge/score": judge}, knobs={"kl": Knob(0.0, 4.0, lambda_star=0.5)}, endpoint=pg.endpoint,
                     require=True) as guard:
            guard.begin_step(0)
            guard.end_step(1)
            assert guard.begin_step(1, {"judge/score": 0.39}, wait=WAIT)["kl"] == 0.0
            guard.end_step(2)
            assert guard.begin_step(2, {"judge/score": 0.41}, wait=WAIT)["kl"] == 0.25
        try:
            Session("quiet", signals={"judge/score": Signal("1", 0.0, 1.0, every_steps=1)}, knobs={"kl": Knob(0.0, 4.0, lambda_star=0.5)},
                    endpoint=pg.endpoint, require=True)
        except Refused as error:
            assert "does not declare that of judge/score" in str(error), error
        else:
            raise AssertionError("a trainer without noise was taken")


def parts_of_a_step_are_joined(pg):
    signals = {**SIGNALS, "judge/score": Signal("1", 0.0, 1.0, every_steps=1, join="max")}
    with Session("parts", signals=signals, knobs=KNOBS, endpoint=pg.endpoint) as guard:
        for n in range(3):
            for k in range(4):
                guard.part(n, k + 1, 4, {"judge/score": 0.9 if k == 2 else 0.0}, weight=128.0)
            plan = guard.begin_step(n)
            guard.end_step(n + 1)
        wait_for(lambda: guard.begin_step(3)["kl"] == 2.0, "one harmful micro-batch of four does not trip the policy")


def requests_are_done_before_the_step(pg):
    policy = POLICY.replace("latch = true", 'latch = true\nrequest = ["rollback", "checkpoint"]')
    with daemon(policy) as other:
        weights, kept, written = {"w": 0}, {0: 0}, []

        def rollback(before):
            step = max(s for s in kept if before < 0 or s <= before)
            weights["w"] = kept[step]
            return step

        with session(other, "back", rollback=rollback, checkpoint=lambda step: written.append(step) or "file 1") as guard:
            n, segments, old = 0, [], ""
            while n < 8:
                old = old or (guard.lineage(2) if n == 2 else "")
                plan = guard.begin_step(n, {"judge/score": 0.95 if n >= 2 and not segments else 0.1}, wait=WAIT)
                if plan.rolled_back:
                    assert n == 3, f"the batch of step 3 asks for the rollback, which came at {n}"
                    assert plan.checkpoint and written == [0], (plan, written)
                    segments.append(plan.segment)
                    n = plan.step
                    assert weights["w"] == 0
                weights["w"] += 1
                n += 1
                guard.end_step(n, {"train/loss": 1.0})
            assert segments == [1] and written, (segments, written)
        assert "restored the state of step 0" in other.ctl("export", other.run_file("back"), "--format", "jsonl").stdout
        assert other.ctl("verify", other.run_file("back")).returncode == 0
        try:
            session(other, "back", rollback=rollback, checkpoint=str, lineage=old, start_step=2).finish()
        except phaseguard.Refused as error:
            assert "superseded" in str(error), error
        else:
            raise AssertionError("a checkpoint of a line that was rolled back was taken")


def a_process_that_goes_on_holds_what_was_held(pg):
    with session(pg, "resumed") as guard:
        for n in range(4):
            plan = guard.begin_step(n, {"judge/score": 0.95}, wait=WAIT)
            guard.end_step(n + 1)
        assert plan["kl"] == 2.0
        kept = guard.lineage(4)
    assert kept.isascii() and kept.isprintable(), kept  # fit for JSON
    with Session("resumed", signals=SIGNALS, knobs=KNOBS, endpoint=f"ipc://{pg.root}/nowhere", require=False, lineage=kept, start_step=4) as guard:
        plan = guard.begin_step(4)
        assert plan["kl"] == 2.0 and plan.source == "hold" and plan.knobs["kl"].cause == "rule:defend", plan
    with session(pg, "resumed", lineage=kept, start_step=4) as guard:
        assert guard.begin_step(4)["kl"] == 2.0
    for lineage, start, said in ((kept[:-5], 4, "options.lineage: expected base64"), (kept, 3, "the lineage is of a checkpoint of step 4")):
        try:
            session(pg, "resumed", lineage=lineage, start_step=start).finish()
        except phaseguard.InvalidDeclaration as error:
            assert said in str(error), error
        else:
            raise AssertionError(said)


def the_guard_goes_on_without_a_daemon(pg):
    with session(pg, "alone") as guard:
        guard.begin_step(0, {"judge/score": 0.1}, wait=WAIT)
        pg.kill()
        values = []
        for n in range(1, 6):
            values.append(guard.begin_step(n, {"judge/score": 0.95}, wait=WAIT)["kl"])
            guard.end_step(n + 1)
        assert values[-1] == 2.0, values
        pg.start()
        wait_for(lambda: guard.link == "linked", f"not linked again: {guard.link}")
        assert guard.begin_step(6)["kl"] == 2.0
    assert pg.ctl("verify", pg.run_file("alone")).returncode == 0


def the_starter_policy_fits_a_plain_loop(pg):
    with daemon((SOURCE / "assets/policies/starter.toml").read_text()) as other:
        signals = {name: SIGNALS[name] for name in ("train/loss", "canary/js")}
        with Session("plain", signals=signals, knobs={}, endpoint=other.endpoint, declare={"canary_ids": ["a", "b"]}) as guard:
            for n in range(1, 12):
                guard.begin_step(n - 1)
                guard.end_step(n, {"train/loss": 2.0}, canary={"canary/js": 0.3} if n % 5 == 0 else None)
            wait_for(lambda: any("canaries_moved" in a["text"] for a in other.status()["runs"][0]["alerts"]), "no alert of the canaries")
        assert other.ctl("verify", other.run_file("plain")).returncode == 0


def wrong_declarations_are_refused_with_the_place(pg):
    wrong = [({"knobs": {"kl": {"min": 0, "mx": 4}}}, "knobs[0].mx: there is no such key"),
             ({"knobs": {"kl": (4.0, 0.0)}}, "min"),
             ({"run": "no/name"}, "options.run"),
             ({"knobs": {"kl": "x"}}, "knob 'kl': expected a Knob"),
             ({"knobs": ["kl"]}, "knob 'kl': expected a Knob"),
             ({"knobs": {"kl": (0.0, math.nan)}}, "finite"),
             ({"signals": {"a": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)}}, "signal 'a': expected a Signal"),
             ({"profile": "hard"}, "profile: expected watch or enforce"),
             ({"endpoint": "htp://x", "require": False}, "htp"),
             ({"total_steps": -5}, "total_steps: expected an integer >= 0"),
             ({"declare": {"seq": 4}}, "seq: there is no such key"),
             ({"signals": {"x/y": {"every_steps": "5"}}}, "signals[0].every_steps: expected an integer")]
    for change, said in wrong:
        keywords = {"run": "wrong", "signals": SIGNALS, "knobs": KNOBS, "endpoint": pg.endpoint, **change}
        try:
            Session(**keywords).finish()
        except phaseguard.InvalidDeclaration as error:
            assert said in str(error), (said, str(error))
        else:
            raise AssertionError(f"taken: {change}")


def a_trainer_that_does_not_fit_the_policy_is_told_why(pg):
    try:
        Session("misfit", signals=["train/loss"], knobs=KNOBS, endpoint=pg.endpoint, wait=2.0).finish()
    except phaseguard.Refused as error:
        assert 'uses the signal "judge/score"' in str(error), error
    else:
        raise AssertionError("a trainer without the policy's signal was taken")


def no_run_begins_unwatched_by_accident(pg):
    nowhere = f"ipc://{pg.root}/nowhere"
    try:
        Session("unwatched", signals=SIGNALS, knobs=KNOBS, endpoint=nowhere, wait=0.3)
    except phaseguard.NoDaemon as error:
        assert "nowhere" in str(error) or "daemon" in str(error), error
    else:
        raise AssertionError("a run began without a daemon")
    with Session("unwatched", signals=SIGNALS, knobs=KNOBS, endpoint=nowhere, require=False) as guard:
        plan = guard.begin_step(0)
        assert plan["kl"] == 0.0 and plan.source == "initial" and guard.link != "linked", plan


def slips_in_a_loop_warn_once_and_stop_nothing(pg):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        guard = session(pg, "slips")
        for n in range(3):
            guard.begin_step(n)
            guard.end_step(n + 1, {"train/los": 1.0, "train/loss": None}, canary={"canary/js": Measured(0.1, (0.1, "x"))})
        guard.finish()
        guard.finish()
        for n in range(3):
            guard.begin_step(n)
            guard.end_step(n + 1, {"train/loss": 1.0})
    words = [str(w.message) for w in said]
    said_of = ("'train/los' was not declared", "train/loss: expected a number, found None", "canary/js: expected a number, found 'x'",
               "a step after finish()", "a report after finish()")
    assert len(words) == len(said_of) and all(part in word for part, word in zip(said_of, words)), words


def a_loss_that_is_no_number_is_bad_and_nothing_else(pg):
    with warnings.catch_warnings(record=True) as said, session(pg, "nan") as guard:
        warnings.simplefilter("always")
        for n, loss in enumerate((1.0, math.nan, math.inf, 2.0)):
            plan = guard.begin_step(n, {"judge/score": math.nan if n == 2 else 0.1}, wait=WAIT)
            assert plan.answered and plan["kl"] == 0.0, plan
            guard.end_step(n + 1, {"train/loss": loss})
    assert not said, [str(one.message) for one in said]
    rows = pg.ctl("export", pg.run_file("nan")).stdout
    assert "train/loss,1,good" in rows and "train/loss,2,good" in rows and rows.count("train/loss,") == 4, rows
    assert sum(",bad" in line for line in rows.splitlines()) == 3, rows


def two_sessions_live_in_one_process(pg):
    with session(pg, "left") as left, session(pg, "right") as right:
        values = []
        for n in range(4):
            harmful = left.begin_step(n, {"judge/score": 0.95}, wait=WAIT)
            harmless = right.begin_step(n, {"judge/score": 0.1}, wait=WAIT)
            values.append((harmful["kl"], harmless["kl"]))
        assert values[-1] == (2.0, 0.0) and {kl for _, kl in values} == {0.0}, values
        try:
            session(pg, "left", wait=2.0).finish()
        except phaseguard.InvalidDeclaration as error:
            assert "run 'left' has a Session in this process already" in str(error), error
        else:
            raise AssertionError("a second session of a run that goes on was taken")
        assert left.begin_step(4, {"judge/score": 0.1}, wait=WAIT)["kl"] == 2.0 and left.link == "linked"


def a_library_that_does_not_fit_is_named(_):
    def imported(library):
        return subprocess.run([sys.executable, "-c", "import phaseguard"], capture_output=True, text=True,
                              env={**os.environ, "PHASEGUARD_LIBRARY": str(library), "PYTHONPATH": str(SOURCE / "trainer-hook/python")}).stderr
    missing = imported("/nowhere/libphaseguard.so.0")
    assert "expected libphaseguard.so.0, found none (/nowhere/libphaseguard.so.0" in missing and "install the wheel" in missing, missing
    other = imported("libm.so.6")
    assert "libm.so.6 has no phaseguard_abi" in other and "is PHASEGUARD_LIBRARY the right file" in other, other
    with unittest.mock.patch.object(phaseguard._native, "ABI", 7):
        try:
            phaseguard._native._load()
        except ImportError as error:
            assert "expected a library of ABI 7, found 0 in" in str(error) and "of one version" in str(error), error
        else:
            raise AssertionError("a library of another ABI was taken")


def a_forked_child_is_no_trainer(pg):
    with session(pg, "fork") as guard:
        guard.begin_step(0)
        child = os.fork()
        if child == 0:
            guard.begin_step(1)
            guard.end_step(2, {"train/loss": 9.0})
            guard.finish()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        guard.end_step(1, {"train/loss": 1.0})
        wait_for(lambda: guard.stats["journaled"] == 0, "the parent's report is not recorded")
        assert guard.link == "linked"
    rows = pg.ctl("export", pg.run_file("fork")).stdout
    assert "train/loss,1,good" in rows and "train/loss,9" not in rows, rows


def measures_agree_with_python(pg):
    import array
    model, reference = array.array("f", [0.0, 1.0, 2.0, -3.0]), array.array("f", [1.0, 0.0, 2.0, -3.0])

    def softmax(row):
        total = sum(map(math.exp, row))
        return [math.exp(x) / total for x in row]

    p, q = softmax(model[:2]), softmax(reference[:2])
    m = [(a + b) / 2 for a, b in zip(p, q)]
    expected = sum(a * math.log(a / c) / 2 + b * math.log(b / c) / 2 for a, b, c in zip(p, q, m))
    found = phaseguard.js_rows(model.buffer_info()[0], reference.buffer_info()[0], 2, 2)
    assert abs(found[0] - expected) < 2e-7 and found[1] == 0.0, (found, expected)
    lower, upper = phaseguard.wilson(15, 72)
    assert abs(lower - 0.1306) < 1e-3 and abs(upper - 0.3157) < 1e-3, (lower, upper)
    assert len(phaseguard.sample_hash("a", "b")) == 64
    line = '{"id": "a", "prompt": "Who are you?"}\n'
    assert phaseguard.canary_digest(line) != phaseguard.canary_digest(line.replace("Who", "What"))
    for wrong in (lambda: phaseguard.wilson(1, 0), lambda: phaseguard.canary_digest("no json")):
        try:
            wrong()
        except ValueError as error:
            assert str(error)
        else:
            raise AssertionError("a wrong argument was taken")


def main():
    tests = [a_decision_about_a_batch_holds_for_its_own_update, what_it_declares_can_be_held_against_policies,
             lines_come_from_the_declared_noise, parts_of_a_step_are_joined, requests_are_done_before_the_step, a_process_that_goes_on_holds_what_was_held,
             the_starter_policy_fits_a_plain_loop,
             wrong_declarations_are_refused_with_the_place,
             a_trainer_that_does_not_fit_the_policy_is_told_why, no_run_begins_unwatched_by_accident,
             slips_in_a_loop_warn_once_and_stop_nothing,
             a_loss_that_is_no_number_is_bad_and_nothing_else, two_sessions_live_in_one_process, a_library_that_does_not_fit_is_named, a_forked_child_is_no_trainer, measures_agree_with_python,
             the_guard_goes_on_without_a_daemon]
    with daemon() as pg:
        for test in tests:
            began = time.monotonic()
            test(pg)
            print(f"{test.__name__}: ok, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
