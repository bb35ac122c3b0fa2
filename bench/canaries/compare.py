#!/usr/bin/env python3
"""Canary divergence beside ATen and, where python3-scipy is installed, SciPy; prints one JSON object.

usage: compare.py PATH/TO/bench_canaries [REPEATS]
"""
import json
import os
import statistics
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"


def scipy_ms(repeats):
    import numpy
    from scipy.spatial.distance import jensenshannon
    from scipy.special import softmax

    rng = numpy.random.default_rng(1)
    reference = (3 * rng.standard_normal((24, 152064))).astype(numpy.float32)
    model = reference + rng.standard_normal((24, 152064)).astype(numpy.float32)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        distance = jensenshannon(softmax(model, axis=1), softmax(reference, axis=1), axis=1)
        (distance ** 2).mean()
        times.append(1e3 * (time.perf_counter() - start))
    return {"best_ms": min(times), "median_ms": statistics.median(times), "n": repeats}


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    repeats = int(sys.argv[2]) if len(sys.argv) == 3 else 11
    report = json.loads(subprocess.run([sys.argv[1], str(repeats)], check=True, capture_output=True, text=True).stdout)
    try:
        report["scipy"] = scipy_ms(max(3, repeats // 3))
        report["times_faster_than_scipy"] = report["scipy"]["median_ms"] / report["ours_tensor"]["median_ms"]
    except ImportError as error:
        report["scipy"] = {"skipped": f"{error}; install python3-scipy to compare"}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
