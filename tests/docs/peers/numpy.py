"""Stands in for numpy where that is not installed: what the examples of the docs use of it."""
import struct


def frombuffer(data, dtype):
    if dtype != "<f8":
        raise ValueError(f"this stand-in for numpy knows the type <f8 alone, not {dtype}")
    return list(struct.unpack(f"<{len(data) // 8}d", data))
