#!/usr/bin/env python3
"""Checkpoints laid out as transformers.Trainer lays them out, after a rollback, under the real phaseguardd.

usage: resume_test.py SOURCE_DIR BUILD_DIR

A trainer keeps checkpoint-STEP folders and goes on from the one with the highest number, as transformers' get_last_checkpoint does. After
a rollback that is one of the line that was given up: the daemon refuses it, names a good one, and a person can let it in.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import uuid

from crowd_test import KL, Daemon, answer, ask_status, dealer, packed

POLICY = """version = 1
name = "resume"
mode = "enforce"

[knob.kl]
base = 0.0
max = 4.0

[detector.judge]
signal = "judge/score"
type = "level"
above = 0.30
consecutive = 2

[rule.defend]
of = ["judge"]
latch = true
set.kl = 2.0
request = "rollback"
"""
RUN = "mine"
KNOWN = ("record", "position", "rollbacks", "held")


def last_checkpoint(folder):
    """The folder with the highest step in its name."""
    return max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))


class Trainer:
    def __init__(self, daemon, checkpoint=None):
        self.socket, self.number, self.step, self.segment = dealer(daemon.telemetry), 1, 0, 0
        self.knows = {"rollbacks": 0, "held": []}
        if checkpoint:
            self.knows = json.loads((checkpoint / "phaseguard.json").read_text())
            self.step = json.loads((checkpoint / "trainer_state.json").read_text())["global_step"]
        told = {key: self.knows[key] for key in KNOWN if key in self.knows} if checkpoint else {}
        self.socket.send(packed("hello", RUN, 1, self.step, 0, session=uuid.uuid4().hex, start_step=self.step, total_steps=100, knobs=[KL],
                                signals=[{"name": "judge/score", "unit": "1", "min": 0.0, "max": 1.0}], requests=["rollback"], **told))
        self.answer = answer(self.socket, "welcome", "reject")
        if self.answer["kind"] == "welcome":
            self.attempt = self.answer["attempt"]
            self.knows.update({key: self.answer[key] for key in ("record", "position") if key in self.answer})
            self.knows["before"] = self.answer.get("rollbacks", 0)

    def send(self, kind, **fields):
        self.number += 1
        self.socket.send(packed(kind, RUN, self.number, self.step, self.attempt, **fields))

    def update(self, judge):
        """One step; gives the kl in force, and the request that came with it, if any."""
        self.send("batch", batch=self.step + 1, wants_control=True, samples=[{"signal": "judge/score", "value": judge}])
        request = None
        while True:
            message = answer(self.socket, "control", "request")
            if message["kind"] == "request":
                request = message
            elif message.get("answers_batch") == self.step + 1:
                break
        self.knows.update({key: message[key] for key in ("position", "held") if key in message})
        kl = message["knobs"][0]
        self.step += 1
        self.send("applied", source="daemon", segment=self.segment, state_version=message["state_version"],
                  knobs=[{"name": "kl", "value": kl["value"], "decision": kl["decision"], "cause": kl["cause"]}])
        return kl["value"], request

    def save(self, folder):
        checkpoint = folder / f"checkpoint-{self.step}"
        checkpoint.mkdir()
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": self.step}))
        (checkpoint / "phaseguard.json").write_text(json.dumps({**self.knows, "rollbacks": self.knows["before"] + self.segment}))

    def roll_back(self, request, step):
        self.segment, self.step = self.segment + 1, step
        self.send("applied", source="daemon", segment=self.segment, knobs=[{"name": "kl", "value": 2.0}],
                  requests=[{"id": request["id"], "status": "done", "restored_step": step}])

    def end(self):
        self.send("goodbye", reason="interrupted")


def train_until_rolled_back(daemon, folder):
    trainer, request = Trainer(daemon), None
    assert trainer.answer["kind"] == "welcome", trainer.answer
    while not request:
        if trainer.step in (5, 10):
            trainer.save(folder)
        kl, request = trainer.update(0.1 if trainer.step < 11 else 0.9)
    assert kl == 2.0
    trainer.save(folder)  # as it would by its own count, before it does what is asked
    trainer.roll_back(request, 5)
    for _ in range(3):
        assert trainer.update(0.1)[0] == 2.0
    trainer.save(folder)
    trainer.end()
    return trainer.step


def main():
    source, build = map(pathlib.Path, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="pgr-") as name:
        root = pathlib.Path(name)
        (root / "policy.toml").write_text(POLICY)
        folder = root / "out"
        folder.mkdir()
        with Daemon(build / "bin/phaseguardd", root, 64) as daemon:
            ask_status(daemon.operator)
            good = train_until_rolled_back(daemon, folder)
            newest = last_checkpoint(folder)
            assert newest.name == "checkpoint-13" and good == 8, (newest, good)
            told = Trainer(daemon, newest).answer
            assert told["kind"] == "reject" and told["code"] == "superseded", told
            for part in ("goes on from step 13", "took back to step 5", "allow-resume mine --reason"):
                assert part in told["reason"], told["reason"]
            # The newest of the live line is let in, and has from its first step what is latched.
            resumed = Trainer(daemon, folder / f"checkpoint-{good}")
            assert resumed.answer["kind"] == "welcome", resumed.answer
            assert [k["value"] for k in resumed.answer["knobs"]] == [2.0], resumed.answer
            assert resumed.update(0.1)[0] == 2.0
            resumed.end()
            # A person lets the other one in.
            done = subprocess.run([build / "bin/phaseguard", "allow-resume", RUN, "--reason", "its owner wants it", "--endpoint-dir", root / "s"],
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            let_in = Trainer(daemon, newest)
            assert let_in.answer["kind"] == "welcome", let_in.answer
            assert let_in.update(0.1)[0] == 2.0
            let_in.end()
        verified = subprocess.run([build / "bin/phaseguard", "verify", root / f"runs/{RUN}.phaseguard"], capture_output=True, text=True)
        assert verified.returncode == 0, verified.stdout + verified.stderr
    print("checkpoint-13 of the line that was rolled back is refused, checkpoint-8 goes on at kl 2, and a person lets the other in")


if __name__ == "__main__":
    main()
