"""A real daemon in a folder of its own, for tests of the Python package."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
BIN = BUILD / "bin"
os.environ["PHASEGUARD_LIBRARY"] = str(BUILD / "lib" / "libphaseguard.so.0")
sys.path.insert(0, str(SOURCE / "trainer-hook" / "python"))

POLICY = """
version = 1
name = "python"
[knob.kl]
base = 0.0
min = 0.0
max = 4.0
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.5
consecutive = 2
[rule.defend]
of = ["judge"]
set.kl = 2.0
latch = true
"""


class Daemon:
    def __init__(self, root, policy=POLICY):
        self.root, self.process = root, None
        self.policy = root / "policy.toml"
        self.policy.write_text(policy)
        self.endpoint = f"ipc://{root}/s/telemetry"
        self.start()

    def start(self):
        began = (self.root / "log").read_text().count("is ready") if (self.root / "log").exists() else 0
        self.process = subprocess.Popen([BIN / "phaseguardd", "--policy", self.policy, "--runs-dir", self.root / "runs",
                                         "--endpoint-dir", self.root / "s"], stderr=open(self.root / "log", "ab"))
        for _ in range(200):
            if (self.root / "log").read_text().count("is ready") > began:
                return
            time.sleep(0.05)
        sys.exit((self.root / "log").read_text())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ctl(self, *words):
        return subprocess.run([BIN / "phaseguard", *map(str, words)], capture_output=True, text=True, timeout=60)

    def status(self):
        done = self.ctl("status", "--endpoint-dir", self.root / "s", "--json")
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def run_file(self, run):
        return self.root / "runs" / f"{run}.phaseguard"


@contextlib.contextmanager
def daemon(policy=POLICY):
    with tempfile.TemporaryDirectory(prefix="pgp-") as folder:
        one = Daemon(pathlib.Path(folder), policy)
        try:
            yield one
        finally:
            one.kill()


def wait_for(what, said, seconds=20.0):
    for _ in range(int(seconds / 0.02)):
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(said)
