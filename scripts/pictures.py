#!/usr/bin/env python3
"""Makes the pictures of docs/pictures from the run files that scripts/demo.sh leaves: the dashboard's own screenshots, with 256 colours.

usage: pictures.py DASHBOARD [DEMO_OUT [PICTURES]]     (default: build/demo-out docs/pictures)
"""
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/dashboard"))
from png_file import read_png  # noqa: E402

MALICIOUS, HARMLESS = "lab-malicious.phaseguard", "lab-harmless.phaseguard"
# Name, run and options of the screenshot.
PICTURES = [("dashboard-dark.png", MALICIOUS, []),
            ("dashboard-light.png", HARMLESS, ["--theme", "light"]),
            ("dashboard-contrast.png", MALICIOUS, ["--theme", "contrast"]),
            ("evidence.png", MALICIOUS, ["--evidence", "1"]),
            ("timeline.png", MALICIOUS, ["--at-step", "40"])]


def read_rgba(path):
    """[height, width, 4] of a picture."""
    width, height, rows = read_png(path)
    return np.frombuffer(b"".join(rows), np.uint8).reshape(height, width, 4)


def in_256_colours(rgba):
    """Palette [n <= 256, 3] and the index of each pixel: the colours that are used most, others by the nearest of them."""
    flat = rgba[..., :3].reshape(-1, 3)
    colours, index, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    kept = colours[np.argsort(-counts)[:256]].astype(np.int64)
    nearest = np.array([np.argmin(((kept - colour) ** 2).sum(1)) for colour in colours.astype(np.int64)], np.uint8)
    return kept.astype(np.uint8), nearest[index.reshape(-1)].reshape(rgba.shape[:2])


def write_png(path, palette, indices):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = indices.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), indices], axis=1)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) +
                     chunk(b"PLTE", palette.tobytes()) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + chunk(b"IEND", b""))


def main():
    dashboard = pathlib.Path(sys.argv[1]).resolve()
    runs = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "build/demo-out")
    folder = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else "docs/pictures")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        for picture, run, options in PICTURES:
            if not (runs / run).exists():
                sys.exit(f"pictures.py: no {runs / run}: run scripts/demo.sh --headless first")
            shot = pathlib.Path(name) / picture
            subprocess.run([dashboard, run, "--size", "1440x900", "--screenshot", shot, *options], cwd=runs, check=True)
            write_png(folder / picture, *in_256_colours(read_rgba(shot)))
            print(f"{folder / picture}: {(folder / picture).stat().st_size // 1024} KiB")


main()
