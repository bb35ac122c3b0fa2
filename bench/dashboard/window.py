#!/usr/bin/env python3
"""What the dashboard's whole process costs in a real window under software GL (1280x720), as shares of one core, and as JSON.

Cases: a recording that stands still; a live run that says nothing but that it lives; one whose trainer has gone, so that ages tick; 1 and 64
live runs of 20 signals, each once a second. Beside each the daemon that serves them, over the same time. Real daemon, trainers, X server.

usage: window.py SOURCE_DIR BUILD_DIR [SECONDS]     SECONDS of one case (default 30)
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 30.0
sys.path[:0] = [str(SOURCE / "tests/ctl/live"), str(SOURCE / "tests/dashboard"), str(SOURCE / "tests/daemon")]
import example_trainer  # noqa: E402
import plant  # noqa: E402
from x_server import Screen  # noqa: E402

SIGNALS = [{"name": "judge/score", "unit": "1", "min": 0.0, "max": 1.0, "every_steps": 1},
           *({"name": f"mine/s{i}", "unit": "1", "every_steps": 1} for i in range(19))]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Crowd:
    """So many trainers on one thread, each a step a second, spread over it; `quiet`: only their heartbeats."""

    def __init__(self, daemon, count, quiet):
        self.trainers = [example_trainer.Trainer(f"ipc://{daemon.sockets / 'telemetry'}", f"run-{i:02}", SIGNALS) for i in range(count)]
        self.quiet, self.stopped, self.steps = quiet, False, 0
        self.thread = threading.Thread(target=self.train, daemon=True)
        self.thread.start()

    def train(self):
        due = [time.monotonic() + i / len(self.trainers) for i in range(len(self.trainers))]
        while not self.stopped:
            for i, trainer in enumerate(self.trainers):
                trainer.pump()
                if time.monotonic() < due[i] or (self.quiet and trainer.step > 5):
                    continue
                due[i] += 1.0
                value = 0.2 + 0.05 * ((self.steps * 7) % 5) / 5
                trainer.update([[{"signal": s["name"], "value": value} for s in SIGNALS]])
                self.steps += 1
            time.sleep(0.005)

    def stop(self):
        self.stopped = True
        self.thread.join()


@contextlib.contextmanager
def window(root, *arguments):
    screen = Screen(root)
    process = subprocess.Popen([BUILD / "bin/phaseguard-dashboard", "--size", "1280x720", *arguments],
                               env={**screen.environment, "XDG_CONFIG_HOME": str(root / "config"),
                                    "XDG_STATE_HOME": str(root / "state")})
    try:
        time.sleep(8.0)  # opening is another figure
        yield process
    finally:
        process.terminate()
        process.wait()
        screen.end()


def shares(processes):
    """Share of a core of each, over the same time."""
    before, began = {name: cpu_seconds(pid) for name, pid in processes.items()}, time.monotonic()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    return {name: round(100.0 * (cpu_seconds(pid) - before[name]) / took, 2) for name, pid in processes.items()}


def recording(root):
    folder = root / "runs"
    folder.mkdir()
    subprocess.run([BUILD / "bin/write_synthetic_run", folder], check=True, stdout=subprocess.DEVNULL)
    with window(root, next(folder.glob("*.phaseguard"))) as process:
        return shares({"dashboard_percent": process.pid})


def live(root, count, quiet=False, gone=False):
    daemon = plant.Daemon(BUILD, root / "d").start()
    crowd = Crowd(daemon, count, quiet)
    try:
        with window(root, "--endpoint-dir", daemon.sockets) as process:
            if gone:
                crowd.stop()
            steps = crowd.steps
            found = shares({"dashboard_percent": process.pid, "daemon_percent": daemon.process.pid})
            return {**found, "reports_per_s": round((crowd.steps - steps) / SECONDS, 1)}
    finally:
        crowd.stop()
        daemon.kill()


def main():
    out = {"what": "share of one core, whole process, software GL at 1280x720", "seconds": SECONDS}
    cases = {"recording": recording, "quiet": lambda root: live(root, 1, quiet=True),
             "ages": lambda root: live(root, 1, gone=True), "runs_1": lambda root: live(root, 1),
             "runs_64": lambda root: live(root, 64)}
    for name, case in cases.items():
        with tempfile.TemporaryDirectory(prefix="phaseguard-") as folder:
            out[name] = case(pathlib.Path(folder))
    print(json.dumps(out, indent=2))


main()
