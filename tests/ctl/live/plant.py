"""Real daemons and trainers for tests of the command line: each daemon in a folder of its own, each trainer on a thread."""
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "daemon"))
import example_trainer  # noqa: E402  (it lies beside the daemon's tests)

POLICY = """version = 1
name = "plant"
mode = "enforce"
[knob.kl]
base = 0.0
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.3
consecutive = 2
[rule.defend]
of = ["judge"]
latch = true
set.kl = 2.0
alert = "critical"
"""
SIGNALS = [{"name": "judge/score", "unit": "1", "min": 0.0, "max": 1.0, "every_steps": 1},
           {"name": "表記/長い名前の信号", "unit": "1", "every_steps": 1}]


class Daemon:
    def __init__(self, build, root):
        self.bin, self.root = build / "bin", root
        self.sockets = root / "s"
        root.mkdir(exist_ok=True)
        (root / "policy.toml").write_text(POLICY)
        self.process = None

    def start(self):
        log = self.root / "log"
        begun = log.stat().st_size if log.exists() else 0
        self.process = subprocess.Popen([self.bin / "phaseguardd", "--policy", self.root / "policy.toml", "--runs-dir", self.root / "runs",
                                         "--endpoint-dir", self.sockets], stderr=open(log, "ab"))
        for _ in range(1200):
            if "is ready" in log.read_text()[begun:]:
                return self
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def run(self, *words):
        return run(self.bin, *words, "--endpoint-dir", self.sockets)


def run(bin_folder, *words, **environment):
    return subprocess.run([bin_folder / "phaseguard", *words], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})


class Training:
    """A trainer that goes on until it is stopped; `score` is what its judge says."""

    def __init__(self, daemon, name):
        self.trainer = example_trainer.Trainer(f"ipc://{daemon.sockets / 'telemetry'}", name, SIGNALS)
        self.score, self.stopped = 0.1, False
        self.thread = threading.Thread(target=self.train, daemon=True)
        self.thread.start()

    def train(self):
        while not self.stopped:
            self.trainer.update([[{"signal": "judge/score", "value": self.score}, {"signal": SIGNALS[1]["name"], "value": 0.5}]])
            self.trainer.pump(0.05)

    @property
    def value(self):
        return self.trainer.value

    def stop(self):
        self.stopped = True
        self.thread.join()


def eventually(condition, what):
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"never came: {what}")


def commands_in(daemon, name):
    """Operators' commands in the record of a run."""
    done = subprocess.run([daemon.bin / "phaseguard", "export", daemon.root / "runs" / f"{name}.phaseguard", "--format", "jsonl"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [m for m in map(json.loads, done.stdout.splitlines()) if m["kind"] == "command"]
