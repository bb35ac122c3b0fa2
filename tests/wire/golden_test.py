#!/usr/bin/env python3
"""Reads the golden frames with a MessagePack reader of a few lines and compares them with their JSON twins.

Shows that another language needs nothing but docs/PROTOCOL.md. usage: golden_test.py DIR
"""
import json
import math
import pathlib
import struct
import sys


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        piece = self.data[self.at:self.at + n]
        if len(piece) != n:
            raise ValueError(f"cut off at byte {self.at}")
        self.at += n
        return piece

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def value(self):
        b = self.number("B")
        if b <= 0x7F or b >= 0xE0:
            return b if b <= 0x7F else b - 256
        if b <= 0x8F:
            return self.map(b & 15)
        if b <= 0x9F:
            return self.array(b & 15)
        if b <= 0xBF:
            return self.take(b & 31).decode()
        if b in (0xC2, 0xC3):
            return b == 0xC3
        numbers = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q",
                   0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
        if b in numbers:
            return self.number(numbers[b])
        sized = {0xC4: ("B", self.take), 0xC5: ("H", self.take), 0xC6: ("I", self.take),
                 0xD9: ("B", self.text), 0xDA: ("H", self.text), 0xDB: ("I", self.text),
                 0xDC: ("H", self.array), 0xDD: ("I", self.array), 0xDE: ("H", self.map), 0xDF: ("I", self.map)}
        if b not in sized:
            raise ValueError(f"type byte {b:#x} at {self.at - 1}: not part of protocol 1.0")
        form, read = sized[b]
        return read(self.number(form))

    def text(self, n):
        return self.take(n).decode()

    def array(self, n):
        return [self.value() for _ in range(n)]

    def map(self, n):
        pairs = [(self.value(), self.value()) for _ in range(n)]
        if len(dict(pairs)) != n:
            raise ValueError("a key occurs twice")
        return dict(pairs)


def from_twin(x):
    if isinstance(x, list):
        return [from_twin(i) for i in x]
    if not isinstance(x, dict):
        return x
    if set(x) == {"$float"}:
        return float(x["$float"])
    if set(x) == {"$text"}:
        return x["$text"].encode()
    if set(x) == {"$hex"}:
        return bytes.fromhex(x["$hex"])
    return {k: from_twin(v) for k, v in x.items()}


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isnan(a) and math.isnan(b) or struct.pack(">d", a) == struct.pack(">d", b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def main():
    folder = pathlib.Path(sys.argv[1])
    frames = sorted(folder.glob("v1*/*.bin"))
    failed = 0
    for path in frames:
        reader = Reader(path.read_bytes())
        found = reader.value()
        wanted = from_twin(json.loads(path.with_suffix(".json").read_text()))
        if reader.at != len(reader.data) or not same(found, wanted) or found["kind"] != path.stem:
            failed += 1
            print(f"{path.name}: got {found!r}, wanted {wanted!r}")
    print(f"{len(frames) - failed} passed, {failed} failed")
    return 1 if failed or len(frames) < 22 else 0


if __name__ == "__main__":
    sys.exit(main())
