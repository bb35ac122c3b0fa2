#!/usr/bin/env python3
"""Keys and roles, tried on the real phaseguardd: every role x every kind of message x every door x both transports, with no key, with keys
that are wrong, revoked or another daemon's, and from another user. What has no right changes nothing in the record.

usage: keys_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import msgpack
import zmq

from crowd_test import answer, hello, packed
from resume_test import POLICY

SOURCE, BIN = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "bin"
DOORS = ("telemetry", "operator", "query", "feed")
RUN, OTHER = "team-a-1", "team-b-1"  # both live; the team's keys are for team-a-*
# Doors at which a role is listened to at all.
OPEN = {"trainer": {"telemetry"}, "viewer": {"query", "feed"}, "operator": {"operator", "query", "feed"}, "team operator": {"operator"}}
SETTLED_S = 0.15


def frames(run):
    """One of each kind, about the run; commands with an id of their own, so that none is taken for a repeated one."""
    found = {}
    for file in sorted((SOURCE / "tests/data/wire").glob("v1*/*.bin")):
        message = msgpack.unpackb(file.read_bytes())
        message["run"] = run
        found.setdefault(message["kind"], []).append(message)
    command = {"operator_name": "eve", "reason": "none of her business", "expected_version": -1}
    found["command"] += [{**found["command"][0], **command, "id": f"{action}-{run}-{time.monotonic_ns()}", "action": action, **more}
                         for action, more in (("force", {"knob": "kl", "value": 3.0, "rule": ""}), ("reset", {"rule": "defend"}),
                                              ("inhibit", {"rule": "defend", "expires_after_steps": 5}), ("release", {"knob": "kl"}))]
    return {kind: [msgpack.packb(message) for message in messages] for kind, messages in found.items()}


def keys_in(file):
    return dict(line.split(" ", 1) for line in file.read_text().splitlines() if line and not line.startswith("#"))


def connect(endpoint, key=None, kind=zmq.DEALER, server=None):
    socket = zmq.Context.instance().socket(kind)
    socket.linger, socket.rcvtimeo, socket.sndtimeo = 0, 5000, 5000
    if kind == zmq.DEALER:
        socket.immediate = 1
    else:
        socket.subscribe("")
    if key:
        held = keys_in(key)
        socket.curve_secretkey = held["secret"].encode()
        socket.curve_publickey = zmq.curve_public(held["secret"].encode())
        socket.curve_serverkey = server or held["server"].encode()
    socket.connect(endpoint)
    return socket


class Plant:
    """A daemon that asks for keys, at one transport."""

    def __init__(self, root, transport):
        self.root, self.keys = root, root / "keys"
        root.mkdir()
        (root / "policy.toml").write_text(POLICY)
        (root / "config.toml").write_text("[daemon]\nsilent_s = 600.0\nlost_s = 1200.0\n")
        ports = iter(range(0))
        if transport == "tcp":
            held = [zmq.Context.instance().socket(zmq.PAIR) for _ in DOORS]
            ports = iter([socket.bind_to_random_port("tcp://127.0.0.1") for socket in held])
            for socket in held:
                socket.close(0)
        self.at = {door: f"tcp://127.0.0.1:{next(ports)}" if transport == "tcp" else f"ipc://{root}/s/{door}" for door in DOORS}
        self.log = root / "log"
        self.process = None

    def ctl(self, *words, **environment):
        return subprocess.run([BIN / "phaseguard", *map(str, words)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PHASEGUARD_KEYS": str(self.keys), **environment})

    def new(self, name, role, runs="*"):
        file = self.root / f"{name}.key"
        made = self.ctl("keys", "new", name, "--role", role, "--runs", runs, "--out", file)
        assert made.returncode == 0, made
        return file

    def start(self):
        doors = [word for door in DOORS for word in (f"--{door}", self.at[door])]
        self.process = subprocess.Popen([BIN / "phaseguardd", "--config", self.root / "config.toml", "--policy", self.root / "policy.toml",
                                         "--runs-dir", self.root / "runs", "--endpoint-dir", self.root / "s", "--keys", self.keys, *doors],
                                        stderr=open(self.log, "ab"))
        end = time.monotonic() + 30
        while "is ready" not in self.log.read_text():
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(20) == 0, self.log.read_text()

    def record(self, run):
        """Everything that is recorded of a run, in order."""
        with sqlite3.connect(f"file:{self.root}/runs/{run}.phaseguard?mode=ro", uri=True) as base:
            tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            rows = [(table, row) for table in tables for row in base.execute(f"SELECT * FROM {table}")]
            return len(rows), hash(tuple(rows))

    def ask(self, key):
        socket = connect(self.at["query"], key)
        socket.send(packed("query", RUN, 1, -1, 0, id="q", what="status"))
        reply = answer(socket, "reply")
        socket.close(0)
        return reply


def trainer_of(plant, key, run):
    socket = connect(plant.at["telemetry"], key)
    socket.send(hello(run))
    said = answer(socket, "welcome", "reject")
    assert said["kind"] == "welcome", said
    return socket


def attempts(plant, keys):
    """Who tries: name, key file, server key, doors that listen to him."""
    wrong = plant.root / "wrong.key"
    public, secret = zmq.curve_keypair()
    wrong.write_text(f"secret {secret.decode()}\nserver {keys_in(keys['viewer'])['server']}\n")
    yield "no key", None, None, set()
    yield "a key that nobody granted", wrong, None, set()
    yield "an operator who takes another for the daemon", keys["operator"], public, set()
    yield "a revoked operator", keys["revoked"], None, set()
    for role in ("trainer", "viewer", "operator", "team operator"):
        yield role, keys[role], None, OPEN[role]


def nothing_happens(plant, keys, transport):
    """Cells that must change nothing: all of a door that does not listen; of one that does, what the role may not."""
    cells = changed = 0
    for who, key, server, doors in attempts(plant, keys):
        for door in DOORS:
            for run in (RUN, OTHER):
                own = run == RUN  # of the trainer and the team's operator
                for kind, messages in frames(run).items():
                    allowed = door in doors and ((who == "operator" and kind in ("command", "query")) or (who == "team operator" and own) or
                                                 (who == "trainer" and own))
                    if allowed:
                        messages = []
                    before = plant.record(RUN), plant.record(OTHER)
                    if messages:
                        cells += 1
                        plant.try_all(door, key, server, messages)
                        after = plant.record(RUN), plant.record(OTHER)
                        if after != before:
                            changed += 1
                            print(f"CHANGED: {transport} {who} {door} {kind} {run}: {before} -> {after}")
    return cells, changed


def try_all(plant, door, key, server, messages):
    """One connection that sends all of them, as far as it is let in, and stays a while."""
    kept = plant.__dict__.setdefault("kept", {})
    name = (door, key, server)
    if name not in kept:
        kept[name] = connect(plant.at[door], key, zmq.DEALER if door != "feed" else zmq.SUB, server)
        time.sleep(SETTLED_S)  # a handshake
    if door == "feed":  # a SUB cannot send; its subscription is what it sends
        return
    for message in messages:
        try:
            kept[name].send(message, zmq.DONTWAIT)
        except zmq.Again:
            pass
    time.sleep(0.02)


Plant.try_all = try_all


def matrix(root, transport):
    with Plant(root, transport) as plant:
        keys = {"trainer": plant.new("t-a", "trainer", "team-a-*"), "viewer": plant.new("vic", "viewer"),
                "operator": plant.new("ann", "operator"), "team operator": plant.new("tom", "operator", "team-a-*"),
                "revoked": plant.new("eve", "operator"), "other trainer": plant.new("t-b", "trainer", "team-b-*")}
        gone = plant.ctl("keys", "revoke", "eve")
        assert gone.returncode == 0, gone
        plant.start()
        trainers = [trainer_of(plant, keys["trainer"], RUN), trainer_of(plant, keys["other trainer"], OTHER)]
        cells, changed = nothing_happens(plant, keys, transport)
        time.sleep(1.5)  # what is late
        for socket in plant.kept.values():
            socket.close(0)
        print(f"{transport}: {cells} cells without a right, {changed} state changes")
        assert changed == 0
        what_is_right_works(plant, keys, trainers)
        foreign_user(plant, transport)
        revocation(plant, keys)


def what_is_right_works(plant, keys, trainers):
    """The control: the same frames by who may send them are obeyed, and recorded with the key."""
    before = plant.record(RUN)
    force = plant.ctl_live("force", "kl", "--value", "3", "--run", RUN, "--reason", "a try", "--timeout", "1", key=keys["operator"])
    assert "not confirmed" in force.stdout + force.stderr or force.returncode in (0, 1), force
    assert plant.record(RUN) != before
    exported = plant.ctl("export", plant.root / "runs" / f"{RUN}.phaseguard", "--format", "jsonl")
    recorded = [json.loads(line) for line in exported.stdout.splitlines()]
    command = next(m for m in recorded if m["kind"] == "command")
    assert command["key"].startswith("ann#") and command["key"].endswith(" operator") and command["reason"] == "a try", command
    greeting = next(m for m in recorded if m["kind"] == "hello")
    assert greeting["key"].startswith("t-a#") and greeting["key"].endswith(" trainer"), greeting
    assert plant.ctl("verify", plant.root / "runs" / f"{RUN}.phaseguard").returncode == 0
    # A viewer sees, and is told why it cannot act; so is an operator of other runs.
    seen = plant.ctl_live("status", "--run", RUN, key=keys["viewer"])
    assert seen.returncode == 0 and RUN in seen.stdout, seen
    for key, run, why in ((keys["viewer"], RUN, "operator's key"), (keys["team operator"], OTHER, "is granted for runs")):
        refused = plant.ctl_live("force", "kl", "--value", "1", "--run", run, "--reason", "x", key=key)
        assert refused.returncode == 1 and why in refused.stderr, refused
    for key, why in ((keys["revoked"], "refused this key"), (plant.root / "none.key", "No such file")):
        refused = plant.ctl_live("status", key=key)
        assert refused.returncode == 1 and why in refused.stderr, refused
    keyless = plant.ctl_live("status", "--timeout", "2")
    assert keyless.returncode == 1 and "asks for a key" in keyless.stderr, keyless
    # A trainer that reports a run which is not its own.
    stranger = connect(plant.at["telemetry"], keys["trainer"])
    stranger.send(hello("team-b-2"))
    said = answer(stranger, "welcome", "reject")
    assert said["kind"] == "reject" and said["code"] == "denied" and "team-a-*" in said["reason"], said
    assert not (plant.root / "runs/team-b-2.phaseguard").exists()
    # What a client says of its key counts for nothing.
    liar = connect(plant.at["operator"], keys["operator"])
    liar.send(packed("command", RUN, 1, -1, 0, id="lie", action="force", knob="kl", value=3.0, operator_name="ann", reason="", key="root#0 admin"))
    assert answer(liar, "reply")["status"] != "refused"
    exported = plant.ctl("export", plant.root / "runs" / f"{RUN}.phaseguard", "--format", "jsonl")
    lie = [m for m in map(json.loads, exported.stdout.splitlines()) if m["kind"] == "command" and m["id"] == "lie"]
    assert lie and lie[0]["key"].startswith("ann#"), lie
    for socket in (stranger, liar):
        socket.close(0)


def ctl_live(plant, *words, key=None):
    contexts = plant.root / "contexts.toml"
    contexts.write_text("[context.here]\n" + "".join(f"{door} = \"{plant.at[door]}\"\n" for door in ("operator", "query", "feed")))
    more = ("--key", key) if key else ()
    return plant.ctl(*words, "--connect", "here", "--contexts", contexts, *more)


Plant.ctl_live = ctl_live

FOREIGN = """
import os, sys
os.setgid(65534); os.setuid(65534)
import zmq
socket = zmq.Context.instance().socket(zmq.DEALER)
socket.linger, socket.immediate, socket.sndtimeo = 0, 1, 1500
socket.connect(sys.argv[1])
try:
    socket.send(bytes.fromhex(sys.argv[2]))
    print("sent")
except zmq.Again:
    print("not let in")
try:
    open(sys.argv[3]).read()
    print("read the keys")
except OSError:
    print("keys closed")
"""


def foreign_user(plant, transport):
    """Another user of this machine, without a key and with the folder's files before him."""
    if os.getuid() != 0:
        print("SKIPPED: another user: only root can be one")
        return
    before = plant.record(RUN)
    force = packed("command", RUN, 1, -1, 0, id="foreign", action="force", knob="kl", value=1.0, operator_name="x", reason="x")
    told = subprocess.run([sys.executable, "-c", FOREIGN, plant.at["operator"], force.hex(), str(plant.keys / "server.key")],
                          capture_output=True, text=True, timeout=30)
    assert told.stdout.split("\n")[:2] == ["not let in", "keys closed"], told
    assert plant.record(RUN) == before


def revocation(plant, keys):
    """An operator and a viewer at work lose their keys: how long after the command they are still answered."""
    operator, viewer = connect(plant.at["operator"], keys["operator"]), connect(plant.at["feed"], keys["viewer"], zmq.SUB)
    stays = connect(plant.at["feed"], keys["team operator"], zmq.SUB)
    for socket in (viewer, stays):
        socket.recv_multipart()  # the feed tells of the state every second
    for name in ("ann", "vic"):
        assert plant.ctl("keys", "revoke", name).returncode == 0
    began = last = time.monotonic()
    n = answered = 0
    while time.monotonic() < last + 1:  # until it is silent
        assert time.monotonic() < began + 30, "a revoked operator is still answered"
        try:
            operator.send(packed("query", RUN, 1, -1, 0, id=str(n), what="status"), zmq.DONTWAIT)
        except zmq.Again:
            pass
        n += 1
        if operator.poll(30):
            operator.recv()
            last, answered = time.monotonic(), answered + 1
    silent_after = last - began if answered else 0.0
    while viewer.poll(0):
        viewer.recv_multipart()
    assert not viewer.poll(2500), "a revoked viewer is still shown the feed"
    stays.recv_multipart()
    assert stays.poll(5000), "the feed has ended for a viewer whose key stays"
    print(f"revoked: the last answer came {silent_after:.2f} s after the command; {n} frames were sent, {answered} answered")
    before = plant.record(RUN)
    refused = plant.ctl_live("force", "kl", "--value", "3", "--run", RUN, "--reason", "x", key=keys["operator"])
    assert refused.returncode == 1 and "refused this key" in refused.stderr, refused
    assert plant.record(RUN) == before
    again = plant.ctl("keys", "grant", "ann", "--role", "operator")
    assert again.returncode == 1 and "stays so" in again.stderr, again
    # A list that is none leaves the one in force, and is told of.
    granted = plant.keys / "granted"
    good = granted.read_text()
    granted.write_text("nonsense\n")
    end = time.monotonic() + 5
    while "the keys in force stay" not in plant.log.read_text():
        assert time.monotonic() < end, plant.log.read_text()
        time.sleep(0.05)
    assert plant.ctl_live("status", key=keys["team operator"]).returncode == 0
    granted.write_text(good)


def a_trainer_in_python(root):
    """phaseguard.Session with a key, by argument and by variable, and without one."""
    with Plant(root, "tcp") as plant:
        key = plant.new("t", "trainer", "py-*")
        plant.start()
        text = ("import sys, phaseguard\n"
                "named = dict(key=sys.argv[3]) if len(sys.argv) > 3 else {}\n"
                "with phaseguard.Session(sys.argv[1], endpoint=sys.argv[2], signals=['judge/score'], knobs={'kl': (0.0, 4.0)}, wait=3.0, rollback=lambda step: step, **named) as s:\n"
                "    print(s.begin_step(0, {'judge/score': 0.1}, wait=3.0).link)\n")
        environment = {**os.environ, "PYTHONPATH": str(SOURCE / "trainer-hook/python"), "PHASEGUARD_LIBRARY": str(BIN.parent / "lib/libphaseguard.so.0")}
        def train(run, *more, **variables):
            return subprocess.run([sys.executable, "-B", "-c", text, run, plant.at["telemetry"], *more], capture_output=True, text=True, timeout=60,
                                  env={**environment, **variables})
        for done in (train("py-1", str(key)), train("py-2", PHASEGUARD_KEY=str(key)),
                     train("py-3", PHASEGUARD_SECRET_KEY=keys_in(key)["secret"], PHASEGUARD_SERVER_KEY=keys_in(key)["server"])):
            assert done.returncode == 0 and "linked" in done.stdout, done
        for done, why in ((train("py-4"), "no handshake"), (train("no-1", str(key)), "py-*")):
            assert done.returncode != 0 and why in done.stderr, done


def binds(root):
    """tcp without keys: beyond loopback never, on loopback when it is said."""
    root.mkdir()
    (root / "policy.toml").write_text(POLICY)
    def check(*words):
        return subprocess.run([BIN / "phaseguardd", "--check", "--policy", root / "policy.toml", *words], capture_output=True, text=True, timeout=30)
    local, beyond = ("--operator", "tcp://127.0.0.1:7777"), ("--operator", "tcp://0.0.0.0:7777")
    for words, code, why in ((local, 2, "--allow-local-tcp"), (local + ("--allow-local-tcp",), 0, ""), (beyond, 2, "keys"),
                             (beyond + ("--allow-local-tcp",), 2, "keys"), (("--keys", root / "none"), 2, "phaseguard keys new")):
        done = check(*words)
        assert done.returncode == code and why in done.stderr, done
    made = subprocess.run([BIN / "phaseguard", "keys", "new", "x", "--role", "viewer", "--keys", root / "k", "--out", root / "x.key"],
                          stdout=subprocess.DEVNULL)
    assert made.returncode == 0
    assert check("--keys", root / "k", *beyond).returncode == 0
    (root / "k/granted").chmod(0o644)
    done = check("--keys", root / "k")
    assert done.returncode == 2 and "chmod 600" in done.stderr, done


def main():
    with tempfile.TemporaryDirectory(prefix="pgk-") as folder:
        root = pathlib.Path(folder)
        binds(root / "binds")
        for transport in ("ipc", "tcp"):
            matrix(root / transport, transport)
        a_trainer_in_python(root / "python")
    print("ok")


if __name__ == "__main__":
    main()
