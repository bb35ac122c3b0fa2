"""An X server without a screen, for a real window: its picture is a file, and xdotool is its mouse and keyboard."""
import os
import pathlib
import struct
import subprocess


class Screen:
    def __init__(self, folder, width=1280, height=720):
        self.width, self.height = width, height
        reader, writer = os.pipe()
        # Without -noreset it begins anew, deaf for a moment, when its last window has closed.
        self.server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp",
                                        "-noreset", "-fbdir", folder], pass_fds=(writer,), stderr=subprocess.DEVNULL)
        os.close(writer)
        number = b""
        while not number.endswith(b"\n"):
            piece = os.read(reader, 16)
            assert piece, "Xvfb did not start"
            number += piece
        os.close(reader)
        self.file = pathlib.Path(folder) / "Xvfb_screen0"
        self.environment = {**os.environ, "DISPLAY": ":" + number.decode().strip(), "LIBGL_ALWAYS_SOFTWARE": "1"}

    def rows(self):
        """Each line of the picture: blue, green, red and an unused byte for each pixel (the server's file is an XWD dump)."""
        data = self.file.read_bytes()
        head = struct.unpack(">25I", data[:100])
        header_bytes, bytes_per_line, colours = head[0], head[12], head[19]
        start = header_bytes + 12 * colours
        return [data[start + y * bytes_per_line:start + y * bytes_per_line + 4 * self.width] for y in range(self.height)]

    def count(self, colour):
        """Pixels of this (red, green, blue)."""
        wanted = bytes(reversed(colour))
        return sum(1 for row in self.rows() for x in range(0, len(row), 4) if row[x:x + 3] == wanted)

    def spans(self, colour, least):
        """(left, y, width) of every unbroken line of this colour at least so wide under a line that had none there: tops of buttons."""
        wanted, found, above = bytes(reversed(colour)), [], []
        for y, row in enumerate(self.rows()):
            here, x = [], 0
            while x < self.width:
                end = x
                while end < self.width and row[4 * end:4 * end + 3] == wanted:
                    end += 1
                if end - x >= least:
                    here.append((x, end - x))
                x = max(end, x + 1)
            found += [(left, y, width) for left, width in here if not any(left < a + w and a < left + width for a, w in above)]
            above = here
        return found

    def do(self, *words):
        subprocess.run(["xdotool", *map(str, words)], env=self.environment, check=True, timeout=60)

    def press(self, x, y):
        self.do("mousemove", x, y, "sleep", 0.3, "mousedown", 1, "sleep", 0.2, "mouseup", 1)

    def end(self):
        self.server.terminate()
        self.server.wait()
