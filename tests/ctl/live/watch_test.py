#!/usr/bin/env python3
"""`phaseguard watch` in a real terminal, with the real daemon and a real trainer: sizes, force with confirmation, hostile names, a
daemon that dies, and the terminal as it was before, however the program ends.

usage: watch_test.py SOURCE_DIR BUILD_DIR
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import plant
from terminal import Terminal

BUILD = pathlib.Path(sys.argv[2])
PHASEGUARD = BUILD / "bin" / "phaseguard"
RUN = "run-7"


def console(daemon, *words, **how):
    return Terminal([PHASEGUARD, "watch", "--endpoint-dir", daemon.sockets, *words], **how)


def check_force(daemon, training):
    terminal = console(daemon)
    terminal.wait_for(f"run {RUN}: NO PROTECTION IN FORCE")
    text = terminal.wait_for("judge/score")
    assert "表記/長い名前の信号" in text and "trainer active" in text, text
    assert terminal.screen.modes == {"?1049", "?2004"}, terminal.screen.modes

    terminal.type("f")
    terminal.wait_for(f"FORCE kl of run {RUN}")
    terminal.type("\r\r\rrun-8\r")
    terminal.wait_for('"run-8" is not "run-7"; nothing was sent')
    terminal.type("\x1b[200~run-7\r\x1b[201~")  # pasted: no key
    terminal.pump(0.5)
    terminal.type("\x1b")
    terminal.wait_for("was left; nothing was sent")
    assert training.value == 0.0 and not plant.commands_in(daemon, RUN)

    terminal.type("f\r\r\rrun-7\r")
    terminal.wait_for(f"force kl 2 of run {RUN}: APPLIED by the trainer, in force since step")
    plant.eventually(lambda: training.value == 2.0, "the trainer obeys")
    terminal.wait_for("FORCED-ON")

    terminal.resize(120, 40)
    terminal.wait(lambda text: len(text.splitlines()) == 40 and "q quit" in text.splitlines()[39], "a frame of 40 rows")
    terminal.resize(40, 10)
    terminal.wait_for("too small: 40x10")
    terminal.resize(80, 24)
    terminal.wait(lambda text: "q quit" in text.splitlines()[-1] and len(text.splitlines()) == 24, "a frame of 24 rows")
    assert not terminal.screen.faults, terminal.screen.faults
    terminal.type("q")
    assert terminal.end() == 0
    terminal.check_restored()
    terminal.close()


def check_hostile(daemon):
    reason = "\x1b]0;owned\x07\x1b[2J\u202e漢字"
    done = daemon.run("force", "kl", "--value", "3", "--reason", reason, "--operator", "\x1b[31mmallory")
    assert done.returncode == 0, done
    terminal = console(daemon)
    terminal.wait_for(r"operator \x1b[31mmallory")
    assert not terminal.screen.faults, terminal.screen.faults
    assert b"\x07" not in terminal.stream and b"\x1b]" not in terminal.stream
    for line in terminal.screen.lines():
        assert "\u202e" not in line, line
    terminal.type("q")
    assert terminal.end() == 0
    terminal.close()


def check_ends(daemon):
    for sign, code in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 0), (signal.SIGSEGV, -signal.SIGSEGV)):
        terminal = console(daemon)
        terminal.wait_for(f"run {RUN}:")
        assert terminal.end(sign) == code, (sign, terminal.process.returncode)
        terminal.check_restored()
        terminal.close()
    terminal = console(daemon)
    terminal.wait_for(f"run {RUN}:")
    terminal.type("\x03")  # Ctrl-C
    assert terminal.end() == 0
    terminal.check_restored()
    terminal.close()


def check_suspend(daemon):
    terminal = console(daemon)
    terminal.wait_for(f"run {RUN}:")
    terminal.process.send_signal(signal.SIGTSTP)
    plant.eventually(lambda: os.waitpid(terminal.process.pid, os.WUNTRACED | os.WNOHANG)[0] != 0, "it stands still")
    terminal.pump(0.1)
    terminal.check_restored()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.wait(lambda text: "?1049" in terminal.screen.modes and f"run {RUN}:" in text, "the console again")
    terminal.type("q")
    assert terminal.end() == 0
    terminal.check_restored()
    terminal.close()


def check_dead_daemon(daemon):
    terminal = console(daemon)
    terminal.wait_for("daemon active")
    daemon.kill()
    terminal.wait_for("daemon does not answer")
    terminal.type("f")
    terminal.wait_for("no command: the daemon does not answer")
    daemon.start()
    terminal.wait(lambda text: "daemon active" in text and "no alarm" in text, "the daemon again")
    terminal.end(signal.SIGTERM)
    terminal.check_restored()
    terminal.close()


def check_no_daemon(root):
    daemon = plant.Daemon(BUILD, root / "late")
    terminal = console(daemon)
    terminal.wait_for("no daemon answers: start one with phaseguardd")
    soon = daemon.run("watch", "--once", "--timeout", "0.2")
    assert soon.returncode == 1 and "daemon connecting" in soon.stdout and "file" not in soon.stdout, soon
    once = daemon.run("watch", "--once", "--timeout", "4")
    assert once.returncode == 1 and "no daemon answers" in once.stdout, once
    daemon.start()
    training = plant.Training(daemon, RUN)
    terminal.wait_for(f"run {RUN}: NO PROTECTION IN FORCE")
    terminal.type("q")
    assert terminal.end() == 0
    terminal.close()
    training.stop()
    daemon.kill()


def check_plain(daemon):
    """Lines where no terminal is, and where one moves no cursor."""
    piped = daemon.run("watch", "--for", "1")
    assert piped.returncode == 0 and piped.stdout.startswith(RUN + "  step ") and "\x1b" not in piped.stdout, piped
    dumb = console(daemon, "--for", "1", TERM="dumb")
    assert dumb.end() == 0 and b"\x1b" not in dumb.stream and dumb.stream.startswith(RUN.encode()), dumb.stream
    dumb.close()
    lines = console(daemon, "--for", "1", "--lines")
    assert lines.end() == 0 and b"\x1b" not in lines.stream, lines.stream
    lines.close()
    once = daemon.run("watch", "--once")
    assert once.returncode == 0 and "\x1b" not in once.stdout and len(once.stdout.splitlines()) == 24, once
    assert f"run {RUN}:" in once.stdout and "KNOBS" in once.stdout, once.stdout


def check_colours(daemon):
    for environment, wanted, unwanted in (({"COLORTERM": "truecolor"}, "38;2;", "38;5;"), ({}, "38;5;", "38;2;"),
                                          ({"NO_COLOR": "1"}, "", "38;"), ({"TERM": "xterm"}, "", "38;")):
        terminal = console(daemon, **environment)
        terminal.wait_for(f"run {RUN}:")
        codes = " ".join(terminal.screen.codes)
        assert (not wanted or wanted in codes) and unwanted not in codes, (environment, codes)
        terminal.end(signal.SIGTERM)
        terminal.close()
    terminal = console(daemon, LANG="C")
    terminal.wait_for(f"run {RUN}:")
    terminal.wait_for("judge/score")
    assert terminal.screen.text().isascii(), terminal.screen.text()
    terminal.end(signal.SIGTERM)
    terminal.close()


def check_help(daemon):
    """--help names every key that the console itself lists."""
    said = subprocess.run([PHASEGUARD, "watch", "--help"], capture_output=True, text=True, timeout=60).stdout
    terminal = console(daemon)
    terminal.wait_for(f"run {RUN}:")
    terminal.type("?")
    lines = terminal.wait_for("any key: back").splitlines()
    names = [line[2:12].strip() for line in lines[3:lines.index("  any key: back")]]
    assert len(names) >= 14 and "Shift-Tab" in names and "?" in names, lines
    for name in names:
        assert re.search(rf"^ +{re.escape(name)} ", said, re.M), (name, said)
    terminal.end(signal.SIGTERM)
    terminal.close()


def main():
    with tempfile.TemporaryDirectory(prefix="pgw-") as folder:
        root = pathlib.Path(folder)
        daemon = plant.Daemon(BUILD, root / "d").start()
        training = plant.Training(daemon, RUN)
        try:
            check_force(daemon, training)
            check_hostile(daemon)
            check_help(daemon)
            check_plain(daemon)
            check_colours(daemon)
            check_suspend(daemon)
            check_ends(daemon)
            check_dead_daemon(daemon)
            check_no_daemon(root)
        finally:
            training.stop()
            daemon.kill()
    print("the console shows, asks, sends, and leaves the terminal as it was")


if __name__ == "__main__":
    main()
