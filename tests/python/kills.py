#!/usr/bin/env python3
"""kill -9 of the daemon at random steps of a Python trainer: how late the knob is where the policy trips, and whether it ever falls.

usage: kills.py SOURCE_DIR BUILD_DIR [ROUNDS [STEP_SECONDS]]    STEP_SECONDS: 0.02; a round takes about two seconds
"""
import random
import sys
import time

sys.argv, rest = sys.argv[:3], sys.argv[3:]
from support import daemon, wait_for  # noqa: E402

from phaseguard import Session, Signal  # noqa: E402

ROUNDS = int(rest[0]) if rest else 100
STEP = float(rest[1]) if len(rest) > 1 else 0.02
STEPS, HARMFUL_FROM = 24, 6
DUE = HARMFUL_FROM + 1  # the second measurement above the line


def one(pg, number, dice):
    """(updates late, seconds late, where it was killed, the values)"""
    killed, back = dice.randrange(0, STEPS - 4), dice.randrange(1, 10)
    values, due_at, late, seconds = [], None, 0, 0.0
    with Session(f"kill-{number}", signals={"judge/score": Signal("1", 0.0, 1.0, every_steps=1)}, knobs={"kl": (0.0, 4.0)},
                 endpoint=pg.endpoint) as guard:
        for n in range(STEPS):
            if n == killed:
                pg.kill()
            if n == killed + back:
                pg.start()
            if n == DUE:
                due_at = time.monotonic()
            plan = guard.begin_step(n, {"judge/score": 0.95 if n >= HARMFUL_FROM else 0.1}, wait=1.0)
            values.append(plan["kl"])
            if n >= DUE and plan["kl"] < 2.0:
                late, seconds = late + 1, time.monotonic() - due_at + STEP
            time.sleep(STEP)
            guard.end_step(n + 1)
        if pg.process.poll() is not None:
            pg.start()
        wait_for(lambda: guard.link == "linked", f"round {number}: not linked again: {guard.link}")
        values.append(guard.begin_step(STEPS)["kl"])
    return late, seconds, (killed, back), values


def main():
    seed = random.SystemRandom().randrange(2**31)
    dice = random.Random(seed)
    worst, slowest = 0, 0.0
    with daemon() as pg:
        for number in range(ROUNDS):
            late, seconds, where, values = one(pg, number, dice)
            said = f"seed {seed}, round {number}, killed at step {where[0]} for {where[1]} steps: {values}"
            raised = values.index(2.0) if 2.0 in values else len(values)
            assert all(value == 2.0 for value in values[raised:]), f"the knob fell: {said}"
            assert raised >= DUE, f"raised before it was due: {said}"
            assert late <= 1 if STEP >= 0.3 else seconds <= 0.5, f"{late} updates, {seconds:.2f} s late: {said}"
            worst, slowest = max(worst, late), max(slowest, seconds)
        runs = [pg.run_file(f"kill-{number}") for number in range(ROUNDS)]
        verified = pg.ctl("verify", *runs)
        assert verified.returncode == 0, verified
    print(f"{ROUNDS} kills (seed {seed}, steps of {STEP} s): at most {worst} updates and {slowest:.2f} s late, never below the trip; "
          f"{ROUNDS} records verify")


if __name__ == "__main__":
    main()
