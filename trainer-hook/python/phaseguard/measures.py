"""Measurements and hashes that need no session. Pure; any thread."""
import ctypes as c
from typing import List, Tuple

from . import _native
from ._native import lib


def _check(status: int) -> None:
    if status != _native.OK:
        raise ValueError(_native.last_error())


def js_rows(model, reference, rows: int, vocabulary: int, dtype: str = "float32") -> List[float]:
    """Jensen-Shannon divergence in nats of softmax(model) and softmax(reference), one value a row (PhaseGuard-KL, eq. 2).

    model, reference: addresses of logits [rows, vocabulary], row-major and contiguous, in the CPU's memory, of `dtype`
    "float32", "bfloat16" or "float16". A row that holds a NaN or +infinity gives NaN."""
    if dtype not in _native.DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(_native.DTYPES)}, found {dtype!r}")
    values = (c.c_double * rows)()
    _check(lib.phaseguard_js_rows(c.c_void_p(model), c.c_void_p(reference), _native.DTYPES[dtype], rows, vocabulary, values))
    return list(values)


def canary_digest(json_lines: str) -> str:
    """SHA-256 of a canary set, given as the text of its file: `canary_digest` of a declaration."""
    room = c.create_string_buffer(65)
    _check(lib.phaseguard_canary_digest(json_lines.encode(), room))
    return room.value.decode()


def sample_hash(prompt: str, answer: str) -> str:
    """The hash by which the scores of a training sample are found."""
    room = c.create_string_buffer(65)
    _check(lib.phaseguard_sample_hash(prompt.encode(), answer.encode(), room))
    return room.value.decode()


def wilson(k: int, n: int, confidence: float = 0.95) -> Tuple[float, float]:
    """Wilson score interval of k of n."""
    lower, upper = c.c_double(), c.c_double()
    _check(lib.phaseguard_wilson(k, n, confidence, c.byref(lower), c.byref(upper)))
    return lower.value, upper.value
