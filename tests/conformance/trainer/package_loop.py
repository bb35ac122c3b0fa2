"""A loop with the Python package, under whatever daemon listens where it looks by itself: package_loop.py SOURCE_DIR STEPS"""
import sys
import time

sys.path.insert(0, sys.argv[1] + "/trainer-hook/python")

import phaseguard  # noqa: E402

STEPS, PARTS = int(sys.argv[2]), 4
stopped = []
step = 0
with phaseguard.Session("package-loop", total_steps=STEPS, rollback=lambda before: max(step - 5, 0), stop=stopped.append,
                        signals={"judge/score": phaseguard.Signal("1", 0.0, 1.0, every_steps=1, join="max"),
                                 "canary/js": phaseguard.Signal("nats", 0.0, 0.6931471805599453, every_steps=5),
                                 "train/loss": phaseguard.Signal("nats")},
                        knobs={"kl": (0.0, 4.0), "lr_scale": phaseguard.Knob(0.0, 1.0, initial=1.0, protects="down")}) as guard:
    while step < STEPS and not stopped:
        for k in range(1, PARTS + 1):
            guard.part(step, k, PARTS, {"judge/score": 0.1}, weight=256.0)
        plan = guard.begin_step(step)
        time.sleep(0.02)
        step = plan.step + 1
        guard.end_step(step, {"train/loss": 2.0}, canary={"canary/js": 0.01} if step % 5 == 0 else None)
