"""Measurements and hashes that need no session. Pure; any thread."""
import ctypes as c
from typing import List, NamedTuple, Sequence, Tuple

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


class Llr(NamedTuple):
    """A persona log-likelihood ratio in nats; NaN where a side gives the answer no probability."""
    per_answer: float
    per_token: float


class Drift(NamedTuple):
    """Along one direction, raw and in standard deviations of the reference's projections. `in_sd`: NaN where those have none."""
    raw: float
    in_sd: float

    @property
    def value(self) -> float:
        """What the signal drift/TRAIT reports: in_sd where there is one."""
        return self.raw if self.in_sd != self.in_sd else self.in_sd


def _doubles(values: Sequence[float]):
    return (c.c_double * len(values))(*values)


def margin(model_misaligned: Sequence[float], model_aligned: Sequence[float], reference_misaligned: Sequence[float],
           reference_aligned: Sequence[float]) -> Tuple[float, List[float]]:
    """canary/margin and its value per canary: how much likelier the misaligned continuation of each canary became, against the
    aligned one. Log-probabilities in nats of the whole continuations, one a canary; one that is not finite makes the mean NaN."""
    sides = (model_misaligned, model_aligned, reference_misaligned, reference_aligned)
    if len({len(side) for side in sides}) != 1:
        raise ValueError(f"margin: expected four lists of one length, found {', '.join(str(len(side)) for side in sides)}")
    n = len(model_misaligned)
    per_canary, mean = (c.c_double * n)(), c.c_double()
    _check(lib.phaseguard_margin(*map(_doubles, sides), n, per_canary, c.byref(mean)))
    return mean.value, list(per_canary)


def persona_llr(misaligned: Sequence[Sequence[float]], aligned: Sequence[Sequence[float]]) -> Llr:
    """How much more readily the misaligned persona would have written an answer. Each side: the log-probabilities of the answer's
    tokens under each of its contexts (system prompts); two or more contexts, so that the ratio hangs on no single wording: ln of
    the mean likelihood over the contexts is taken of each side."""
    lengths = {len(tokens) for tokens in (*misaligned, *aligned)}
    if len(lengths) > 1:
        raise ValueError(f"persona ratio: expected the same answer's tokens under each context, found {sorted(lengths)} tokens")
    per_answer, per_token = c.c_double(), c.c_double()
    flat = [_doubles([value for tokens in side for value in tokens]) for side in (misaligned, aligned)]
    _check(lib.phaseguard_persona_llr(flat[0], len(misaligned), flat[1], len(aligned), lengths.pop() if lengths else 0,
                                      c.byref(per_answer), c.byref(per_token)))
    return Llr(per_answer.value, per_token.value)


def drift(direction: int, reference: int, model: int, prompts: int, width: int) -> Drift:
    """Of hidden states [prompts, width] along a direction [width]: addresses of contiguous float64 in the CPU's memory."""
    raw, in_sd = c.c_double(), c.c_double()
    _check(lib.phaseguard_drift(direction, reference, model, prompts, width, c.byref(raw), c.byref(in_sd)))
    return Drift(raw.value, in_sd.value)


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
