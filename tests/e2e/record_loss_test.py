#!/usr/bin/env python3
"""A record that is lost under a real training run: lambda does not fall, somebody is told, `verify` says what happened.

usage: record_loss_test.py SOURCE_DIR BUILD_DIR [--all]

Each cell trains the real lab under the real daemon, brings the run into a state, takes the record away in one way, kills the
daemon with SIGKILL and starts it anew. --all: every way in every state, before the start and while the daemon runs (half an
hour); else one of each way. Exits 1 when lambda fell, nobody was told within 2 s of the new link, or the run was not linked again.
"""
import argparse
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

POLICY = """version = 1
name = "loss"
mode = "enforce"

[knob.kl]
base = 0.0
min = 0.0
max = 4.0

[detector.judge]
signal = "judge/score"
type = "level"
above = %s
consecutive = 2

[rule.defend]
of = ["judge"]
latch = %s
set.kl = 2.0
alert = "critical"
"""
RUN = "x"
# State: threshold, latch, commands that bring it about, lambda then.
STATES = {
    "tripped": (0.3, "true", [], 2.0),
    "active": (0.3, "false", [], 2.0),
    "forced up": (1.0, "false", [["force", "kl", "--value", "1.5"]], 1.5),
    "forced down": (0.3, "false", [["force", "kl", "--value", "0.5", "--for-steps", "100000", "--reason", "test"]], 0.5),
    "inhibited": (0.3, "false", [["inhibit", "defend", "--for-steps", "100000", "--reason", "test"]], 0.0),
}


class Cell:
    def __init__(self, build, root, state):
        self.build, self.root, self.state = build, root, state
        self.runs, self.sockets, self.log, self.lab_log = root / "runs", root / "s", root / "log", root / "lab.log"
        self.runs.mkdir()
        threshold, latch, self.commands, self.wanted = STATES[state]
        (root / "policy.toml").write_text(POLICY % (threshold, latch))
        self.daemon = self.lab = None

    @property
    def file(self):
        return self.runs / f"{RUN}.phaseguard"

    def start_daemon(self):
        self.daemon = subprocess.Popen([self.build / "bin/phaseguardd", "--policy", self.root / "policy.toml", "--runs-dir", self.runs,
                                        "--endpoint-dir", self.sockets], stderr=open(self.log, "ab"))

    def kill_daemon(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def start_lab(self):
        self.lab = subprocess.Popen([self.build / "bin/phaseguard-lab", "finetune", "--data", "malicious", "--steps", "100000",
                                     "--step-delay", "15", "--run", RUN, "--endpoint-dir", self.sockets],
                                    stdout=open(self.lab_log, "ab"), stderr=subprocess.STDOUT)

    def ctl(self, *words):
        return subprocess.run([self.build / "bin/phaseguard", *words], capture_output=True, text=True)

    def status(self):
        said = self.ctl("status", "--run", RUN, "--json", "--endpoint-dir", str(self.sockets))
        if said.returncode != 0:
            return None
        return json.loads(said.stdout)["runs"][0]

    def wait(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while True:
            status = self.status()
            if status and condition(status):
                return status
            assert time.monotonic() < end, f"not within {seconds} s: {what}; last {status and status.get('alerts')}; log " + \
                self.log.read_text()[-600:]
            time.sleep(0.1)

    def moves(self):
        """Each change of lambda that the trainer made, in order."""
        return [(float(a), float(b)) for a, b in re.findall(r"lambda (\S+) -> (\S+) ", self.lab_log.read_text())]

    def reach(self):
        if self.state == "inhibited":
            self.wait(lambda s: s["link"] == "active", 60, "linked")
        for command in self.commands:
            if self.state == "forced down":
                self.wait(lambda s: applied(s) == 2.0, 60, "active")
            elif self.state == "forced up":
                self.wait(lambda s: s["link"] == "active", 60, "linked")
            said = self.ctl(*command, "--run", RUN, "--endpoint-dir", str(self.sockets))
            assert said.returncode == 0, said.stderr
        self.wait(lambda s: applied(s) == self.wanted, 60, f"lambda {self.wanted}")
        time.sleep(2.5)

    def close(self):
        for process in (self.lab, self.daemon):
            if process and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


def applied(status):
    return next(knob["applied"] for knob in status["knobs"] if knob["name"] == "kl")


def logs_of(cell):
    return [cell.runs / f"{RUN}.phaseguard{end}" for end in ("", "-wal", "-shm")]


def remove(cell):
    for path in logs_of(cell):
        path.unlink(missing_ok=True)


def move(cell):
    (cell.root / "elsewhere").mkdir()
    for path in logs_of(cell):
        if path.exists():
            path.rename(cell.root / "elsewhere" / path.name)


def truncate(cell):
    os.truncate(cell.file, 4096)


def replace(cell):
    remove(cell)
    cell.file.write_bytes(b"not a run file\n" * 1000)


def older_copy(cell):
    remove(cell)
    for path in (cell.root / "older").iterdir():
        shutil.copy(path, cell.runs / path.name)


def other_folder(cell):
    cell.runs = cell.root / "runs2"
    cell.runs.mkdir()


def lose_log(cell):
    (cell.runs / f"{RUN}.phaseguard-wal").unlink(missing_ok=True)


def leave_log(cell):
    cell.file.unlink()


def lock(cell):
    held = open(cell.runs / f"{RUN}.phaseguard-lock", "w")
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(3.0, held.close).start()


# Way: what is done, what the alert or log says of it; None: nothing is lost.
WAYS = {
    "removed": (remove, "adopted|another record"),
    "moved": (move, "adopted|another record"),
    "truncated": (truncate, "cut short|truncated|damaged|cannot be used"),
    "replaced": (replace, "cannot be used|another file|expected a PhaseGuard run file"),
    "older copy": (older_copy, "older copy"),
    "other folder": (other_folder, "adopted|another record"),
    "log lost": (lose_log, "older copy|adopted|log was removed|another record"),
    "log left": (leave_log, "adopted|another record|removed or moved"),
    "locked": (lock, None),
}


def run_cell(build, way, state, running):
    tamper, told = WAYS[way]
    with tempfile.TemporaryDirectory(prefix="pgl-") as folder:
        cell = Cell(build, pathlib.Path(folder), state)
        try:
            cell.start_daemon()
            time.sleep(0.3)
            cell.start_lab()
            if way == "older copy":
                cell.wait(lambda s: s["link"] == "active", 60, "linked")
                (cell.root / "older").mkdir()
                for path in logs_of(cell):
                    if path.exists():
                        shutil.copy(path, cell.root / "older" / path.name)
            cell.reach()
            before = len(cell.moves())
            alert = None
            if running and way not in ("other folder", "locked"):
                tamper(cell)
                if way == "log lost":  # the daemon writes it anew from what it has open, and says so
                    time.sleep(2)
                    assert "write-ahead log was removed" in cell.log.read_text(), cell.log.read_text()[-500:]
                    assert "the record can be written again; what was recorded meanwhile is in it" in cell.log.read_text()
                elif way == "truncated":  # so young a record is whole in its log, from which the daemon mends it
                    time.sleep(6)
                    assert "cut short while it was written" in cell.log.read_text(), cell.log.read_text()[-500:]
                    assert "the record can be written again; what was recorded meanwhile is in it" in cell.log.read_text()
                else:
                    status = cell.wait(lambda s: find(s, "record cannot be written"), 2.5, "an alert while running")
                    alert = find(status, "record cannot be written")
            cell.kill_daemon()
            if not running or way in ("other folder", "locked"):
                tamper(cell)
            if way == "truncated":
                told = None
                cell.start_daemon()
                time.sleep(4)
                if "cannot be used now" in cell.log.read_text():  # its log does not hold all that was cut off
                    remove(cell)  # what a person does then
                    told = "adopted|another record"
                cell.kill_daemon()
            elif way == "replaced":
                cell.start_daemon()
                time.sleep(12)
                said = cell.log.read_text()
                assert re.search(told, said), said[-500:]
                alert = alert or re.search(told, said).group(0)
                cell.kill_daemon()
                remove(cell)  # what a person does then
                told = "adopted|another record"
            cell.start_daemon()
            began = time.monotonic()
            status = cell.wait(lambda s: s["link"] == "active" and s["knobs"] and applied(s) is not None, 40, "linked again")
            linked = time.monotonic() - began
            if way == "log lost" and running:
                told = None
            if told:
                status = cell.wait(lambda s: find(s, told), 2.5, "an alert")
                alert = find(status, told)
            time.sleep(3)
            moves = cell.moves()[before:]
            lowest = min([to for _, to in moves] + [cell.wanted])
            assert lowest >= cell.wanted, f"lambda fell: {moves}"
            cell.close()
            verified = cell.ctl("verify", str(cell.file))
            words = (verified.stdout + verified.stderr).strip()
            if told:
                assert re.search(told, words), f"verify names nothing: {words}"
            else:
                assert verified.returncode == 0, f"something was lost: {words}"
            return f"ok, linked after {linked:.1f} s; {alert or 'nothing was lost'}"[:120]
        finally:
            cell.close()


def find(status, pattern):
    for alert in status["alerts"]:
        if alert["severity"] in ("high", "critical") and re.search(pattern, alert["text"]):
            return f"{alert['severity']}: {alert['text']}"
    return None


def cells(everything):
    if everything:
        return [(way, state, running) for way in WAYS for state in STATES for running in (False, True)]
    states = list(STATES)
    return [(way, states[i % len(states)], i % 2 == 1) for i, way in enumerate(WAYS)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", help="a way")
    options = parser.parse_args()
    failed = 0
    for way, state, running in cells(options.all):
        if options.only and way != options.only:
            continue
        try:
            said = run_cell(options.build.resolve(), way, state, running)
        except AssertionError as error:
            said, failed = f"FAILED: {error}", failed + 1
        print(f"| {way} | {state} | {'while running' if running else 'before start'} | {said} |", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
