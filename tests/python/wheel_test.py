#!/usr/bin/env python3
"""The wheel: installed by pip with no index into a folder of its own, used by an interpreter that knows nothing of the tree, before and
after pyzmq and torch in one process.

usage: wheel_test.py SOURCE_DIR BUILD_DIR
"""
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
USE = """
import sys
for name in sys.argv[2:]:
    __import__(name)
import phaseguard, zmq
assert phaseguard.__file__.startswith(sys.argv[1]), phaseguard.__file__
maps = open("/proc/self/maps").read()
assert sys.argv[1] + "/phaseguard/libphaseguard.so.0" in maps, "another library was loaded"
a, b = zmq.Context.instance().socket(zmq.PAIR), zmq.Context.instance().socket(zmq.PAIR)
a.bind("inproc://x"); b.connect("inproc://x")
with phaseguard.Session("wheel", signals=["train/loss"], knobs={"kl": (0.0, 4.0)}, require=False, endpoint="ipc:///nonexistent/x") as guard:
    plan = guard.begin_step(0)
    guard.end_step(1, {"train/loss": 1.0})
    a.send(b"ping")
    assert b.recv() == b"ping" and plan["kl"] == 0.0 and guard.stats["reports"] >= 1
if "torch" in sys.modules:
    import torch
    logits = torch.zeros(2, 8)
    assert phaseguard.js_rows(logits.data_ptr(), logits.data_ptr(), 2, 8) == [0.0, 0.0]
print("used")
"""


def run(words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300, **more)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout.strip()


def main():
    if importlib.util.find_spec("pip") is None:
        print("SKIPPED: this Python has no pip")
        return 77
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PHASEGUARD_LIBRARY")}
    with tempfile.TemporaryDirectory(prefix="pgw-") as folder:
        place = pathlib.Path(folder)
        wheel = run([sys.executable, SOURCE / "scripts/wheel.py", SOURCE, BUILD, place / "out"])
        again = run([sys.executable, SOURCE / "scripts/wheel.py", SOURCE, BUILD, place / "again"])
        assert pathlib.Path(wheel).read_bytes() == pathlib.Path(again).read_bytes(), "the same tree gives another wheel"
        run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--target", place / "site", wheel], env=environment)
        torch = ["torch"] if importlib.util.find_spec("torch") else []
        for order in ([], ["phaseguard", "zmq", *torch], ["zmq", *torch, "phaseguard"], [*torch, "phaseguard", "zmq"]):
            said = run([sys.executable, "-c", USE, place / "site", *order], env={**environment, "PYTHONPATH": str(place / "site")}, cwd=folder)
            assert said == "used", said
            print(f"imported as {', '.join(order) or 'phaseguard alone'}: ok")
        print(pathlib.Path(wheel).name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
