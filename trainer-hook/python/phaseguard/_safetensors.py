"""Small safetensors files, as phaseguard-probe reads and writes them: u64 length, JSON header, little-endian numbers. Never a pickle."""
import array
import json
import os
import sys
from typing import Dict, Mapping, NamedTuple, Tuple

_CODES = {"F64": "d", "F32": "f"}
_MAX_BYTES = 1 << 30


class File(NamedTuple):
    metadata: Dict[str, str]
    tensors: Dict[str, array.array]


class Tensor(NamedTuple):
    """What is written: type as the format names it, shape, numbers in the machine's order."""
    code: str
    shape: Tuple[int, ...]
    data: bytes


def write(path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Raises OSError where it cannot be written, and ValueError on a big-endian machine."""
    if sys.byteorder == "big":
        raise ValueError("expected a little-endian machine to write safetensors on")
    header, end = {"__metadata__": dict(metadata)}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": tensor.code, "shape": list(tensor.shape), "data_offsets": [end, end + len(tensor.data)]}
        end += len(tensor.data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(tensor.data for tensor in tensors.values()))


def read(path, prefix: str) -> File:
    """The tensors whose names begin with `prefix`. Raises ValueError that names the file and what was expected of it; OSError where it cannot be read."""
    if os.path.getsize(path) > _MAX_BYTES:
        raise ValueError(f"{path}: expected a file of at most {_MAX_BYTES >> 20} MiB")
    with open(path, "rb") as file:
        content = file.read()
    try:
        begin = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:begin])
        metadata = header.pop("__metadata__", {})
        return File(metadata, {name: _tensor(one, content[begin:]) for name, one in header.items() if name.startswith(prefix)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected a safetensors file, found something else ({error})") from None


def _tensor(record: dict, data: bytes) -> array.array:
    code, (first, end) = _CODES.get(record["dtype"]), record["data_offsets"]
    if code is None:
        raise ValueError(f"numbers of type {record['dtype']}, expected {' or '.join(_CODES)}")
    values = array.array(code)
    count = 1
    for length in record["shape"]:
        count *= length
    if not 0 <= first <= end <= len(data) or end - first != count * values.itemsize:
        raise ValueError("a tensor that does not fit its place in the file")
    values.frombytes(data[first:end])
    if sys.byteorder == "big":
        values.byteswap()
    return values
