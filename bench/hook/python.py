#!/usr/bin/env python3
"""What the Python session costs on the training thread, linked to the real daemon, as JSON.

usage: python.py SOURCE_DIR BUILD_DIR [N]
"""
import ctypes
import json
import pathlib
import subprocess
import sys
import time

sys.argv, rest = sys.argv[:3], sys.argv[3:]
sys.path.insert(0, str(pathlib.Path(sys.argv[1]) / "tests" / "python"))
from support import SOURCE, daemon  # noqa: E402

import phaseguard  # noqa: E402
from phaseguard import _native  # noqa: E402

N = int(rest[0]) if rest else 20000
SIGNALS = {"judge/score": phaseguard.Signal("1", 0.0, 1.0), **{f"train/{i}": phaseguard.Signal() for i in range(5)}}


def figures(seconds):
    seconds.sort()
    at = lambda share: 1e6 * seconds[min(int(share * len(seconds)), len(seconds) - 1)]  # noqa: E731
    return {"median_us": round(at(0.5), 2), "p999_us": round(at(0.999), 2), "n": len(seconds)}


def timed(work, n=N, burst=0):
    """`burst`: after so many calls the I/O thread is let empty the ring."""
    out = []
    for i in range(n):
        began = time.perf_counter()
        work(i)
        out.append(time.perf_counter() - began)
        if burst and i % burst == burst - 1:
            time.sleep(0.01)
    return figures(out)


def seconds_of(code):
    """Best of ten interpreters."""
    best = 1e9
    for _ in range(10):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        best = min(best, time.perf_counter() - began)
    return best


def main():
    bare = seconds_of("pass")
    imported = seconds_of(f"import sys; sys.path.insert(0, {str(SOURCE / 'trainer-hook/python')!r}); import phaseguard")
    with daemon() as pg, phaseguard.Session("bench", signals=SIGNALS, knobs={"kl": (0.0, 4.0)}, endpoint=pg.endpoint) as guard:
        lib, handle = _native.lib, guard._handle
        plan, place, value = _native.Plan(), ctypes.c_int32(1), ctypes.c_double(1.0)
        five = {f"train/{i}": 1.0 for i in range(5)}

        def step(i):
            guard.begin_step(i)
            guard.end_step(i + 1, five)

        print(json.dumps({
            "baseline: a ctypes call that does nothing": timed(lambda i: lib.phaseguard_abi()),
            "begin_step of the C interface (latch and applied)": timed(lambda i: lib.phaseguard_begin_step(handle, 0, ctypes.byref(plan))),
            "one value of the C interface": timed(lambda i: lib.phaseguard_values(handle, i, ctypes.byref(place), ctypes.byref(value), 1), burst=400),
            "Session.begin_step + end_step with five values": timed(step, burst=100),
            "import phaseguard, beyond a bare interpreter": {"ms": round(1e3 * (imported - bare), 1)},
            "dropped": guard.stats["dropped"]}, indent=1))


if __name__ == "__main__":
    main()
