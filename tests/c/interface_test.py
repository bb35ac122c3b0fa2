#!/usr/bin/env python3
"""The C interface: the example against the real daemon, what the library exports, and its structs as Python has them.

usage: interface_test.py SOURCE_DIR BUILD_DIR
"""
import subprocess

from support import BUILD, daemon

from phaseguard import _native


def the_example_is_decided_on():
    with daemon() as pg:
        done = subprocess.run([BUILD / "tests" / "example_loop", "c-loop", pg.endpoint], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done
        lines = done.stdout.splitlines()
        assert len(lines) == 20 and lines[10].endswith("kl 0.00 by base") and lines[11].endswith("kl 2.00 by rule:defend"), lines
        verified = pg.ctl("verify", pg.run_file("c-loop"))
        assert verified.returncode == 0, verified
        refused = subprocess.run([BUILD / "tests" / "example_loop", "no/name", pg.endpoint], capture_output=True, text=True, timeout=30)
        assert refused.returncode == 1 and "options.run" in refused.stderr, refused


def nothing_else_is_exported():
    listed = subprocess.run(["nm", "-D", "--defined-only", BUILD / "lib" / "libphaseguard.so.0"], capture_output=True, text=True, check=True)
    names = [line.split()[-1] for line in listed.stdout.splitlines()]
    other = [name for name in names if not name.startswith("phaseguard_") and name != "PHASEGUARD_0"]
    assert not other, other
    missing = set(_native._FUNCTIONS) - {name.split("@")[0] for name in names}
    assert not missing and len(names) > 20, missing
    needed = subprocess.run(["readelf", "-d", BUILD / "lib" / "libphaseguard.so.0"], capture_output=True, text=True, check=True).stdout
    assert "torch" not in needed and "sqlite" not in needed, needed


def python_reads_the_structs_as_c_does():
    done = subprocess.run([BUILD / "tests" / "c_layout"], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        name, number = line.split()
        struct, _, field = name.partition(".")
        ours = getattr(_native, struct.capitalize())
        found = getattr(ours, field).offset if field else _native.c.sizeof(ours)
        assert found == int(number), f"{name}: {number} in C, {found} in Python"
    assert len(done.stdout.splitlines()) > 50


def main():
    for test in (the_example_is_decided_on, nothing_else_is_exported, python_reads_the_structs_as_c_does):
        test()
        print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
