#!/usr/bin/env python3
"""The real phaseguardd under crowds, for as long as one likes; scripts/soak.sh calls it. Prints one line of figures for each part.

usage: soak.py BUILD_DIR floods [--rounds N]     64 trainers flood, are killed with SIGKILL, come back and send all again
       soak.py BUILD_DIR tools [--seconds S]     `status` as fast as it goes, 200 tools at a time, and how long `force` takes meanwhile
       soak.py BUILD_DIR hellos [--trainers N]   N trainers say hello at once
       soak.py BUILD_DIR full [--seconds S]      the disk of the run files is full for S seconds; needs to be root, for a tmpfs
       soak.py BUILD_DIR runs [--trainers N] [--seconds S]   N runs that train, and whether the daemon's memory grows
Exits 1 when the daemon died or a bar of the part was missed.
"""
import argparse
import collections
import multiprocessing
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import msgpack
import zmq

from crowd_test import Daemon, answer, ask_status, dealer, hello, packed

TRAINERS, PROCESSES = 64, 8
MOST_RESIDENT_MIB = 512  # whatever comes
FULL_TRAINERS, FULL_RESIDENT_MIB = 8, 128
MOST_SLOPE_MIB_H = 1.0


def resident_mib(process):
    pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def flood(endpoint, runs, seed):
    """One process with several trainers, each sending reports as fast as its socket takes them, until it is killed."""
    random.seed(seed)
    sockets = {run: dealer(endpoint) for run in runs}
    for run, socket in sockets.items():
        socket.send(hello(run))
    numbers = dict.fromkeys(runs, 1)
    while True:
        for run, socket in sockets.items():
            try:
                numbers[run] += 1
                samples = [{"signal": "judge/score", "value": random.random() / 10, "items": [0.1] * 200}]
                socket.send(packed("batch", run, numbers[run], numbers[run], 1, samples=samples), zmq.DONTWAIT)
                socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                pass


def floods(daemon, options):
    context = multiprocessing.get_context("fork")
    aborted, most = 0, 0.0
    for number in range(options.rounds):
        runs = [f"r{number % 4}-{i}" for i in range(TRAINERS)]
        share = TRAINERS // PROCESSES
        children = [context.Process(target=flood, args=(daemon.telemetry, runs[i * share:(i + 1) * share], number * 100 + i), daemon=True)
                    for i in range(PROCESSES)]
        for child in children:
            child.start()
        time.sleep(random.uniform(0.4, 1.2))
        for group in (children[::2], children[1::2]):
            for child in group:
                os.kill(child.pid, signal.SIGKILL)
                child.join()
            time.sleep(random.uniform(0.05, 0.3))
        if daemon.process.poll() is not None:
            aborted += 1
            break
        most = max(most, resident_mib(daemon.process))
    print(f"floods: {number + 1} rounds of {TRAINERS} trainers killed, {aborted} aborts; most resident {most:.0f} MiB", flush=True)
    return aborted == 0 and most <= MOST_RESIDENT_MIB


def keep_asking(endpoint, until, count):
    while time.monotonic() < until:
        sockets = [ask_status(endpoint) for _ in range(25)]
        with count.get_lock():
            count.value += len(sockets)
        for socket in sockets:
            socket.close()


def tools(daemon, options):
    trainer = dealer(daemon.telemetry)
    trainer.send(hello("a"))
    answer(trainer, "welcome")
    context = multiprocessing.get_context("fork")
    count = context.Value("q", 0)
    until = time.monotonic() + options.seconds
    children = [context.Process(target=keep_asking, args=(daemon.operator, until, count), daemon=True) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    waits, number = [], 0
    while time.monotonic() < until - 0.5:
        number += 1
        operator = dealer(daemon.operator)
        began = time.monotonic()
        operator.send(packed("command", "a", number, -1, 0, id=f"c{number}", action="force", operator_name="soak", knob="kl",
                             value=1.0 + number * 1e-6))
        told = answer(operator, "reply")
        waits.append(time.monotonic() - began)
        assert told["status"] == "logged", told
        operator.close()
        time.sleep(0.2)
    for child in children:
        child.join()
    waits.sort()
    rate = count.value / options.seconds * 60
    late = waits[int(len(waits) * 0.99)]
    print(f"tools: {rate:.0f} status a minute; force answered in {waits[len(waits) // 2] * 1e3:.1f} ms median, {late * 1e3:.1f} ms p99, "
          f"{waits[-1] * 1e3:.1f} ms longest of {len(waits)}", flush=True)
    return daemon.process.poll() is None and rate >= 10_000 and late <= 0.1


def listen(endpoint, ready, done, longest):
    """A trainer that was there before: how long the daemon keeps it waiting for a frame (it says something every 0.2 s)."""
    trainer = Trainer(endpoint, "before")
    heard = time.monotonic()
    while not done.is_set():
        if trainer.socket.poll(5):
            if trainer.linked:
                longest.value = max(longest.value, time.monotonic() - heard)
                ready.set()
            heard = time.monotonic()
        trainer.turn()


def hellos(daemon, options):
    context = multiprocessing.get_context("fork")
    ready, done, longest = context.Event(), context.Event(), context.Value("d", 0.0)
    listener = context.Process(target=listen, args=(daemon.telemetry, ready, done, longest), daemon=True)
    listener.start()
    assert ready.wait(10)
    sockets = {f"h{i}": dealer(daemon.telemetry) for i in range(options.trainers)}
    began = time.monotonic()
    for run, socket in sockets.items():
        socket.send(hello(run))
    answers = {"welcome": 0, "reject": 0}
    for socket in sockets.values():
        socket.rcvtimeo = 60_000
        answers[answer(socket, "welcome", "reject")["kind"]] += 1
    took = time.monotonic() - began
    time.sleep(0.3)
    done.set()
    listener.join()
    print(f"hellos: {answers['welcome']} of {options.trainers} welcomed, {answers['reject']} refused in words, within {took:.1f} s; "
          f"a trainer that was there waited {longest.value:.2f} s at most for a sign of life", flush=True)
    return took <= 5 and longest.value <= 0.6


class Trainer:
    """As the hook is: keeps what is not acknowledged, and sends it again after a welcome."""

    def __init__(self, endpoint, run):
        self.run, self.socket, self.number, self.step = run, dealer(endpoint), 1, 0
        self.journal = collections.deque()  # (number, frame) that no control has acknowledged
        self.sent = self.acknowledged = 0
        self.kl, self.linked, self.rejects, self.scores = 0.0, False, [], 0
        self.next_beat = self.next_hello = 0.0
        self.progress = time.monotonic()

    def report(self, kind, items, **values):
        self.number += 1
        samples = [{"signal": name.replace("__", "/"), "value": value, "items": items} for name, value in values.items()]
        self.scores += kind == "batch"
        self.journal.append((self.number, packed(kind, self.run, self.number, self.step, 1, samples=samples)))

    def train(self, score=0.05, items=()):
        self.step += 1
        self.report("batch", items, judge__score=score, data__llr_share=score)
        self.report("step", items, train__loss=0.5, train__grad=0.1)

    def send(self, frame):
        try:
            self.socket.send(frame, zmq.DONTWAIT)
            return True
        except zmq.Again:
            return False

    def turn(self):
        now = time.monotonic()
        while self.socket.poll(0):
            self.hear(msgpack.unpackb(self.socket.recv()), now)
        deaf = self.journal and now - self.progress > 10  # a lease
        if now >= self.next_hello and (not self.linked or deaf):
            self.linked, self.next_hello, self.progress = False, now + 1, now
            self.send(hello(self.run))
        if self.linked and now >= self.next_beat:
            self.next_beat = now + 0.2
            self.send(packed("heartbeat", self.run, self.number, self.step, 1, state="linked"))
        if self.linked:
            self.fill()

    def fill(self):
        first = self.journal[0][0] if self.journal else 0
        while self.journal and self.sent < self.journal[-1][0]:
            if not self.send(self.journal[max(0, self.sent + 1 - first)][1]):
                return
            self.sent = max(self.sent + 1, first)

    def hear(self, message, now):
        if message["kind"] == "reject":
            self.rejects.append(message["code"])
            self.linked = False
        if message["kind"] == "welcome":
            self.linked, self.sent = True, message.get("ack", 0)
        if message["kind"] not in ("welcome", "control"):
            return
        if message.get("ack", 0) > self.acknowledged:
            self.acknowledged, self.progress = message["ack"], now
        while self.journal and self.journal[0][0] <= self.acknowledged:
            self.journal.popleft()
        for knob in message.get("knobs", []):
            self.kl = knob["value"]


def turn_for(trainers, seconds, each=lambda: None):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for trainer in trainers:
            trainer.turn()
        each()
        time.sleep(0.01)


def turn_until(trainers, condition, seconds, what):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        turn_for(trainers, 0.05)


def fetched(daemon, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}{path}", timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(daemon, name):
    return next(int(line.split()[1]) for line in fetched(daemon, "/metrics")[1].splitlines() if line.startswith(f"phaseguard_{name} "))


def fill_up(folder):
    """A file that leaves nothing free."""
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            return pathlib.Path(ballast.name)


def force(daemon, run, number):
    operator = dealer(daemon.operator)
    operator.send(packed("command", run, 1, -1, 0, id=f"full-{number}", action="force", operator_name="soak", knob="kl", value=1.0 + number * 1e-6))
    told = answer(operator, "reply")
    operator.close()
    return told["status"]


class Watch:
    """Once a second: how large the daemon is, whether it answers, and what else the part wants."""

    def __init__(self, daemon, every=1.0):
        self.daemon, self.every, self.next, self.sizes, self.longest = daemon, every, 0.0, [], 0.0

    def __call__(self):
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + self.every
        self.sizes.append((now, resident_mib(self.daemon.process)))
        ask_status(self.daemon.operator).close()
        self.longest = max(self.longest, time.monotonic() - now)

    def most(self):
        return max(size for _, size in self.sizes)


def full(daemon, options):
    trainers = [Trainer(daemon.telemetry, f"f{i}") for i in range(FULL_TRAINERS)]
    early, late, forced = trainers[:3]
    watch, forces = Watch(daemon), []
    turn_until(trainers, lambda: all(t.linked for t in trainers), 10, "welcomes")
    for trainer in trainers:
        trainer.train()
    turn_until(trainers, lambda: not any(t.journal for t in trainers), 10, "acknowledgements")
    ballast = fill_up(daemon.runs)
    began = time.monotonic()

    def burst():
        for trainer in trainers:
            if len(trainer.journal) < 200_000 and trainer.linked:
                for _ in range(20):
                    trainer.train(items=[0.1] * 200)
        turn_for(trainers, 0.05, watch)

    turn_until(trainers, lambda: burst() or metric(daemon, "record_writable") == 0, 30, "that the disk is full")
    for _ in range(4):
        early.train(0.9)
    turn_until(trainers, lambda: early.kl == 2.0, 5, "a trip while the disk is full")
    turn_until(trainers, lambda: burst() or metric(daemon, "frames_not_taken_total") > 0, 60, "the bound")
    for _ in range(20):
        burst()
    for _ in range(4):
        late.train(0.9)
    assert fetched(daemon, "/-/ready")[0] == 503
    next_train = 0.0
    while time.monotonic() < began + options.seconds:
        if time.monotonic() >= next_train:
            next_train = time.monotonic() + 1
            for trainer in trainers:
                trainer.train()
            if len(forces) < options.seconds / 10:
                forces.append(force(daemon, forced.run, len(forces)))
        turn_for(trainers, 0.1, watch)
    waiting, dropped, passed = (metric(daemon, name) for name in ("record_waiting_bytes", "samples_dropped_total", "frames_not_taken_total"))
    acknowledged_late = late.kl
    ballast.unlink()
    turn_until(trainers, lambda: not any(t.journal for t in trainers), 300, "that everything is acknowledged")
    turn_until(trainers, lambda: fetched(daemon, "/-/ready")[0] == 200, 5, "ready again")
    turn_until(trainers, lambda: late.kl == 2.0 and early.kl == 2.0, 5, "the trips")
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(60) == 0
    for trainer in trainers:
        file = daemon.runs / f"{trainer.run}.phaseguard"
        done = subprocess.run([daemon.build / "bin/phaseguard", "verify", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        with sqlite3.connect(file) as db:
            found = db.execute("SELECT count(*) FROM samples WHERE signal = 'judge/score'").fetchone()[0]
            assert found == trainer.scores, (trainer.run, found, trainer.scores)
    raised = forces.count("logged")
    print(f"full: {time.monotonic() - began:.0f} s, {waiting / 2**20:.1f} MiB waited for the disk, {dropped} unread samples dropped, {passed} frames passed "
          f"over and sent again, {raised} of {len(forces)} raises taken; most resident {watch.most():.0f} MiB, status within {watch.longest:.2f} s; "
          f"all {sum(t.scores for t in trainers)} measurements that the policy reads are recorded, {len(trainers)} records verify", flush=True)
    assert acknowledged_late == 0.0, "what was passed over was decided upon"
    return watch.most() <= FULL_RESIDENT_MIB and raised == len(forces) and watch.longest < 1


def slope_mib_h(sizes):
    mean_t = sum(t for t, _ in sizes) / len(sizes)
    mean_m = sum(m for _, m in sizes) / len(sizes)
    return 3600 * sum((t - mean_t) * (m - mean_m) for t, m in sizes) / sum((t - mean_t) ** 2 for t, _ in sizes)


def runs(daemon, options):
    trainers = [Trainer(daemon.telemetry, f"r{i}") for i in range(options.trainers)]
    turn_until(trainers, lambda: all(t.linked for t in trainers), 30, "welcomes")
    watch, began, next_train = Watch(daemon), time.monotonic(), 0.0
    while time.monotonic() < began + options.seconds:
        if time.monotonic() >= next_train:
            next_train = time.monotonic() + 0.1
            for trainer in trainers:
                trainer.train()
        turn_for(trainers, 0.02, watch)
    warmup = min(60.0, options.seconds / 2)
    settled = [(t, size) for t, size in watch.sizes if t >= began + warmup]
    slope = slope_mib_h(settled)
    print(f"runs: {len(trainers)} runs, {trainers[0].step / options.seconds:.1f} steps/s each, for {options.seconds:.0f} s; resident {settled[0][1]:.1f} MiB after "
          f"{warmup:.0f} s, {settled[-1][1]:.1f} MiB at the end; slope {slope:+.2f} MiB/h", flush=True)
    is_long = options.seconds >= 300  # else a slope says nothing
    return slope < MOST_SLOPE_MIB_H if is_long else settled[-1][1] <= 64


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Disk:
    """The folder for run files: a small disk of its own where one is wanted."""

    def __init__(self, folder, mib):
        self.folder, self.mounted = folder, False
        folder.mkdir()
        if mib:
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], capture_output=True, text=True)
            self.mounted, self.fault = done.returncode == 0, done.stderr.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("part", choices=["floods", "tools", "hellos", "full", "runs"])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--trainers", type=int, default=512)
    options = parser.parse_args()
    source = pathlib.Path(__file__).resolve().parents[2]
    is_full = options.part == "full"
    with tempfile.TemporaryDirectory(prefix="pgs-") as folder, Disk(pathlib.Path(folder) / "runs", 512 if is_full else 0) as disk:
        if is_full and not disk.mounted:
            print(f"full: SKIPPED: no small disk can be mounted here: {disk.fault}")
            return 0
        root = pathlib.Path(folder)
        (root / "policy.toml").write_text((source / "assets/policies/hybrid.toml").read_text())
        port = free_port()
        daemon = Daemon(options.build / "bin/phaseguardd", root, 1024, "--http", f"127.0.0.1:{port}")
        daemon.port, daemon.build, daemon.runs = port, options.build, disk.folder
        ask_status(daemon.operator)
        try:
            part = {"floods": floods, "tools": tools, "hellos": hellos, "full": full, "runs": runs}[options.part]
            held = part(daemon, options)
        finally:
            if daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGTERM)
                daemon.process.wait(60)
            elif daemon.process.returncode != 0:
                print(daemon.log.read_text()[-500:])
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
