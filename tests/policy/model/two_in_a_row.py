#!/usr/bin/env python3
"""How often a `level` detector of two in a row is wrong on data without any change (docs/POLICY.md, Detectors).

usage: two_in_a_row.py"""
import numpy

CHANCE, STEPS, RUNS, CORRELATION = 0.05, 64, 400_000, 0.9


def share(above):
    return float(numpy.any(above[:, 1:] & above[:, :-1], axis=1).mean())


def main():
    rng = numpy.random.default_rng(1)
    series = rng.standard_normal((RUNS, STEPS), dtype=numpy.float32)
    line = 1.6448536  # of the standard normal: one value in twenty lies above it
    print(f"chance of one measurement above the line {CHANCE:.0%}, {STEPS} measurements, {RUNS} series")
    print(f"two in a row, independent: {share(series > line):.2f}")
    for step in range(1, STEPS):
        series[:, step] = CORRELATION * series[:, step - 1] + (1 - CORRELATION ** 2) ** 0.5 * series[:, step]
    print(f"two in a row, autocorrelation {CORRELATION}: {share(series > line):.2f}")


if __name__ == "__main__":
    main()
