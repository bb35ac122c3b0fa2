"""Reads the pictures that the dashboard writes."""
import struct
import zlib


def read_png(path):
    """Width, height and the rows of an 8-bit RGBA picture."""
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path}: expected a PNG, found {data[:8]!r}")
    at, packed, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
            if body[8:10] != b"\x08\x06":
                raise ValueError(f"{path}: expected 8 bits and RGBA, found depth and kind {tuple(body[8:10])}")
        if kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, width, height = zlib.decompress(packed), *size
    rows, above, stride = [], bytearray(width * 4), width * 4
    for y in range(height):
        filter_kind = raw[y * (stride + 1)]
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        for i in range(stride if filter_kind else 0):
            left = line[i - 4] if i >= 4 else 0
            corner = above[i - 4] if i >= 4 else 0
            if filter_kind == 1:
                line[i] = (line[i] + left) & 255
            elif filter_kind == 2:
                line[i] = (line[i] + above[i]) & 255
            elif filter_kind == 3:
                line[i] = (line[i] + (left + above[i]) // 2) & 255
            else:
                guess = left + above[i] - corner
                near = min((abs(guess - left), 0, left), (abs(guess - above[i]), 1, above[i]), (abs(guess - corner), 2, corner))
                line[i] = (line[i] + near[2]) & 255
        rows.append(line)
        above = line
    return width, height, rows
