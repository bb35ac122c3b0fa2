"""A terminal for tests: a pty, a program in it, and the screen that the program draws.

The screen knows the few codes that `phaseguard watch` uses, and counts every other one as a fault.
"""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unicodedata

CODE = re.compile(rb"\x1b\[([?0-9;]*)([A-Za-z])")
PATIENCE_S = 60.0  # until something that must come is missing: a busy machine is no fault


def columns(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    def __init__(self, width, height):
        self.modes, self.faults, self.rest, self.codes = set(), [], b"", set()
        self.resize(width, height)

    def resize(self, width, height):
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        self.x = self.y = 0

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def text(self):
        return "\n".join(self.lines())

    def put(self, character):
        wide = columns(character)
        if wide == 0:
            self.cells[self.y][max(self.x - 1, 0)] += character
            return
        if self.y >= self.height or self.x + wide > self.width:
            self.faults.append(f"{character!r} at column {self.x} of row {self.y}")
            return
        self.cells[self.y][self.x] = character
        if wide == 2:
            self.cells[self.y][self.x + 1] = ""
        self.x += wide

    def code(self, arguments, letter):
        if letter == "H":
            row, column = (int(n) for n in (arguments or "1;1").split(";"))
            self.y, self.x = row - 1, column - 1
        elif letter == "J" and arguments == "2":
            self.cells = [[" "] * self.width for _ in range(self.height)]
        elif letter in "hl" and arguments in ("?1049", "?25", "?2004"):
            (self.modes.add if letter == "h" else self.modes.discard)(arguments)
        elif letter == "m":
            self.codes.add(arguments)
        else:
            self.faults.append(f"code {arguments}{letter}")

    def feed(self, data):
        data = self.rest + data
        while data:
            match = CODE.match(data)
            if match:
                self.code(match[1].decode(), match[2].decode())
                data = data[match.end():]
                continue
            if data[0] == 0x1b and len(data) < 12:
                break  # the rest comes with the next bytes
            size = 1 if data[0] < 0x80 else 2 if data[0] < 0xe0 else 3 if data[0] < 0xf0 else 4
            if len(data) < size:
                break
            character, data = data[:size].decode(errors="replace"), data[size:]
            if character == "\r":
                self.x = 0
            elif character == "\n":
                self.y = min(self.y + 1, self.height - 1)
            elif character < " " or character == "\x7f":
                self.faults.append(f"character {character!r}")
            else:
                self.put(character)
        self.rest = data


class Terminal:
    """`command` in a terminal of its own, which is its controlling one."""

    def __init__(self, command, width=80, height=24, **environment):
        self.master, self.slave = pty.openpty()
        self.screen, self.stream = Screen(width, height), b""
        self.size(width, height)
        self.before = termios.tcgetattr(self.slave)
        os.set_blocking(self.master, False)
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLORTERM", "LC_ALL", "LC_CTYPE", "LANG")}
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment})

    def size(self, width, height):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def resize(self, width, height):
        self.pump(0.05)
        self.screen.resize(width, height)
        self.size(width, height)

    def pump(self, seconds=0.0):
        until = time.monotonic() + seconds
        while True:
            try:
                data = os.read(self.master, 65536)
                self.stream += data
                self.screen.feed(data)
                continue
            except BlockingIOError:
                pass
            except OSError:
                return
            if time.monotonic() >= until:
                return
            time.sleep(0.01)

    def wait(self, condition, what):
        """Until `condition` holds of the screen's text."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            self.pump(0.05)
            if condition(self.screen.text()):
                return self.screen.text()
        raise AssertionError(f"never came: {what}; faults {self.screen.faults}\n{self.screen.text()}")

    def wait_for(self, words):
        return self.wait(lambda text: words in text, words)

    def type(self, text):
        os.write(self.master, text.encode())
        self.pump(0.05)

    def end(self, sign=None):
        """Exit code, after this signal; what the terminal is then."""
        if sign is not None:
            self.process.send_signal(sign)
        until = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < until:
            self.pump(0.05)
        self.pump(0.1)
        assert self.process.poll() is not None, "it does not end"
        return self.process.returncode

    def check_restored(self):
        assert not self.screen.modes - {"?25"}, self.screen.modes
        assert "?25" in self.screen.modes, "the cursor is not back"
        assert termios.tcgetattr(self.slave) == self.before, "the terminal's settings are not back"

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)
