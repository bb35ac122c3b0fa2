"""Stands in for the package msgpack where that is not installed: what the examples of the docs use of it."""
import pathlib
import struct
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "wire"))
from golden_test import Reader  # noqa: E402


def unpackb(data):
    reader = Reader(bytes(data))
    value = reader.value()
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes after the value")
    return value


def sized(n, fixed, limit, forms):
    if n < limit:
        return bytes([fixed | n])
    code, form = next((c, f) for c, f in forms if n < 256 ** struct.calcsize(f))
    return bytes([code]) + struct.pack(">" + form, n)


def packb(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if -32 <= value < 128:
            return struct.pack("b", value) if value < 0 else bytes([value])
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        return sized(len(data), 0xA0, 32, ((0xD9, "B"), (0xDA, "H"), (0xDB, "I"))) + data
    if isinstance(value, (bytes, bytearray)):
        return sized(len(value), 0, 0, ((0xC4, "B"), (0xC5, "H"), (0xC6, "I"))) + bytes(value)
    if isinstance(value, (list, tuple)):
        return sized(len(value), 0x90, 16, ((0xDC, "H"), (0xDD, "I"))) + b"".join(map(packb, value))
    if isinstance(value, dict):
        return sized(len(value), 0x80, 16, ((0xDE, "H"), (0xDF, "I"))) + b"".join(packb(k) + packb(v) for k, v in value.items())
    raise TypeError(f"cannot pack {type(value).__name__}")
