#!/usr/bin/env python3
"""phaseguard-dashboard as a user starts it: pictures without a display, bad input, a real window.

usage: screenshot_test.py DASHBOARD WRITE_SYNTHETIC_RUN
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from png_file import read_png
from x_server import Screen

DASHBOARD, WRITER = map(os.path.abspath, sys.argv[1:3])
KL_BAND = (44, 112, 160)
HIGH = (245, 142, 32)
SERIES = (106, 178, 222)
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def count(picture, colour, box=(0.0, 0.0, 1.0, 1.0)):
    width, height, rows = picture
    found, want = 0, bytes(colour)
    for y in range(int(box[1] * height), int(box[3] * height)):
        row = bytes(rows[y])
        for x in range(int(box[0] * width), int(box[2] * width)):
            found += row[4 * x : 4 * x + 3] == want
    return found


def run(*arguments, code=0, environment=None):
    done = subprocess.run([DASHBOARD, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment)
    check(done.returncode == code, f"{arguments}: exit {done.returncode}, wanted {code}: {done.stderr}")
    return done.stdout + done.stderr


def without_display():
    return {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}


def pictures(place):
    malicious, harmless = place / "lab-malicious-7.phaseguard", place / "lab-harmless-7.phaseguard"
    env = without_display()
    run(malicious, "--screenshot", place / "a.png", "--size", "960x640", environment=env)
    picture = read_png(place / "a.png")
    check(picture[:2] == (960, 640), "size as asked")
    middle = (0.3, 0.1, 0.75, 0.8)
    area = 960 * 640
    check(count(picture, KL_BAND, middle) > 0.002 * area, "the plots have a band where KL is on")
    check(count(picture, SERIES, middle) > 500, "lines are drawn")
    check(count(picture, HIGH, (0.0, 0.0, 0.2, 0.12)) > 50, "the banner has its orange sign")
    run(harmless, "--screenshot", place / "b.png", "--size", "960x640", environment=env)
    quiet = read_png(place / "b.png")
    check(count(quiet, KL_BAND, middle) == 0, "no band where KL was never on")
    check(count(quiet, HIGH, (0.0, 0.0, 1.0, 0.1)) == 0, "no banner on a quiet run")
    run(place, "--run", "lab-harmless-7", "--screenshot", place / "c.png", "--size", "960x640", environment=env)
    chosen = read_png(place / "c.png")
    check(count(chosen, KL_BAND, middle) == 0, "--run chooses among the runs of a directory")
    run(malicious, "--evidence", 1, "--theme", "light", "--screenshot", place / "d.png", "--scale", 1.5, environment=env)
    check(read_png(place / "d.png")[:2] == (1600, 1000), "the default size")


def past(place):
    """The run before its rule fired, and another policy beside it."""
    env = without_display()
    run(place / "lab-malicious-7.phaseguard", "--at-step", 8, "--what-if", "observe-only", "--screenshot", place / "past.png", environment=env)
    picture = read_png(place / "past.png")
    check(count(picture, KL_BAND, (0.3, 0.1, 0.7, 0.5)) == 0, "no knob was in force yet")
    check(count(picture, SERIES, (0.3, 0.1, 0.7, 0.5)) > 100, "what had come by then is drawn")


def own_trainer(place):
    """Signals and a knob that are nobody's but the trainer's: full plots of what is watched, at the top, and of the rest."""
    env = without_display()
    places = {"1600x1000": (("train/loss", 0.13, 0.22), ("mine/score", 0.24, 0.33)),
              "1280x720": (("train/loss", 0.23, 0.315), ("mine/score", 0.37, 0.45))}
    for size, lines in places.items():
        run(place / "own-trainer.phaseguard", "--size", size, "--screenshot", place / "own.png", environment=env)
        picture = read_png(place / "own.png")
        check(count(picture, KL_BAND, (0.26, 0.1, 0.38, 0.8)) == 0, "no band before the knob came down")
        check(count(picture, KL_BAND, (0.46, 0.1, 0.74, 0.7)) > 1500, "a band from there on, of a knob that protects downwards")
        for name, top, bottom in lines:
            wide = [count(picture, SERIES, (x, top, x + 0.06, bottom)) for x in (0.34, 0.45, 0.60, 0.66)]
            check(min(wide) > 15, f"{size}: {name} has a line over the whole width: {wide}")
        check(count(picture, SERIES, (0.30, 0.62, 0.78, 0.74)) > 200, f"{size}: the knob is pinned at the bottom")


def bad_input(place):
    env = without_display()
    malicious = place / "lab-malicious-7.phaseguard"
    out = place / "never.png"
    check("no such" in (text := run(place / "absent.phaseguard", "--screenshot", out, code=1, environment=env).lower())
          or "not" in text, f"a missing file is named: {text}")
    (place / "broken").mkdir()
    (place / "broken/x.phaseguard").write_bytes(b"not a database at all")
    run(place / "broken/x.phaseguard", "--screenshot", out, code=1, environment=env)
    run(place / "broken", "--screenshot", out, code=1, environment=env)
    check("decision 99" in run(malicious, "--evidence", 99, "--screenshot", out, code=1, environment=env), "no such decision")
    check("nobody" in run(place, "--run", "nobody", "--screenshot", out, code=1, environment=env), "no such run")
    check("absent/x.png" in run(malicious, "--screenshot", place / "absent/x.png", code=1, environment=env), "unwritable picture")
    check("--screenshot" in run(malicious, code=1, environment=env), "without a display the way out is named")
    run("--size", "10x10", "--screenshot", out, code=2)
    run("--theme", "pink", code=2)
    check("1280x720" in run(place, "--size", "1000x700", code=2, environment=env), "a window too small is refused")
    check("hybrid" in run(malicious, "--what-if", "nobody", "--screenshot", out, code=1, environment=env), "policies are named")
    check("letters" in run(malicious, "--layout", "a b", "--screenshot", out, code=1, environment=env), "no name of a layout")
    (place / "l.json").write_text('{"theme": "mauve"}')
    check("l.json: layout.theme" in run(malicious, "--layout", place / "l.json", "--screenshot", out, code=1, environment=env), "a layout's fault")
    run(malicious, "--endpoint-dir", "/tmp/x", code=2)
    check("RUNFILE" in run("--help"), "help")
    check("phaseguard-dashboard" in run("--version"), "version")
    check(not out.exists(), "nothing was written")
    run("--endpoint-dir", place / "nobody-there", "--wait", "0.2", "--screenshot", place / "e.png", environment=env)
    check((place / "e.png").exists(), "no daemon: a picture that says so")


def catches(pid, which):
    """Whether the process has a handler for this signal by now."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (which - 1) & 1)
    return False


def save_a_plot(place, env):
    """A right click on a plot, and the last entry of its menu: the plot as it is on the screen."""
    if shutil.which("xdotool") is None:
        print("SKIPPED the picture of a plot: xdotool is not installed")
        return
    shots = place / "shots"
    shots.mkdir()
    process = subprocess.Popen([DASHBOARD, str(place / "lab-malicious-7.phaseguard"), "--size", "1280x720", "--theme", "dark"], env=env, cwd=shots)
    try:
        saved = shots / "lab-malicious-7_judge_score.png"
        for _ in range(20):  # until the window is there and has drawn what it has
            for step in (("mousemove", "620", "362"), ("click", "3"), ("mousemove", "690", "566"), ("click", "1"), ("mousemove", "2", "2")):
                subprocess.run(["xdotool", *step], env=env, check=True)
                time.sleep(0.3)
            if saved.exists():
                break
        picture = read_png(saved)
        check(picture[0] > 400 and 50 < picture[1] < 120, f"the plot's own place: {picture[:2]}")
        check(count(picture, SERIES) > 200, "its line is in it")
        check(count(picture, KL_BAND) > 500, "and its band")
        check(count(picture, (44, 55, 71)) == 0, "no menu and no button is in it")
    finally:
        process.kill()
        process.wait()


def window(place):
    if shutil.which("Xvfb") is None:
        print("SKIPPED the real window: Xvfb is not installed")
        return
    (place / "screen").mkdir()
    screen = Screen(place / "screen", 1280, 800)
    env = dict(without_display(), DISPLAY=screen.environment["DISPLAY"], XDG_CONFIG_HOME=str(place / "config"),
               XDG_STATE_HOME=str(place / "state"))
    kept = place / "config/phaseguard/dashboard.json"
    try:
        run(place, "--size", "1280x720", "--theme", "light", "--exit-after", "1", environment=env)
        check('"theme": "light"' in kept.read_text(), "the layout of the window is kept")
        run(place, "--exit-after", "1", environment=env)
        check('"theme": "light"' in kept.read_text(), "and is that of the next one")
        kept.write_text("{ not JSON")
        run(place, "--exit-after", "1", environment=env)  # a damaged one keeps nobody out
        check((place / "config/phaseguard/dashboard.json.damaged").read_text() == "{ not JSON", "it is put aside")
        save_a_plot(place, env)
        process = subprocess.Popen([DASHBOARD, str(place)], env=env, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not catches(process.pid, signal.SIGTERM):
            time.sleep(0.1)
        check(process.poll() is None, "the window stays open")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        check(process.returncode == 0, f"SIGTERM ends it cleanly: {process.returncode} {process.stderr.read()}")
    finally:
        screen.end()


def main():
    with tempfile.TemporaryDirectory(prefix="phaseguard-") as name:
        place = pathlib.Path(name)
        subprocess.run([WRITER, name], check=True, stdout=subprocess.DEVNULL)
        pictures(place)
        own_trainer(place)
        past(place)
        bad_input(place)
        window(place)
    print(f"{checks} checks passed")


main()
