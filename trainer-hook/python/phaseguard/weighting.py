"""Per-sample weights on the task's own loss: a risky sample counts less, or is dropped. Works with torch 1.13 and later.

Shapes: B samples, T positions, V tokens, H hidden width, M answer tokens of the batch.
"""
import math
from typing import Callable, List, Optional, Sequence, Tuple

import torch
from torch.utils.checkpoint import checkpoint

from .penalty import _rows, _wide

UNSCORED = ("drop", "keep")


def sample_weights(risk: Sequence[float], strength: float, *, drop_above: Optional[float] = None, unscored: str = "drop") -> List[float]:
    """Of each sample what is left of its own loss, 0 to 1, as the knob `weighting` of that strength (0 to 1) leaves it: 1 - strength *
    risk, or with `drop_above` 1 - strength where the risk is above it, else 1. risk: [B], 0 to 1; another number, or NaN, has no score:
    "drop" leaves 1 - strength of it, so that an outage is not read as harmless, "keep" leaves all. ValueError: no sample, or a strength
    outside of its range."""
    if not len(risk) or not 0.0 <= strength <= 1.0 or unscored not in UNSCORED or not math.isfinite(drop_above or 0.0):
        raise ValueError("weighting: expected at least one sample, a strength from 0 to 1, a finite threshold and unscored "
                         f"{' or '.join(UNSCORED)}, found {len(risk)} samples, strength {strength}, threshold {drop_above} and unscored "
                         f"{unscored!r}")

    def lowered(one: float) -> float:
        if not 0.0 <= one <= 1.0:
            return 1.0 if unscored == "drop" else 0.0
        return one if drop_above is None else float(one > drop_above)
    return [1.0 - strength * lowered(one) for one in risk]


def token_losses(logits: torch.Tensor, targets: torch.Tensor, mask: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Nats of each answer token [M] with gradient, and its sample [M]. logits: [B, T, V]; targets: [B, T], the token that follows each
    position; mask: [B, T], 1 where it is to be learned."""
    if logits.dim() != 3 or targets.shape != logits.shape[:2] or mask.shape != targets.shape:
        raise ValueError(f"expected logits [B, T, V], targets and mask [B, T], found {list(logits.shape)}, {list(targets.shape)} and "
                         f"{list(mask.shape)}")
    where, chosen = _answers(targets, mask)
    return _nll(_rows(logits, where), chosen), where // mask.shape[1]


def token_losses_from_hidden(hidden: torch.Tensor, head: Callable, targets: torch.Tensor, mask: torch.Tensor, *,
                             chunk: int = 1024) -> Tuple[torch.Tensor, torch.Tensor]:
    """The same from last hidden states [B, T, H] and the layer that makes logits of them, `chunk` tokens at a time, whose logits are made
    again in the backward pass."""
    where, chosen = _answers(targets, mask)
    rows = _rows(hidden, where)
    parts = [checkpoint(lambda some, tokens: _nll(head(some), tokens), rows[begin:begin + chunk], chosen[begin:begin + chunk],
                        use_reentrant=False) for begin in range(0, len(where), chunk)]
    return (torch.cat(parts) if parts else rows.new_zeros(0, dtype=_wide(hidden))), where // mask.shape[1]


def _answers(targets: torch.Tensor, mask: torch.Tensor):
    """Flat positions that count, and the token after each."""
    where = mask.reshape(-1).nonzero(as_tuple=True)[0]
    return where, targets.reshape(-1)[where]


def _nll(logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return -torch.log_softmax(logits.to(_wide(logits)), -1).gather(1, chosen.long().to(logits.device)[:, None])[:, 0]


def weighted_token_mean(nll: torch.Tensor, row: torch.Tensor, weights: Sequence[float], *, total: Optional[float] = None) -> torch.Tensor:
    """sum_m w_row(m) nll_m / N, nats a token: the task's loss with one weight a sample, with gradient to `nll`. nll, row: [M], as
    `token_losses` gives them; weights: [B], finite, 0 or more. `total`: N, the answer tokens of the whole optimiser step before any
    weighting; None: M. What is taken from one sample is not given to the others. ValueError: shapes or weights that do not fit."""
    w = torch.as_tensor(weights, dtype=nll.dtype, device=nll.device)
    if nll.dim() != 1 or not len(nll) or row.shape != nll.shape or w.dim() != 1 or not len(w):
        raise ValueError(f"weighted loss: expected losses [M], rows [M] and weights [B], found {list(nll.shape)}, {list(row.shape)} and "
                         f"{list(w.shape)}")
    if int(row.min()) < 0 or int(row.max()) >= len(w) or not bool((torch.isfinite(w) & (w >= 0)).all()):
        raise ValueError("weighted loss: expected rows of the batch's samples and finite weights of 0 or more, found others")
    if total is not None and total < len(nll):
        raise ValueError(f"weighted loss: this micro-batch has {len(nll)} answer tokens, more than the whole step's {total}")
    return (nll * w[row]).sum() / (len(nll) if total is None else total)
