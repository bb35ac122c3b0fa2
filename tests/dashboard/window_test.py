#!/usr/bin/env python3
"""The dashboard's window before two live runs: an operator forces a knob of one by mouse, looks at both, and gives it back by
keyboard. Real daemon, trainers, X server, mouse and keys; where a button is, is read off the screen.

usage: window_test.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE / "tests/ctl/live"))
import plant  # noqa: E402
from x_server import Screen  # noqa: E402

BUTTON = (44, 55, 71)  # of the dark theme
MANUAL = (222, 92, 206)  # of what an operator did
DIALOG = (400, 900)    # a dialog's buttons begin between these columns
PANEL = 960            # the panels on the right begin behind this one
BANNERS = 80           # the alarms' button lies above this line


def buttons(screen, least, first, last):
    return [span for span in screen.spans(BUTTON, least) if first <= span[0] < last and span[1] > BANNERS]


def press(screen, span):
    left, top, width = span
    screen.press(left + width // 2, top + 8)


def check_force(screen, daemon, shown, other):
    plant.eventually(lambda: buttons(screen, 50, PANEL, 1280), "the buttons of PROTECTION")
    assert screen.count(MANUAL) == 0, "no protection is drawn before any is in force"
    press(screen, buttons(screen, 50, PANEL, 1280)[0])
    plant.eventually(lambda: len(buttons(screen, 110, *DIALOG)) >= 2, "Cancel and Apply")
    press(screen, buttons(screen, 110, *DIALOG)[1])
    plant.eventually(lambda: shown.value == 2.0, "the trainer of the run that is shown obeys")
    plant.eventually(lambda: screen.count(MANUAL) > 50, "the window shows the protection in force")
    assert other.value == 0.0, "the other trainer goes on without"
    forced = plant.commands_in(daemon, "run-8")
    assert [(c["operator_name"], c["value"]) for c in forced] == [("ann", 2.0)], forced
    assert not plant.commands_in(daemon, "run-7")


def check_other_run(screen):
    screen.do("key", "n")
    plant.eventually(lambda: screen.count(MANUAL) == 0, "nothing protects the other run")
    screen.do("key", "p")
    plant.eventually(lambda: screen.count(MANUAL) > 50, "the run that was forced, again")


def open_release(screen):
    screen.do("key", "ctrl+p")
    plant.eventually(lambda: buttons(screen, 600, 300, 400), "the list of commands, one of them chosen")
    screen.do("type", "release kl")
    screen.do("sleep", 1, "key", "Return")
    plant.eventually(lambda: buttons(screen, 110, *DIALOG), "the dialog")


def check_keyboard(screen, daemon, shown):
    open_release(screen)
    screen.do("key", "Escape")
    plant.eventually(lambda: not buttons(screen, 110, *DIALOG), "it is left")
    assert len(plant.commands_in(daemon, "run-8")) == 1, "looking at a dialog sends nothing"
    open_release(screen)
    screen.do("key", "Tab", "sleep", 0.5, "type", "looked at it")
    screen.do("sleep", 0.5, "key", "Return", "sleep", 0.5, "key", "Down", "sleep", 0.5, "key", "Right", "sleep", 0.5)
    screen.do("key", "space", "sleep", 1)
    assert shown.value == 2.0, "a button that is to be held does nothing when it is pressed"
    screen.do("keydown", "space", "sleep", 3, "keyup", "space")
    plant.eventually(lambda: shown.value == 0.0, "released by keyboard")
    assert plant.commands_in(daemon, "run-8")[-1]["reason"] == "looked at it"


def main():
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        print("SKIPPED: Xvfb or xdotool is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="phaseguard-") as name:
        root = pathlib.Path(name)
        daemon = plant.Daemon(BUILD, root / "d").start()
        other, shown = plant.Training(daemon, "run-7"), plant.Training(daemon, "run-8")
        screen = Screen(name)
        window = subprocess.Popen([BUILD / "bin/phaseguard-dashboard", "--endpoint-dir", daemon.sockets, "--run", "run-8", "--operator",
                                   "ann", "--size", "1280x720", "--theme", "dark"],
                                  env={**screen.environment, "XDG_CONFIG_HOME": str(root / "config"),
                                    "XDG_STATE_HOME": str(root / "state")})
        try:
            check_force(screen, daemon, shown, other)
            check_other_run(screen)
            check_keyboard(screen, daemon, shown)
            assert window.poll() is None
        finally:
            window.terminate()
            window.wait(timeout=60)
            screen.end()
            other.stop()
            shown.stop()
            daemon.kill()
    print("forced by mouse in one of two runs, and applied there alone")


main()
