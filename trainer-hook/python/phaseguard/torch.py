"""What a PyTorch trainer needs beside a Session: the KL penalty, canary divergence, snapshots to roll back to, and ranks that agree.

Works with torch 1.13 and later. Shapes: B samples, T positions, V tokens, H hidden width.
"""
import copy
import random
import sys
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import torch
from torch.utils.checkpoint import checkpoint

from . import measures
from .measures import persona_llr  # noqa: F401: one import for users
from .ranks import Ranks  # noqa: F401
from .signals import Directions, PersonaRatio, answer_log_probs, continuation_log_probs, margin, not_finite  # noqa: F401

DIRECTIONS = ("model_ref", "ref_model")
_DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


class Penalty(NamedTuple):
    """`value`: what is added to the loss, with gradient: sum_i w_i sum_t m_it KL_it / N. `measured`: nats a token, without the
    weights; NaN when it could not be computed. `positions`: how many counted."""
    value: torch.Tensor
    measured: float
    positions: int


def answer_mask(labels: torch.Tensor, ignored: int = -100) -> torch.Tensor:
    """[B, T] of labels -> [B, T]: 1 where the *next* token has a label, so that position t of the logits is judged for it."""
    mask = torch.zeros_like(labels, dtype=torch.float32)
    mask[:, :-1] = (labels[:, 1:] != ignored).float()
    return mask


def kl_per_position(model: torch.Tensor, reference: torch.Tensor, direction: str = "model_ref") -> torch.Tensor:
    """Logits [.., V] -> nats [..]: KL(model || reference) for model_ref, KL(reference || model) for ref_model. A token masked with
    -infinity on both sides contributes 0. Gradient to the model alone; half precision is computed in float32."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction: expected one of {', '.join(DIRECTIONS)}, found {direction!r}")
    if model.shape != reference.shape:
        raise ValueError(f"expected logits of one shape, found {list(model.shape)} of the model and {list(reference.shape)} of the "
                         "reference: another vocabulary or tokenizer?")
    wide = model.dtype if model.dtype == torch.float64 else torch.float32
    log_p = torch.log_softmax(model.to(wide), -1)
    log_q = torch.log_softmax(reference.detach().to(wide), -1)
    weight, difference = (log_p, log_p - log_q) if direction == "model_ref" else (log_q, log_q - log_p)
    return torch.where(torch.isinf(weight), torch.zeros_like(weight), weight.exp() * difference).sum(-1)


def _sum(kl: torch.Tensor, mask: torch.Tensor, weights: Optional[torch.Tensor]) -> torch.Tensor:
    """[2]: with weights, which has the gradient, and without."""
    plain = torch.where(mask > 0, kl * mask, torch.zeros_like(kl)).sum(-1)  # what does not count may be no number
    weighted = plain if weights is None else plain * weights
    return torch.stack([weighted.sum(), plain.detach().sum()])


def _penalty(sums: torch.Tensor, mask: torch.Tensor, total: Optional[float]) -> Penalty:
    positions = int(mask.sum().item())
    n = float(positions if total is None else total)
    if n <= 0:
        return Penalty(sums[0] * 0.0, float("nan"), positions)
    return Penalty(sums[0] / n, sums[1].item() / n, positions)


def kl_penalty(model: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor, *, direction: str = "model_ref",
               weights: Optional[Sequence[float]] = None, total: Optional[float] = None) -> Penalty:
    """Token mean of the KL of logits [B, T, V] where mask [B, T] is 1. `weights` [B]: one lambda a sample, instead of one for all.
    `total`: N, the masked positions of all micro-batches and ranks of this optimiser step; None: this call is the whole step. The
    value must not be divided by the number of micro-batches again."""
    per_sample = None if weights is None else torch.as_tensor(weights, dtype=torch.float32, device=model.device)
    return _penalty(_sum(kl_per_position(model, reference, direction), mask, per_sample), mask, total)


def kl_from_hidden(hidden: torch.Tensor, reference: torch.Tensor, head: Callable, mask: torch.Tensor, *,
                   reference_head: Optional[Callable] = None, direction: str = "model_ref",
                   weights: Optional[Sequence[float]] = None, total: Optional[float] = None, chunk: int = 1024) -> Penalty:
    """The same from last hidden states [B, T, H] and the layer that makes logits of them, `chunk` masked positions at a time, so
    that [B, T, V] is never there at once: for trainers whose fused loss hands over no logits. `head` is computed again in the
    backward pass."""
    wanted = mask.reshape(-1).nonzero(as_tuple=True)[0]
    ours, theirs = hidden.reshape(-1, hidden.shape[-1]), reference.detach().reshape(-1, reference.shape[-1])
    sample = torch.arange(mask.shape[0], device=mask.device).repeat_interleave(mask.shape[1])
    lambdas = None if weights is None else torch.as_tensor(weights, dtype=torch.float32, device=hidden.device)
    other = reference_head or head

    def of_chunk(rows, where):
        with torch.no_grad():
            expected = other(theirs[where])
        kl = kl_per_position(head(rows), expected, direction)
        weighted = kl if lambdas is None else kl * lambdas[sample[where]]
        return torch.stack([weighted.sum(), kl.detach().sum()])

    sums = hidden.new_zeros(2, dtype=torch.float64 if hidden.dtype == torch.float64 else torch.float32)
    for where in wanted.split(chunk):
        sums = sums + checkpoint(of_chunk, ours[where], where, use_reentrant=False)
    return _penalty(sums, mask, total)


def js(model: torch.Tensor, reference: torch.Tensor) -> List[float]:
    """Jensen-Shannon divergence in nats of two logits [P, V], one value a row: on the CPU the kernel that the C++ hook has, on
    another device torch there. A row that holds a NaN or +infinity gives NaN."""
    if model.shape != reference.shape or model.dim() != 2:
        raise ValueError(f"expected logits [P, V] twice, found {list(model.shape)} and {list(reference.shape)}")
    ours, theirs = model.detach(), reference.detach()
    if ours.device.type == "cpu" and ours.dtype == theirs.dtype and ours.dtype in _DTYPES:
        ours, theirs = ours.contiguous(), theirs.contiguous()
        return measures.js_rows(ours.data_ptr(), theirs.data_ptr(), *ours.shape, _DTYPES[ours.dtype])
    log_p, log_q = torch.log_softmax(ours.double(), -1), torch.log_softmax(theirs.double(), -1)
    log_m = torch.logaddexp(log_p, log_q) - 0.6931471805599453
    half = lambda log_x: torch.where(torch.isinf(log_x), torch.zeros_like(log_x), log_x.exp() * (log_x - log_m)).sum(-1)  # noqa: E731
    return (0.5 * (half(log_p) + half(log_q))).clamp(min=0.0).tolist()


def _generators() -> dict:
    state = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if "numpy" in sys.modules:  # else nothing has drawn from it
        state["numpy"] = sys.modules["numpy"].random.get_state()
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def _restore_generators(state: dict) -> None:
    random.setstate(state["python"])
    if "numpy" in state:
        sys.modules["numpy"].random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


class Snapshots:
    """States of training in memory, to roll back to: what is trained, its optimiser, schedule and gradient scaler, and the random
    generators. At most `keep`; the first stays, so that a rollback to the reference is always possible.

    `Session(rollback=snapshots.restore)`; take one at every measurement: `snapshots.take(step)`."""

    def __init__(self, model: torch.nn.Module, optimizer, *, scheduler=None, scaler=None, keep: int = 8):
        if keep < 2:
            raise ValueError(f"keep: expected at least 2, the first and the newest, found {keep}")
        self._model, self._keep = model, keep
        self._parts = {name: part for name, part in (("optimizer", optimizer), ("scheduler", scheduler), ("scaler", scaler)) if part is not None}
        self._kept: Dict[int, dict] = {}

    def _trained(self) -> dict:
        trained = {name: value for name, value in self._model.named_parameters() if value.requires_grad}
        return {**trained, **dict(self._model.named_buffers())}

    def take(self, step: int) -> None:
        state = {name: copy.deepcopy(part.state_dict()) for name, part in self._parts.items()}
        state["weights"] = {name: value.detach().clone() for name, value in self._trained().items()}
        state["random"] = _generators()
        self._kept[step] = state
        if len(self._kept) > self._keep:
            del self._kept[sorted(self._kept)[1]]

    @property
    def steps(self) -> List[int]:
        return sorted(self._kept)

    def find(self, before: int) -> int:
        """The step of the newest state of step `before` or earlier (-1: of the oldest). LookupError: there is none."""
        steps = [step for step in self.steps if before < 0 or step <= before]
        if not steps:
            raise LookupError(f"no snapshot of step {before} or earlier; there are {self.steps}")
        return steps[0] if before < 0 else steps[-1]

    def restore(self, before: int) -> int:
        """Goes back to the state of `find(before)`; its step. LookupError: there is none."""
        step = self.find(before)
        state = self._kept[step]
        with torch.no_grad():
            for name, value in self._trained().items():
                value.copy_(state["weights"][name])
        for name, part in self._parts.items():
            part.load_state_dict(copy.deepcopy(state[name]))
        _restore_generators(state["random"])
        self._kept = {kept: of for kept, of in self._kept.items() if kept <= step}
        return step

