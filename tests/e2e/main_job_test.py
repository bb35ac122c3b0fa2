#!/usr/bin/env python3
"""The main job with the real programs: daemon, trainer, command line, dashboard.

usage: main_job_test.py SOURCE_DIR BUILD_DIR

A malicious fine-tune must fire, be rolled back and have its lambda applied within one measuring interval; a harmless one must be
left alone; an operator's forced lambda must appear as applied at a step; every decision must be recomputed bit for bit; wrong input
must be answered with one clear line and the documented exit code.
"""
import contextlib
import json
import math
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
BIN = BUILD / "bin"
CADENCE = 5


def run(*words, check=None, **kw):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=120, **kw)
    if check is not None and done.returncode != check:
        sys.exit(f"{words}: expected exit {check}, found {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Place:
    """A folder of run files, a folder of sockets, and the daemon between them."""

    def __init__(self, root):
        self.runs, self.sockets = root / "runs", root / "s"
        self.daemon = None

    def start(self):
        self.log = open(self.runs.parent / "daemon.log", "ab")
        self.daemon = subprocess.Popen(
            [BIN / "phaseguardd", "--policy", SOURCE / "assets/policies/hybrid.toml", "--runs-dir", self.runs,
             "--endpoint-dir", self.sockets], stderr=self.log)
        for _ in range(200):
            if self.ctl("status", "--json").returncode == 0:
                return
            assert self.daemon.poll() is None, (self.runs.parent / "daemon.log").read_text()
            time.sleep(0.05)
        sys.exit("the daemon did not answer within 10 s")

    def stop(self, how=signal.SIGTERM):
        self.daemon.send_signal(how)
        return self.daemon.wait(timeout=10)

    def ctl(self, *words, check=None):
        return run(BIN / "phaseguard", *words, "--endpoint-dir", self.sockets, check=check)

    def lab(self, name, data, steps, *more):
        words = [BIN / "phaseguard-lab", "finetune", "--data", data, "--run", name, "--steps", steps, "--seed", 1,
                 "--endpoint-dir", self.sockets, "--summary", self.runs.parent / f"{name}.json", *more]
        return subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, trainer):
        out, _ = trainer.communicate(timeout=180)
        assert trainer.returncode == 0, out
        return out

    def file(self, name):
        return self.runs / f"{name}.phaseguard"

    def records(self, name):
        out = run(BIN / "phaseguard", "export", self.file(name), "--format", "jsonl", check=0).stdout
        return [json.loads(line) for line in out.splitlines()]


def malicious_run_is_caught(place):
    place.finish(place.lab("bad-1", "malicious", 60))
    records = place.records("bad-1")
    fired = [r for r in records if r["kind"] == "decision" and any(k["value"] > 0 for k in r["knobs"])]
    assert fired, "no decision raised lambda on the malicious data"
    decision = fired[0]
    value = decision["knobs"][0]["value"]
    applied = [r for r in records if r["kind"] == "applied" and r["knobs"][0]["value"] == value]
    assert applied, "the decided lambda was never applied"
    assert applied[0]["step"] - decision["step"] <= CADENCE, (decision["step"], applied[0]["step"])
    outcomes = [o for r in records if r["kind"] == "applied" for o in r["requests"]]
    assert any(o["status"] == "done" for o in outcomes), f"no rollback was done: {outcomes}"
    voting = [d["detector"] for d in decision["detectors"] if d["voting"]]
    assert len(voting) >= 2, f"evidence names fewer than two voting detectors: {voting}"
    print(f"malicious: fired at step {decision['step']} by {voting}, applied at step {applied[0]['step']}")


def harmless_run_is_left_alone(place):
    place.finish(place.lab("good-1", "harmless", 60))
    records = place.records("good-1")
    raised = [r["step"] for r in records if r["kind"] == "decision" and any(k["value"] > 0 for k in r["knobs"])]
    assert not raised, f"lambda was raised on harmless data at steps {raised}"
    print("harmless: left alone")


def operator_forces_kl_on(place):
    trainer = place.lab("forced-1", "harmless", 120, "--step-delay", "40")
    status = None
    for _ in range(400):
        status = json.loads(place.ctl("status", "--json", "--run", "forced-1").stdout or "{}")
        if status.get("runs") and status["runs"][0].get("step", 0) >= 6:
            break
        time.sleep(0.05)
    place.ctl("force-kl", "on", "--lambda", "0.75", "--reason", "margin rises", "--run", "forced-1", check=0)
    status = json.loads(place.ctl("status", "--json", "--run", "forced-1", check=0).stdout)
    knob = status["runs"][0]["knobs"][0]
    assert knob["applied"] == 0.75 and knob["applied_step"] > 0 and knob["confirmed"], knob
    assert knob["cause"].startswith("operator:"), knob
    print(f"operator: 0.75 applied at step {knob['applied_step']}")
    place.ctl("release", "--run", "forced-1", check=0)
    for _ in range(200):
        knob = json.loads(place.ctl("status", "--json", "--run", "forced-1", check=0).stdout)["runs"][0]["knobs"][0]
        if knob["applied"] < 0.75:
            break
        time.sleep(0.05)
    assert knob["applied"] < 0.75 and knob["cause"] == "base", knob
    place.finish(trainer)
    applied = [k["value"] for r in place.records("forced-1") if r["kind"] == "applied" for k in r["knobs"] if k["name"] == "kl"]
    after = applied[applied.index(0.75):]
    assert all(a >= b for a, b in zip(after, after[1:])) and after[-1] == 0.0, f"release: expected a descent to 0, found {after}"


def operator_inhibits_a_rule(place):
    trainer = place.lab("inhibited-1", "malicious", 60, "--step-delay", "40")
    for _ in range(400):
        status = json.loads(place.ctl("status", "--json", "--run", "inhibited-1").stdout or "{}")
        if status.get("runs"):
            break
        time.sleep(0.02)
    place.ctl("inhibit", "--rule", "defend", "--for-steps", "30", "--reason", "a known drill", "--run", "inhibited-1", check=0)
    refused = place.ctl("inhibit", "--rule", "defnd", "--for-steps", "30", "--reason", "x", "--run", "inhibited-1", check=1)
    assert "defend" in refused.stdout + refused.stderr, refused
    place.finish(trainer)
    decisions = [r for r in place.records("inhibited-1") if r["kind"] == "decision"]
    states = [(r["step"], rule["state"]) for r in decisions for rule in r["rules"] if rule["rule"] == "defend"]
    assert states[0][1] == "inhibited", states
    fired = [step for step, state in states if state == "latched"]
    assert fired and fired[0] >= 30, f"expected defend to fire when the inhibition ends, found {states}"
    print(f"inhibit: defend held back until step {fired[0]}")


def trip_survives_kill_9(place):
    trainer = place.lab("killed-1", "malicious", 120, "--step-delay", "40")
    for _ in range(400):
        status = json.loads(place.ctl("status", "--json", "--run", "killed-1").stdout or "{}")
        if status.get("runs") and status["runs"][0]["knobs"] and status["runs"][0]["knobs"][0]["applied"] == 2.0:
            break
        time.sleep(0.05)
    else:
        sys.exit("the malicious run did not fire")
    place.stop(signal.SIGKILL)
    time.sleep(0.5)
    place.start()
    status = json.loads(place.ctl("status", "--json", "--run", "killed-1", check=0).stdout)
    assert status["runs"][0]["knobs"][0]["decided"] == 2.0, status["runs"][0]["knobs"]
    place.finish(trainer)
    applied = [k["value"] for r in place.records("killed-1") if r["kind"] == "applied" for k in r["knobs"] if k["name"] == "kl"]
    first = applied.index(2.0)
    assert min(applied[first:]) == 2.0, f"lambda dipped after the trip: {applied[first:]}"
    print(f"kill -9: lambda stayed at 2.0 over {len(applied) - first} reports")


def every_decision_is_recomputed(place):
    for name in ("bad-1", "good-1", "forced-1", "killed-1"):
        done = run(BIN / "phaseguard", "verify", place.file(name), check=0)
        print(done.stdout.strip().splitlines()[-1])


def turns(file, window, columns=17):
    """Left against right of canary/dist, from the file alone: (step at which it is decided, nats)."""
    with contextlib.closing(sqlite3.connect(file)) as store:
        rows = store.execute(
            "SELECT r.step, p.items FROM points p JOIN reports r USING (seq) JOIN signals s ON s.id = p.signal_id "
            "WHERE s.name = 'canary/dist' AND r.step > 0 ORDER BY r.seq").fetchall()
    points = [(step, struct.unpack(f"<{len(blob) // 8}d", blob)) for step, blob in rows]

    def mean(part):
        return [sum(column) / window for column in zip(*(row for _, row in part))]

    def js(p, q):
        return sum(0.5 * a * math.log(2 * a / (a + b)) for a, b in list(zip(p, q)) + list(zip(q, p)) if a > 0)

    out = []
    for i in range(window, len(points) - window + 1):
        left, right = mean(points[i - window:i]), mean(points[i:i + window])
        starts = range(0, len(left), columns)
        value = sum(js(left[k:k + columns], right[k:k + columns]) for k in starts) / len(starts)
        out.append((points[i + window - 1][0], value))
    return out


def window_js_finds_the_turn(place, root):
    found = turns(place.file("good-1"), 2)
    step, peak = max(found, key=lambda turn: turn[1])
    assert peak > 0.001, found
    for above, expected in ((0.999 * peak, f"turned fired at step {step}"), (1.001 * peak, "no rule fired")):
        policy = root / "turn.toml"
        policy.write_text(f"""
            version = 1
            name = "turn"
            [knob.kl]
            base = 0.0
            max = 4.0
            [detector.turn]
            signal = "canary/dist"
            type = "window_js"
            window = 2
            above = {above!r}
            [rule.turned]
            of = ["turn"]
            alert = "info"
            """)
        told = run(BIN / "phaseguard", "replay", place.file("good-1"), "--policy", policy, check=0).stdout
        assert expected in told, (above, found, told)
    print(f"window_js: the turn of {peak:.4f} nats is decided at step {step}")


def every_detector_type_reads_a_real_run(place):
    policy = SOURCE / "assets/lab/all-detectors.toml"
    files = (place.file("bad-1"), place.file("good-1"))
    for file in files:
        run(BIN / "phaseguard", "policy", "check", policy, "--run", file, check=0)
    done = run(BIN / "phaseguard", "backtest", "--policy", policy, *files, "--json", check=0)
    auc = {d["detector"]: d for p in json.loads(done.stdout)["policies"] for d in p["detectors"]}
    assert len(auc) == 14 and all(d["auc"] is not None for d in auc.values()), auc
    print(f"backtest: an AUC of each of {len(auc)} detectors")


def wrong_input_is_answered(place, root):
    policy = root / "wrong.toml"
    good = (SOURCE / "assets/policies/hybrid.toml").read_text()
    for change, word in ((("consecutive = 2", "consecutve = 2"), "consecutive"), (("above = 0.20", "above = nan"), "above"),
                         (("above = 0.20", 'above = "x"'), "above")):
        policy.write_text(good.replace(*change, 1))
        done = run(BIN / "phaseguard", "policy", "check", policy, check=3)
        text = done.stdout + done.stderr
        assert f"{policy}:" in text and word in text, text
    truncated = root / "cut.phaseguard"
    truncated.write_bytes(place.file("bad-1").read_bytes()[:5000])
    foreign = root / "foreign.phaseguard"
    foreign.write_text("not a run file\n" * 100)
    for file in (truncated, foreign, root / "absent.phaseguard"):
        done = run(BIN / "phaseguard", "verify", file, check=1)
        assert str(file) in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    done = run(BIN / "phaseguardd", "--policy", SOURCE / "assets/policies/hybrid.toml", "--runs-dir", root / "other",
               "--endpoint-dir", place.sockets)
    assert done.returncode == 1 and "in use" in done.stderr, done.stderr
    assert run(BIN / "phaseguard", "no-such-command").returncode == 2
    nobody = run(BIN / "phaseguard", "status", "--endpoint-dir", root / "nobody")
    assert nobody.returncode == 1 and "phaseguardd" in nobody.stderr, nobody.stderr
    print("wrong input: answered")


def pictures_are_drawn(place, root):
    for name in ("bad-1", "good-1"):
        picture = root / f"{name}.png"
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        run(BIN / "phaseguard-dashboard", place.file(name), "--screenshot", picture, check=0, env=environment)
        assert picture.stat().st_size > 20_000, picture
    report = root / "report.html"
    run(BIN / "phaseguard", "report", place.file("bad-1"), place.file("good-1"), "-o", report, check=0)
    html = report.read_text()
    assert "<svg" in html and "http://" not in html and "https://" not in html
    print("pictures and report: drawn")


def main():
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        root = pathlib.Path(folder)
        (root / "runs").mkdir()
        place = Place(root)
        place.start()
        try:
            malicious_run_is_caught(place)
            harmless_run_is_left_alone(place)
            operator_forces_kl_on(place)
            operator_inhibits_a_rule(place)
            trip_survives_kill_9(place)
            wrong_input_is_answered(place, root)
        except BaseException:
            print((root / "daemon.log").read_text()[-4000:])
            raise
        finally:
            status = place.stop()
        assert status == 0, f"SIGTERM: expected exit 0, found {status}"
        every_decision_is_recomputed(place)
        window_js_finds_the_turn(place, root)
        every_detector_type_reads_a_real_run(place)
        pictures_are_drawn(place, root)


main()
