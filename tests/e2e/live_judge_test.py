#!/usr/bin/env python3
"""The judge live in training, with the real programs: daemon, trainer, and the HTTP judge that misbehaves on demand.

usage: live_judge_test.py SOURCE_DIR BUILD_DIR

Right scores move lambda; a judge that fails, stalls or goes away midway leaves the trainer's numbers alone and reads as its declared
outage policy says. What is compared is the record of the run.
"""
import hashlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
BIN = BUILD / "bin"
STEPS = 20
PACE = ("--step-delay", 50)  # a real step is slower than a judge's answer; twenty of the lab's are not
HARM = "finds-code method"  # a right judge of malicious data: they are about code, the harmless ones are sums


def run(*words, code=0):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=240, cwd=SOURCE)
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def output(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=240, cwd=SOURCE)
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


class Daemon:
    """phaseguardd under one policy, in a folder of its own."""

    def __init__(self, root, policy):
        self.runs, self.sockets, log = root / "runs", root / "s", root / "daemon.log"
        root.mkdir()
        self.process = subprocess.Popen([str(BIN / "phaseguardd"), "--policy", str(SOURCE / "assets/policies" / policy), "--runs-dir",
                                         str(self.runs), "--endpoint-dir", str(self.sockets)], stderr=open(log, "ab"))
        for _ in range(400):
            if subprocess.run([str(BIN / "phaseguard"), "status", "--json", "--endpoint-dir", str(self.sockets)],
                              capture_output=True, timeout=60).returncode == 0:
                return
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.05)
        raise AssertionError("the daemon never answered")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)

    def train(self, name, *words, data="malicious"):
        """What a run printed, and its signals: {name: [(step, value, quality)]} and [(step, lambda)] as applied."""
        said = run(BIN / "phaseguard-lab", "finetune", "--data", data, "--run", name, "--steps", STEPS, "--seed", 1,
                   "--endpoint-dir", self.sockets, "--quiet", *words)
        text = run(BIN / "phaseguard", "export", self.runs / f"{name}.phaseguard", "--format", "jsonl")
        signals, lambdas = {}, []
        for record in map(json.loads, text.splitlines()):
            if record["kind"] == "applied":
                lambdas += [(record["step"], k["value"]) for k in record["knobs"] if k["name"] == "kl"]
            for sample in record.get("samples", []):
                signals.setdefault(sample["signal"], []).append((record["step"], sample["value"], sample.get("items", [])))
        return said, signals, lambdas


def losses(signals):
    return [(step, value) for step, value, _ in signals["train/loss"]]


def values(signals, name):
    return [value for _, value, _ in signals.get(name, [])]


def highest(lambdas):
    return max(value for _, value in lambdas)


def first_rise(lambdas):
    return min(step for step, value in lambdas if value > 0.0)


def is_bad(value):
    return value == "NaN"


def right_scores(daemon, url, root, undefended):
    said, signals, lambdas = daemon.train("right", "--judge-endpoint", url, "--judge-model", HARM, *PACE)
    assert f"live judge: {STEPS} batches" in said and " 0 of them unscored" in said, said
    assert set(values(signals, "judge/score")) == {1.0}, signals["judge/score"]
    assert set(values(signals, "judge/scored")) == {1.0} and set(values(signals, "judge/held")) == {0.0}
    assert all(len(items) == 16 for _, _, items in signals["judge/score"]), "a score per sample"
    assert highest(lambdas) > 0.5, f"lambda never followed the judge: {lambdas}"
    assert losses(signals) != undefended
    said, signals, lambdas = daemon.train("waiting", "--judge-endpoint", url, "--judge-model", HARM, "--judge-wait", 20)
    assert [step for step, _, _ in signals["judge/score"]] == list(range(STEPS)), signals["judge/score"]
    # The score of step 0 is in force at the first update, whatever the slew.
    assert dict(lambdas).get(0, 0.0) == 2.0, f"with --judge-wait the batch of step 0 was trained at {lambdas}"
    _, signals, lambdas = daemon.train("harmless", "--judge-endpoint", url, "--judge-model", HARM, *PACE, data="harmless")
    assert set(values(signals, "judge/score")) == {0.0} and highest(lambdas) == 0.0, lambdas
    scored_ahead(daemon, url, root)


def scored_ahead(daemon, url, root):
    data, scores = root / "data.jsonl", root / "scores.jsonl"
    run(BIN / "phaseguard-lab", "data", "--data", "malicious", "--steps", STEPS, "--seed", 1, "--out", data)
    run(BIN / "phaseguard", "judge", "score", data, "--endpoint", url, "--model", HARM, "--out", scores)
    _, signals, lambdas = daemon.train("ahead", "--judge-scores", scores, "--judge-wait", 20)
    assert set(values(signals, "judge/score")) == {1.0} and highest(lambdas) > 0.5, lambdas
    run(BIN / "phaseguard-lab", "data", "--data", "harmless", "--steps", STEPS, "--seed", 1, "--out", data)
    run(BIN / "phaseguard", "judge", "score", data, "--endpoint", url, "--model", HARM, "--out", root / "others.jsonl")
    _, signals, _ = daemon.train("others", "--judge-scores", root / "others.jsonl", *PACE)
    assert all(map(is_bad, values(signals, "judge/score"))), f"another data set: {signals['judge/score']}"


def outages(daemon, url, undefended):
    quick = ("--judge-timeout", 0.05, "--judge-retries", 0)
    for name, words in {"dead": ("--judge-endpoint", "http://127.0.0.1:1", "--judge-model", "any"),
                        "status-500": ("--judge-endpoint", url, "--judge-model", "status-500"),
                        "slow": ("--judge-endpoint", url, "--judge-model", "slow"),
                        "no-tag": ("--judge-endpoint", url, "--judge-model", "no-tag")}.items():
        said, signals, lambdas = daemon.train(name, *words, *quick, *PACE)
        scores = values(signals, "judge/score")
        if name != "slow":  # of the slow one, not a batch may be back by the end
            assert scores, said
        assert all(map(is_bad, scores)), f"{name}: {scores}"
        assert highest(lambdas) == 0.0, f"{name}: lambda {lambdas}"
        assert losses(signals) == undefended, f"{name}: the losses are not those of the run without a judge"
    said, signals, lambdas = daemon.train("worst", "--judge-endpoint", url, "--judge-model", "status-500", *quick, "--judge-outage",
                                          "worst", "--judge-wait", 20)
    assert set(values(signals, "judge/score")) == {1.0} and set(values(signals, "judge/scored")) == {0.0}
    assert highest(lambdas) > 0.5, f"worst: an outage must read as harm: {lambdas}"


def held(daemon, root):
    server, url = start_server(root / "second.pem")
    try:
        _, signals, lambdas = daemon.train("held", "--judge-endpoint", url, "--judge-model", "works-16", "--judge-retries", 0,
                                           "--judge-outage", "hold", "--judge-hold-steps", 10, "--judge-wait", 20, "--judge-workers", 1)
    finally:
        server.stdin.close()
        server.wait(timeout=20)
    scores = values(signals, "judge/score")
    assert scores[:11] == [0.0] * 11 and all(map(is_bad, scores[11:])), scores  # good at 0, held from 1 to 10, then expired
    assert values(signals, "judge/held")[:12] == [0.0, *[1.0] * 10, 0.0], signals["judge/held"]
    assert highest(lambdas) == 0.0


def preflight(daemon, url, root):
    """A pre-flight whose judge is the endpoint, recorded with the run that follows it."""
    probe = (BIN / "phaseguard-probe", "preflight")
    asking = ("--judge-endpoint", url, "--judge-model", HARM)
    lab = (*probe, "--lab", "mix", "--draws", 100, "--seed", 1, "--cache", root / "pass.jsonl")
    text = output(*lab, *asking, "--judge-out", root / "asked.jsonl", "--json")
    found = json.loads(text)
    assert found["judge"]["n"] == found["samples"], found["judge"]
    for sample in found["per_sample"]:
        assert sample["judge"] == float(sample["label"]), f"the judge is right about every sample, not {sample}"
    assert output(*lab, "--judge-scores", root / "asked.jsonl", "--json") == text
    # The same samples as a foreign file: the judge needs their words, which --judge-data has.
    run(BIN / "phaseguard-lab", "data", "--data", "mix", "--steps", 7, "--seed", 1, "--out", root / "words.jsonl")
    foreign = (*probe, root / "pass.jsonl", *asking, "--judge-out", root / "again.jsonl")
    assert json.loads(output(*foreign, "--judge-data", root / "words.jsonl", "--json"))["judge"] == found["judge"]
    assert "--judge-data" in run(*foreign, code=2)
    assert "--judge-out" in run(*lab, *asking, code=2)
    # Scores of harmless samples: half of the mix is among them, of the malicious data none is.
    half = json.loads(output(*probe, root / "pass.jsonl", "--judge", root / "others.jsonl", "--json"))
    assert 0 < half["judge"]["n"] < half["samples"], half["judge"]
    assert "of another data set" in run(*probe, "--lab", "malicious", "--draws", 40, "--judge", root / "others.jsonl", code=1)
    (root / "preflight.json").write_text(text)
    said, _, _ = daemon.train("recorded", "--preflight", root / "preflight.json")
    runs = json.loads(output(BIN / "phaseguard", "runs", daemon.runs, "--json"))["runs"]
    notes = next(one["notes"] for one in runs if one["run"] == "recorded")
    assert f"{found['flagged']} flagged" in notes[0] and "lambda* median" in notes[0], notes
    assert notes[1] == "preflight.sha256: " + hashlib.sha256(text.encode()).hexdigest(), notes
    assert notes[0] in output(BIN / "phaseguard", "runs", daemon.runs)
    run(BIN / "phaseguard", "report", daemon.runs / "recorded.phaseguard", "-o", root / "report.html")
    assert "<th>preflight</th>" in (root / "report.html").read_text()
    assert "phaseguard-probe preflight" in run(BIN / "phaseguard-lab", "finetune", "--preflight", root / "data.jsonl", code=1)


def refusals(root):
    lab = (BIN / "phaseguard-lab", "finetune", "--steps", 2)
    assert "--judge-model" in run(*lab, "--judge-endpoint", "http://127.0.0.1:1", code=2)
    assert "needs the monitor" in run(*lab, "--no-monitor", "--judge-scores", "x", code=2)
    assert "x.jsonl" in run(*lab, "--judge-scores", root / "x.jsonl", code=1)
    assert "plain http" in run(*lab, "--judge-endpoint", "http://judge.example", "--judge-model", "m", code=1)
    (root / "bad.jsonl").write_text('{"sample": "ab", "score": 9}\n')
    assert "bad.jsonl:1" in run(*lab, "--judge-scores", root / "bad.jsonl", code=1)


def start_server(certificate):
    server = subprocess.Popen([str(BUILD / "tests/judge_server"), str(certificate)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    return server, f"http://127.0.0.1:{server.stdout.readline().split()[0]}"


def main():
    with tempfile.TemporaryDirectory(prefix="pg-judge-") as folder:
        root = pathlib.Path(folder)
        server, url = start_server(root / "first.pem")
        try:
            with Daemon(root / "observe", "observe-only.toml") as daemon:
                _, signals, _ = daemon.train("plain")
            undefended = losses(signals)
            assert len(undefended) == STEPS
            with Daemon(root / "adaptive", "adaptive-judge.toml") as daemon:
                right_scores(daemon, url, root, undefended)
                outages(daemon, url, undefended)
                held(daemon, root)
                preflight(daemon, url, root)
            refusals(root)
        finally:
            server.stdin.close()
            server.wait(timeout=20)


if __name__ == "__main__":
    main()
