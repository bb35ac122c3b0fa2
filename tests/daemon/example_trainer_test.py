#!/usr/bin/env python3
"""The example trainer against the real daemon and the policy it ships for this: it trips over micro-batches, outlives a daemon that is
killed with nothing lost, goes on from a checkpoint, and leaves a record that verifies.

usage: example_trainer_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import example_trainer

SOURCE, BIN = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "bin"
SIGNALS = [
    {"name": "judge/score", "unit": "1", "min": 0.0, "max": 1.0, "every_steps": 1, "join": "max"},
    {"name": "data/llr_share", "unit": "1", "min": 0.0, "max": 1.0, "every_steps": 1},
    {"name": "canary/margin", "unit": "nats", "every_steps": 5},
    {"name": "canary/js", "unit": "nats", "min": 0.0, "max": 0.6931471805599453, "every_steps": 5},
]


def start_daemon(root):
    daemon = subprocess.Popen([BIN / "phaseguardd", "--policy", SOURCE / "assets/policies/hybrid.toml", "--runs-dir", root / "runs",
                               "--endpoint-dir", root / "s"], stderr=open(root / "log", "ab"))
    for _ in range(200):
        if (root / "s" / "telemetry").exists() and "is ready" in (root / "log").read_text():
            return daemon
        time.sleep(0.05)
    sys.exit((root / "log").read_text())


def step(trainer, risk):
    """Four micro-batches, one of them harmful if the run is."""
    trainer.update([[{"signal": "judge/score", "value": risk if k == 2 else 0.05},
                     {"signal": "data/llr_share", "value": risk}] for k in range(4)], [512.0, 512.0, 256.0, 512.0])
    if trainer.step % 5 == 0:
        trainer.report("canary", samples=[{"signal": "canary/margin", "value": 0.1}, {"signal": "canary/js", "value": 0.02}])


def status(root):
    done = subprocess.run([BIN / "phaseguard", "status", "--endpoint-dir", root / "s", "--json"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done
    return json.loads(done.stdout)["runs"][0]


def recorded_numbers(root):
    """By attempt: numbers of the trainer's messages that the record has, in their order there."""
    done = subprocess.run([BIN / "phaseguard", "export", root / "runs" / "example.phaseguard", "--format", "jsonl"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done
    numbers = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("attempt", 0) > 0:
            numbers.setdefault(message["attempt"], []).append(message["src"])
    return numbers


def main():
    with tempfile.TemporaryDirectory(prefix="pgx-") as folder:
        root = pathlib.Path(folder)
        daemon = start_daemon(root)
        endpoint = f"ipc://{root / 's' / 'telemetry'}"
        trainer = example_trainer.Trainer(endpoint, "example", SIGNALS)
        trainer.pump(0.5)
        assert trainer.linked, trainer.rejected
        for _ in range(10):
            step(trainer, 0.05)
        assert trainer.value == 0.0
        for _ in range(12):
            step(trainer, 0.9)
        assert trainer.value == 2.0 and trainer.rollbacks == 1, (trainer.value, trainer.rollbacks)

        daemon.kill()
        daemon.wait()
        for _ in range(30):
            step(trainer, 0.05)
            assert trainer.value == 2.0
        assert len(trainer.journal) >= 30
        daemon = start_daemon(root)
        trainer.pump(4.0)
        assert trainer.linked and not trainer.journal, (trainer.linked, len(trainer.journal), trainer.rejected)
        assert trainer.value == 2.0
        alerts = [alert for alert in status(root)["alerts"] if alert["source"].split(":")[0] in ("signal", "link", "record")]
        assert not alerts, alerts

        checkpoint = trainer.checkpoint()
        trainer.vanish()
        resumed = example_trainer.Trainer(endpoint, "example", SIGNALS, checkpoint)
        assert resumed.value == 2.0  # before anybody is heard
        for _ in range(70):  # until the daemon has given the silent one up
            step(resumed, 0.05)
            assert resumed.value == 2.0
            resumed.pump(0.2)
        assert resumed.linked and resumed.attempt == 2, (resumed.attempt, resumed.rejected)
        resumed.finish()
        assert status(root)["end"] == "finished"
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=5) == 0
        # A record is nobody else's to read.
        assert (root / "runs").stat().st_mode & 0o777 == 0o700
        for file in (root / "runs").iterdir():
            assert file.stat().st_mode & 0o777 == 0o600, (file, oct(file.stat().st_mode))
        for attempt, numbers in recorded_numbers(root).items():
            assert numbers == list(range(1, len(numbers) + 1)), (attempt, numbers)
        verified = subprocess.run([BIN / "phaseguard", "verify", root / "runs" / "example.phaseguard"], capture_output=True, text=True, timeout=30)
        assert verified.returncode == 0, verified
        print(verified.stdout.strip())


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).parent)
    main()
