#!/usr/bin/env python3
"""The daemon dies or stands still under a real training run: lambda rises as if it had been there, and for no other reason.

usage: outage_test.py SOURCE_DIR BUILD_DIR [--all] [--seed N] [--only CELL]

Trains the real lab under the real daemon. `kill` ends the daemon with SIGKILL at a random step shortly before a rule acts and starts it
anew once lambda is up; `stop` freezes it with SIGSTOP instead. What the rule does at which step is known from a run of the same seed with a
daemon that stays. `quiet` freezes it for 1.5 s again and again under a policy that never acts, `law` for 0.6 s in every step under a law that gives
each batch its own value. --all: a hundred of each, and the bars of time; half an hour. Prints a table and exits 1 when a bar was missed.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import msgpack
import zmq

RUN = "x"
BASE = """version = 1
name = "outage"
mode = "enforce"

[knob.kl]
base = 0.0
min = 0.0
max = 4.0
"""
# Without latch, so that one run sees it act many times; it stays up for `hold` at least.
ACTING = BASE + """
[detector.judge]
signal = "judge/score"
type = "level"
above = %s

[rule.defend]
of = ["judge"]
hold = "%s steps"
set.kl = 2.0
"""
QUIET = BASE + """
[detector.judge]
signal = "judge/score"
type = "level"
above = 1.0

[detector.loss]
signal = "train/loss"
type = "level"
above = 1000.0

[rule.defend]
when = "any"
of = ["judge", "loss"]
latch = true
set.kl = 2.0
request = ["rollback", "stop"]
"""
LAW = BASE + """
[rule.follow]
when = "always"
set.kl = { controller = "risk_linear", signal = "judge/score", max = 2.0 }
"""


@dataclasses.dataclass(frozen=True)
class Pace:
    delay_ms: int  # after each update
    policy: str
    window: int  # the daemon goes so many steps before the rule acts, or fewer
    steps_each: int  # of the run for one outage
    patience_s: float  # that the daemon stays away without lambda rising


PACES = {
    "slow": Pace(350, ACTING % (0.7, 4), 3, 60, 6.0),  # a batch in 26 acts
    "fast": Pace(40, ACTING % (0.75, 20), 20, 150, 3.0),  # one in 94
}
ROOM = 100  # steps left of the run after the last outage
MOST_LATE_UPDATES, MOST_LATE_S = 1, 0.5


class Cell:
    """A daemon and a lab in a folder of their own, and what the feed said last."""

    def __init__(self, build, root, policy):
        self.build, self.root, self.sockets = build, root, root / "s"
        self.log, self.lab_log = root / "log", root / "lab.log"
        (root / "policy.toml").write_text(policy)
        self.daemon = self.lab = None
        self.feed = zmq.Context.instance().socket(zmq.SUB)
        self.feed.linger = 0
        self.feed.subscribe(f"{RUN}/step")
        self.feed.connect(f"ipc://{self.sockets}/feed")
        self.step, self.step_t = -1, 0.0

    def __enter__(self):
        self.start_daemon()
        return self

    def __exit__(self, *_):
        self.feed.close()
        for process in (self.lab, self.daemon):
            if process and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def start_daemon(self):
        self.daemon = subprocess.Popen([self.build / "bin/phaseguardd", "--policy", self.root / "policy.toml", "--runs-dir", self.root / "runs",
                                        "--endpoint-dir", self.sockets], stderr=open(self.log, "ab"))

    def start_lab(self, seed, steps, delay_ms):
        self.lab = subprocess.Popen([self.build / "bin/phaseguard-lab", "finetune", "--data", "mix", "--seed", str(seed), "--steps", str(steps),
                                     "--step-delay", str(delay_ms), "--run", RUN, "--endpoint-dir", self.sockets, "--start-wait", "60"],
                                    stdout=open(self.lab_log, "wb"), stderr=subprocess.STDOUT)

    def take_away(self, way):
        if way == "kill":
            self.daemon.send_signal(signal.SIGKILL)
            self.daemon.wait()
        else:
            self.daemon.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.daemon.pid, os.WSTOPPED)

    def give_back(self, way):
        if way == "kill":
            self.start_daemon()
        else:
            self.daemon.send_signal(signal.SIGCONT)

    def look(self, wait_s=0.0):
        """Reads the feed; True: it has told of an update within the last second and a half."""
        self.feed.poll(wait_s * 1000)
        while self.feed.poll(0):
            message = msgpack.unpackb(self.feed.recv_multipart()[1])
            self.step, self.step_t = message["step"], message["t"]
        return time.time() - self.step_t < 1.5

    def wait_for_step(self, step, seconds):
        end = time.monotonic() + seconds
        while not self.look(0.05) or self.step < step:
            assert self.lab.poll() is None, f"the lab ended at step {self.step}: " + self.lab_log.read_text()[-600:]
            assert time.monotonic() < end, f"step {step} was not reached within {seconds:.0f} s; last {self.step}; log " + self.log.read_text()[-600:]

    def rises(self):
        return len(re.findall(r"lambda 0 -> ", self.lab_log.read_text()))

    def close(self):
        """Ends both in good order; the recorded messages, each a dictionary."""
        if self.lab.poll() is None:
            self.lab.send_signal(signal.SIGINT)
        ended = self.lab.wait(60)
        assert ended == 0 or "interrupted after" in self.lab_log.read_text(), self.lab_log.read_text()[-600:]
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(20) == 0, self.log.read_text()[-600:]
        file = self.root / "runs" / f"{RUN}.phaseguard"
        verified = self.ctl("verify", file)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        return [json.loads(line) for line in self.ctl("export", file, "--format", "jsonl").stdout.splitlines()]

    def ctl(self, *words):
        return subprocess.run([self.build / "bin/phaseguard", *words], capture_output=True, text=True)


class Story:
    """Of a record: when each batch was reported and how it was judged, and what was in force from which update on."""

    def __init__(self, messages):
        self.messages = messages
        batches = [m for m in messages if m["kind"] == "batch"]
        self.reported = {m["step"]: m["t"] for m in batches}
        self.judged = {m["step"]: next(s["value"] for s in m["samples"] if s["signal"] == "judge/score") for m in batches}
        self.applied = [(m["step"], m["knobs"][0]["value"], m["t"], m["source"]) for m in messages if m["kind"] == "applied"]

    def step_s(self):
        ends = [m["t"] for m in self.messages if m["kind"] == "step"]
        return statistics.median(after - before for before, after in zip(ends, ends[1:]))

    def value_at(self, step):
        return [value for at, value, *_ in self.applied if at <= step][-1]

    def rises(self):
        """The steps whose update was the first with lambda up."""
        return [now[0] for before, now in zip(self.applied, self.applied[1:]) if before[1] == 0.0 and now[1] > 0.0]

    def first_up(self, step):
        """Step, time, and who raised it."""
        return next(((at, t, source) for at, value, t, source in self.applied if at >= step and value > 0.0), None)


def in_cell(build, policy):
    folder = tempfile.TemporaryDirectory(prefix="pgo-")
    return folder, Cell(build, pathlib.Path(folder.name), policy)


def usable(acts, spec, step, steps):
    """Of the steps at which the rule acts: those that an outage can begin before, one after the other, and that leave room to the end."""
    for act in acts:
        if step + spec.window + 2 <= act <= steps - ROOM:
            yield act
            step = act


def control(build, pace, draw, steps, n):
    """The same run with a daemon that stays, and its seed: one with which the rule acts more often than n outages need."""
    spec = PACES[pace]
    for _ in range(30):
        seed = draw.randrange(1, 10**6)
        folder, cell = in_cell(build, spec.policy)
        with folder, cell:
            cell.start_lab(seed, steps, 0)
            cell.lab.wait(1800)
            story = Story(cell.close())
        if len(list(usable(story.rises(), spec, -1, steps))) > n:
            return seed, story
    raise AssertionError(f"{pace}: 30 seeds, and with none of them the rule acts more than {n} times in {steps} steps")


def outages(build, way, pace, steps, n, ran, draw):
    """What a step took, and of n outages at least (updates late, seconds after the report that the rule acts on); None: not up before the
    daemon was back."""
    spec, (seed, there) = PACES[pace], ran
    taken, answered = [], 0
    folder, cell = in_cell(build, spec.policy)
    with folder, cell:
        cell.start_lab(seed, steps, spec.delay_ms)
        cell.wait_for_step(0, 60)
        for act in there.rises():
            if act not in usable([act], spec, cell.step, steps):
                continue
            cell.wait_for_step(draw.randint(act - spec.window, act - 1), 240)
            time.sleep(draw.uniform(0.0, 2 * spec.delay_ms / 1000))
            before = cell.rises()
            cell.take_away(way)
            gone = time.time()
            while cell.rises() == before and time.time() < gone + spec.patience_s:
                time.sleep(0.02)
            time.sleep(0.2)
            taken.append((gone, time.time()))
            answered += cell.rises() > before
            cell.give_back(way)
            cell.wait_for_step(0, 30)
            if len(taken) >= n + max(1, n // 8) and answered:  # some are too late: the rule has acted
                break
        story = Story(cell.close())
    assert all(there.judged[step] == judged for step, judged in story.judged.items()), "the control judged otherwise"
    return story.step_s(), [found for found in (lateness(story, there, *outage) for outage in taken) if found]


def lateness(story, there, gone, back):
    """Of the rule's first act that the daemon did not answer; None: there was none while it was away."""
    for act in there.rises():
        reported = story.reported.get(act)
        if reported is None or not gone - 1.0 < reported < back or story.value_at(act - 1) > 0.0:
            continue
        at, t, source = story.first_up(act) or (None, back, None)
        if reported <= gone and source != "guard":
            continue
        return (at - act, t - reported) if t < back else (None, None)
    return None


def quiet(build, seed, n, draw):
    """What moved or was asked for in n stalls of 1.5 s, in words."""
    folder, cell = in_cell(build, QUIET)
    with folder, cell:
        cell.start_lab(seed, 100000, PACES["fast"].delay_ms)
        cell.wait_for_step(10, 60)
        for _ in range(n):
            time.sleep(draw.uniform(0.1, 0.6))
            cell.take_away("stop")
            time.sleep(1.5)
            cell.give_back("stop")
        cell.wait_for_step(cell.step + 40, 60)
        story = Story(cell.close())
        moves = re.findall(r".*(?:lambda|rolled back).*", cell.lab_log.read_text())
    moves += [f"lambda {value} at step {step}" for step, value, *_ in story.applied if value != 0.0]
    asked = [m for m in story.messages if m["kind"] == "request" or m.get("requests") and m["kind"] in ("applied", "decision")]
    return moves + [f"{m['kind']} at step {m['step']}: {m['requests']}" for m in asked]


def law(build, seed, n, draw):
    """Of n batches with stalls of 0.6 s all along: how many had their own value from their update on, and what went wrong."""
    folder, cell = in_cell(build, LAW)
    with folder, cell:
        cell.start_lab(seed, 100000, 700)
        cell.wait_for_step(6, 60)
        first, began = cell.step + 1, time.monotonic()
        while cell.step < first + 5 * n:
            cell.take_away("stop")
            time.sleep(0.6)
            cell.give_back("stop")
            time.sleep(draw.uniform(0.05, 0.2))
            cell.look()
            assert time.monotonic() < began + 10 * n + 60, f"step {cell.step}, from {first}: " + cell.log.read_text()[-600:]
        calm = cell.step + 2
        cell.wait_for_step(calm + 15, 60)
        story = Story(cell.close())
    own, wrong = 0, []
    for step in range(first, calm + 15):
        wanted, last = 2 * story.judged[step], 2 * story.judged[step - 1]
        value = story.value_at(step)
        own += step < calm and value == wanted
        if value > max(wanted, last):
            wrong.append(f"batch of step {step}: {value}, though the law says {wanted} and said {last}")
        if step >= calm and value != wanted:
            wrong.append(f"batch of step {step}: {value}, not {wanted}, with a daemon that answers")
    return calm - first, own, wrong


def row(name, parts, everything):
    """A line of the table, and whether the bar is met."""
    pace, found = name.split()[1], sum((part[1] for part in parts), [])
    name += f", {statistics.median(part[0] for part in parts):.2f} s"
    late = [updates for updates, _ in found if updates is not None]
    seconds = [s for _, s in found if s is not None]
    never = len(found) - len(late)
    if not late:
        return f"| {name} | {len(found)} | never up |", False
    met = never == 0 and (max(late) <= MOST_LATE_UPDATES if pace == "slow" else not everything or max(seconds) <= MOST_LATE_S)
    counts = " | ".join(str(sum(lowest <= n <= highest for n in late)) for lowest, highest in ((0, 0), (1, 1), (2, 10**9)))
    return (f"| {name} | {len(found)} | {counts} | {never} | {statistics.median(seconds):.3f} | {max(seconds):.3f} | "
            f"{'met' if met else 'MISSED'} |"), met


CELLS = ("kill slow", "stop slow", "kill fast", "stop fast", "quiet", "law")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", choices=CELLS)
    options = parser.parse_args()
    build, draw = options.build.resolve(), random.Random(options.seed)
    runs, n = (4, 25) if options.all else (1, 2)
    print(f"seed {options.seed}", flush=True)

    wanted = [name for name in CELLS if options.only in (None, name)]
    # A control trains without pause; the slow ones sleep nearly all the time.
    alone, fast, asleep = (concurrent.futures.ThreadPoolExecutor(workers) for workers in (1, 2, 4))
    controls, cells = {}, {name: [] for name in wanted}
    for i in range(runs):
        seeds = {name: draw.randrange(1, 10**6) for name in ("quiet", "law")}
        draws = {pace: random.Random(draw.random()) for pace in PACES}
        for name in wanted:
            own = random.Random(draw.random())
            if name in ("quiet", "law"):
                cells[name].append(asleep.submit({"quiet": quiet, "law": law}[name], build, seeds[name], n, own))
                continue
            way, pace = name.split()
            steps = 2 * ROOM + PACES[pace].steps_each * n
            if (pace, i) not in controls:
                controls[pace, i] = alone.submit(control, build, pace, draws[pace], steps, n)
            ran = controls[pace, i]
            pool = fast if pace == "fast" else asleep
            cells[name].append(pool.submit(lambda *a, ran=ran, own=own: outages(build, *a, ran.result(), own), way, pace, steps, n))
    return report(cells, runs * n, options.all)


def report(cells, n, everything):
    failed = 0
    print("| daemon, a step | outages | on time | 1 update late | more | not before it was back | seconds, median | most | bar |", flush=True)
    for name, futures in cells.items():
        parts = [future.result() for future in futures]
        if name == "quiet":
            moved = sum(parts, [])
            line, met = f"| quiet: stalls of 1.5 s | {n} | {len(moved)} moves and requests {moved[:3]} |", not moved
        elif name == "law":
            wrong = sum((part[2] for part in parts), [])
            line = (f"| law: batches under stalls of 0.6 s | {sum(part[0] for part in parts)} | {sum(part[1] for part in parts)} had their own value "
                    f"at once | {len(wrong)} kept another {wrong[:3]} |")
            met = not wrong
        else:
            line, met = row(name, parts, everything)
            n_found = sum(len(part[1]) for part in parts)
            if everything and n_found < n:
                line, met = line + f" only {n_found} of {n} |", False
        failed += not met
        print(line, flush=True)
    print(f"{failed} bars missed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
