"""What a plan makes of the loss of a training loop of one's own: the knobs `kl`, `weighting` and `kl_replay` in one call.

Shapes: B samples, T positions, V tokens.
"""
from typing import Callable, List, Optional, Sequence, Union

import torch

from .penalty import Penalty, kl_penalty
from .session import Plan
from .weighting import sample_weights, token_losses


def held(plan: Plan, knob: str, samples: slice = slice(None), n: Optional[int] = None) -> Union[float, List[float]]:
    """What holds of a knob for the samples of a micro-batch: one number, or one a sample. samples: their place among those that were
    reported; n: how many were reported: values of another number of samples are not of this batch, and the highest holds for all. 0: the
    knob was not declared."""
    setting = plan.knobs.get(knob)
    if setting is None:
        return 0.0
    if setting.items and n is not None and len(setting.items) != n:
        return max(setting.value, *setting.items)
    return list(setting.items[samples]) if setting.items else setting.value


def held_loss(loss: torch.Tensor, plan: Plan, logits: torch.Tensor, reference: Callable[[], torch.Tensor], targets: torch.Tensor,
              mask: torch.Tensor, *, total: float, samples: slice = slice(None), n: Optional[int] = None,
              risks: Optional[Sequence[float]] = None, replay: Optional[Callable[[], Penalty]] = None, knob: str = "kl",
              direction: str = "model_ref") -> torch.Tensor:
    """`loss`, nats, which is the cross entropy of this micro-batch's answer tokens over `total`, with what the plan holds: less what
    `weighting` leaves out of each sample's part, plus the KL on its answers, plus `kl_replay` times the KL on replayed ones. At 0 a knob
    computes nothing, and with all at 0 `loss` itself comes back.

    logits: [B, T, V]; reference: a function that gives the reference's, called where it is needed; targets, mask: [B, T], as `token_losses`
    takes them. total: N, the answer tokens of all micro-batches and ranks of the step. samples, n: as `held` takes them. risks: [B], 0 to
    1, of these samples, for a `weighting` that is one number. replay: gives `Replay.penalty` of this update's draw; hand it to the first
    micro-batch alone."""
    left, weight, there = held(plan, "weighting", samples, n), held(plan, knob, samples, n), held(plan, "kl_replay")
    if not isinstance(left, list) and left:
        left = [1.0 - kept for kept in sample_weights([] if risks is None else risks, left)]
    if isinstance(left, list) and any(left):
        nll, row = token_losses(logits, targets, mask)
        loss = loss - (nll * torch.tensor(left, dtype=nll.dtype, device=nll.device)[row]).sum() / total
    if any(weight) if isinstance(weight, list) else weight:
        one_each = isinstance(weight, list)
        found = kl_penalty(logits, reference(), mask, direction=direction, weights=weight if one_each else None, total=total)
        loss = loss + (1.0 if one_each else weight) * found.value
    if there and replay is not None:
        loss = loss + there * replay().value
    return loss
