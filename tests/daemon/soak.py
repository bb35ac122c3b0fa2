#!/usr/bin/env python3
"""The real phaseguardd under crowds, for as long as one likes; scripts/soak.sh calls it. Prints one line of figures for each part.

usage: soak.py BUILD_DIR floods [--rounds N]     64 trainers flood, are killed with SIGKILL, come back and send all again
       soak.py BUILD_DIR tools [--seconds S]     `status` as fast as it goes, 200 tools at a time, and how long `force` takes meanwhile
       soak.py BUILD_DIR hellos [--trainers N]   N trainers say hello at once
Exits 1 when the daemon died or a bar of the part was missed.
"""
import argparse
import multiprocessing
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import zmq

from crowd_test import Daemon, answer, ask_status, dealer, hello, packed

TRAINERS, PROCESSES = 64, 8
MOST_RESIDENT_MIB = 512  # whatever comes


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


def hellos(daemon, options):
    sockets = {f"h{i}": dealer(daemon.telemetry) for i in range(options.trainers)}
    began = time.monotonic()
    for run, socket in sockets.items():
        socket.send(hello(run))
    answers = {"welcome": 0, "reject": 0}
    for socket in sockets.values():
        socket.rcvtimeo = 60_000
        answers[answer(socket, "welcome", "reject")["kind"]] += 1
    took = time.monotonic() - began
    print(f"hellos: {answers['welcome']} of {options.trainers} welcomed, {answers['reject']} refused in words, within {took:.1f} s", flush=True)
    return took <= 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("part", choices=["floods", "tools", "hellos"])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--trainers", type=int, default=512)
    options = parser.parse_args()
    source = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="pgs-") as folder:
        root = pathlib.Path(folder)
        (root / "policy.toml").write_text((source / "assets/policies/hybrid.toml").read_text())
        daemon = Daemon(options.build / "bin/phaseguardd", root, 1024)
        ask_status(daemon.operator)
        held = {"floods": floods, "tools": tools, "hellos": hellos}[options.part](daemon, options)
        if daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(60)
        else:
            print(daemon.log.read_text()[-500:])
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
