#!/usr/bin/env python3
"""The real phaseguardd among many peers: seats that are all taken, tools that do not hang up.

usage: crowd_test.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import msgpack
import zmq

KL = {"name": "kl", "unit": "1", "min": 0.0, "max": 4.0, "site": "batch", "direction": "model_ref", "mask": "answer",
      "normaliser": "token_mean_step", "form": "additive", "reference": "zero"}
SIGNALS = [{"name": name, "unit": unit} for name, unit in
           (("judge/score", "1"), ("data/llr_share", "1"), ("canary/margin", "nats"), ("canary/js", "nats"))]


def dealer(endpoint):
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger, socket.immediate, socket.rcvtimeo, socket.sndtimeo = 0, 1, 5000, 5000
    socket.connect(endpoint)
    return socket


def packed(kind, run, seq, step, attempt, **fields):
    return msgpack.packb({"v": [1, 1], "kind": kind, "run": run, "seq": seq, "step": step, "t": time.time(), "attempt": attempt, **fields})


def hello(run, attempt=1, session="", **more):
    return packed("hello", run, 1, 0, attempt, session=session or run, knobs=[KL], signals=SIGNALS, requests=["rollback"], **more)


def answer(socket, *kinds):
    while True:
        message = msgpack.unpackb(socket.recv())
        if message["kind"] in kinds:
            return message


def wait_for(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "not within 5 s"
        time.sleep(0.02)


def ask_status(endpoint):
    socket = dealer(endpoint)
    socket.send(packed("query", "", 1, -1, 0, id="x", what="status"))
    assert answer(socket, "reply")["status"] == "ok"
    return socket


class Daemon:
    def __init__(self, binary, root, seats, *more):
        config = root / "phaseguardd.toml"
        config.write_text(f"[daemon]\ntrainer_seats = {seats}\n")
        self.log = root / "log"
        self.process = subprocess.Popen([binary, "--config", config, "--policy", root / "policy.toml", "--runs-dir", root / "runs",
                                         "--endpoint-dir", root / "s", *more], stderr=open(self.log, "ab"))
        self.telemetry, self.operator = (f"ipc://{root}/s/{door}" for door in ("telemetry", "operator"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log.read_text()


def seats_are_told(daemon):
    first, second, third = (dealer(daemon.telemetry) for _ in range(3))
    for socket, run in ((first, "a"), (second, "b")):
        socket.send(hello(run))
        assert answer(socket, "welcome", "reject")["kind"] == "welcome", run
    third.send(hello("c"))
    told = answer(third, "welcome", "reject")
    assert told["kind"] == "reject" and told["code"] == "limit", told
    assert "all 2 seats for trainers are taken" in told["reason"] and "trainer_seats" in told["reason"], told
    wait_for(lambda: "without a seat" in daemon.log.read_text())
    first.send(packed("goodbye", "a", 2, 0, 1, reason="finished"))

    def is_welcomed():  # once the daemon has read the goodbye
        third.send(hello("c"))
        return answer(third, "welcome", "reject")["kind"] == "welcome"

    wait_for(is_welcomed)


def tools_that_do_not_hang_up(daemon):
    held = [ask_status(daemon.operator) for _ in range(200)]
    ask_status(daemon.operator)
    return len(held)


def two_starts_at_once(daemon, rounds):
    """One of them owns the run, whoever comes first; the other is told for how long."""
    sockets = [dealer(daemon.telemetry) for _ in range(2)]
    for i in range(rounds):
        run = f"twice{i}"
        for j in random.sample((0, 1), 2):
            sockets[j].send(hello(run, attempt=0, session=f"s{j}"))
        told = [answer(socket, "welcome", "reject") for socket in sockets]
        assert sorted(frame["kind"] for frame in told) == ["reject", "welcome"], told
        welcomed = next(frame for frame in told if frame["kind"] == "welcome")
        refused = next(frame for frame in told if frame["kind"] == "reject")
        assert welcomed["attempt"] == 1 and refused["code"] == "claimed" and "or in 10 s" in refused["reason"], told
        # Its frames may go on without the number, until it is known.
        owner = sockets[told.index(welcomed)]
        owner.send(packed("goodbye", run, 2, 0, 0, reason="finished"))


TRAINER = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from crowd_test import answer, dealer, hello
boot = open("/proc/sys/kernel/random/boot_id").read().strip()
start = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]
socket = dealer(sys.argv[2])
named = {"process": f"{boot} {os.readlink('/proc/self/ns/pid')} {os.getpid()} {start}"} if sys.argv[4] == "named" else {}
socket.send(hello(sys.argv[3], attempt=0, session="first", **named))
print(answer(socket, "welcome", "reject")["kind"], flush=True)
time.sleep(60)
"""


def killed_trainer_is_free(daemon, run, named):
    """Whether the next process gets the run at once when the one before was killed."""
    here = str(pathlib.Path(__file__).parent)
    first = subprocess.Popen([sys.executable, "-c", TRAINER, here, daemon.telemetry, run, named], stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline() == "welcome\n"
    second = dealer(daemon.telemetry)

    def told():
        second.send(hello(run, attempt=0, session="second"))
        return answer(second, "welcome", "reject")

    assert told()["kind"] == "reject"  # it lives
    first.kill()
    first.wait()
    return told()["kind"] == "welcome"


def log_lines_are_held_back(daemon):
    """Each command is a line of the log; of each level there are 1200 a minute at most."""
    trainer, operator = dealer(daemon.telemetry), dealer(daemon.operator)
    trainer.send(hello("loud"))
    assert answer(trainer, "welcome", "reject")["kind"] == "welcome"
    for n in range(1300):
        operator.send(packed("command", "loud", n + 1, -1, 0, id=f"n{n}", action="force", operator_name="loud", knob="kl", value=1.0 + n * 1e-3))
        if n % 50 == 49:
            for _ in range(50):
                answer(operator, "reply")
    return lambda: daemon.log.read_text().count("operator \"loud\"") <= 1200 and "lines of this log were held back" in daemon.log.read_text()


def bad_files_are_told(daemon):
    """Of 40 damaged run files eight are named, all are counted, and each trainer is told why."""
    log = daemon.log.read_text()
    assert log.count("not taken up again: ") == 9, log
    assert "and 32 more run files" in log and "but for 40 run files" in log, log
    trainer = dealer(daemon.telemetry)
    for run in ("bad00", "bad39"):
        trainer.send(hello(run))
        told = answer(trainer, "welcome", "reject")
        assert told["code"] == "record" and told["retry"] and "expected a PhaseGuard run file" in told["reason"], told
        wait_for(lambda: f"{run}: hello refused" in daemon.log.read_text())


def make_long(file, reports):
    """Puts so many more reports before the end of a recorded run, all like the one that is there."""
    with sqlite3.connect(file) as db:
        (last,) = db.execute("SELECT max(seq) FROM reports").fetchone()
        for seq, body in db.execute("SELECT seq, body FROM events WHERE seq > ? ORDER BY seq DESC", (last,)).fetchall():
            moved = msgpack.packb({**msgpack.unpackb(body), "seq": seq + reports})
            db.execute("UPDATE events SET seq = ?, body = ? WHERE seq = ?", (seq + reports, moved, seq))
        for table in ("reports", "points"):
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            values = [f"{name} + n" if name in ("seq", "step", "source_seq") else name for name in columns]
            db.execute(f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {reports}) "
                       f"INSERT INTO {table} SELECT {', '.join(values)} FROM {table}, c WHERE seq = {last}")


def record_a_run(daemon, run):
    trainer = dealer(daemon.telemetry)
    trainer.send(hello(run))
    assert answer(trainer, "welcome", "reject")["kind"] == "welcome"
    trainer.send(packed("batch", run, 2, 0, 1, batch=1, samples=[{"signal": "judge/score", "value": 0.1}]))
    trainer.send(packed("goodbye", run, 3, 0, 1, reason="finished"))
    answer(trainer, "control")
    wait_for(lambda: answer(trainer, "control")["ack"] == 3)


def others_are_answered_meanwhile(daemon):
    """While the long record of a run is read back; its own trainer is welcomed then."""
    other, trainer, operator = dealer(daemon.telemetry), dealer(daemon.telemetry), dealer(daemon.operator)
    other.send(hello("other"))
    assert answer(other, "welcome", "reject")["kind"] == "welcome"
    trainer.send(hello("long", attempt=2, session="again"))
    answered, told = 0, set()
    while not trainer.poll(0):
        operator.send(packed("query", "long", 1, -1, 0, id="l", what="status"))
        told.add(answer(operator, "reply").get("text", ""))
        operator.send(packed("query", "other", 1, -1, 0, id="o", what="status"))
        assert answer(operator, "reply")["status"] == "ok"
        answered += 1
    assert answer(trainer, "welcome", "reject")["kind"] == "welcome"
    assert answered >= 4 and any("is being read back" in text for text in told), (answered, told)
    return answered


def a_deleted_record_begins_anew(daemon, root):
    """The name of an ended run whose record was deleted by hand is used again; no other run is held back by that."""
    record_a_run(daemon, "again")
    other, trainer = dealer(daemon.telemetry), dealer(daemon.telemetry)
    other.send(hello("beside"))
    assert answer(other, "welcome", "reject")["kind"] == "welcome"
    (root / "runs/again.phaseguard").unlink()
    trainer.rcvtimeo = 500
    for _ in range(10):
        trainer.send(hello("again", attempt=0, session="anew"))
        try:
            told = answer(trainer, "welcome", "reject")
            break
        except zmq.Again:
            pass
    assert told["kind"] == "welcome" and told["attempt"] == 1, told
    assert (root / "runs/again.phaseguard").exists() and "begins with the next hello" in daemon.log.read_text()
    assert "nothing is lowered" not in daemon.log.read_text()


def main():
    source, build = map(pathlib.Path, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="pgd-") as folder:
        root = pathlib.Path(folder)
        (root / "policy.toml").write_text((source / "assets/policies/hybrid.toml").read_text())
        with Daemon(build / "bin/phaseguardd", root, 2) as daemon:
            ask_status(daemon.operator)
            seats_are_told(daemon)
            n = tools_that_do_not_hang_up(daemon)
        with Daemon(build / "bin/phaseguardd", root, 64) as daemon:
            ask_status(daemon.operator)
            two_starts_at_once(daemon, 500)
            assert killed_trainer_is_free(daemon, "named", "named")
            assert not killed_trainer_is_free(daemon, "nameless", "nameless")
        with Daemon(build / "bin/phaseguardd", root, 2) as daemon:
            ask_status(daemon.operator)
            are_held_back = log_lines_are_held_back(daemon)
        assert are_held_back()
        daemon.log.unlink()
        for i in range(40):
            (root / f"runs/bad{i:02}.phaseguard").write_bytes(b"no run file" * 100)
        with Daemon(build / "bin/phaseguardd", root, 2) as daemon:
            ask_status(daemon.operator)
            bad_files_are_told(daemon)
            record_a_run(daemon, "long")
        make_long(root / "runs/long.phaseguard", 400_000)
        with Daemon(build / "bin/phaseguardd", root, 16) as daemon:
            ask_status(daemon.operator)
            a_deleted_record_begins_anew(daemon, root)
            answered = others_are_answered_meanwhile(daemon)
    print(f"2 seats told of, {n} tools at once answered, of 500 times two starts at once one each owns the run, a killed one's run is free at once, "
          f"{answered} answers while a long record was read")


if __name__ == "__main__":
    main()
