"""What a PyTorch trainer needs beside a Session: the KL penalty on batch and replayed answers, sample weights, signals
of real models, snapshots to roll back to, and ranks that agree.

Works with torch 1.13 and later. Shapes: B samples, T positions, V tokens, H hidden width.
"""
from typing import List

import torch

from . import measures
from .checks import Finding, check_penalty, check_reference
from .generate import sample_answers
from .loop import held, held_loss
from .measures import persona_llr
from .penalty import DIRECTIONS, Penalty, answer_mask, kl_from_hidden, kl_penalty, kl_per_position
from .ranks import Ranks
from .reference import CachedLogProbs, Reference, check_tokenizers
from .replay import Replay, ReplayBatch
from .sharded import Unsupported, sharding_of
from .signals import Directions, PersonaRatio, answer_log_probs, continuation_log_probs, lambda_star, margin, not_finite
from .snapshots import Snapshots
from .weighting import sample_weights, token_losses, token_losses_from_hidden, weighted_token_mean

__all__ = ["DIRECTIONS", "CachedLogProbs", "Directions", "Finding", "Penalty", "PersonaRatio", "Ranks", "Reference", "Replay",
           "ReplayBatch", "Snapshots", "Unsupported", "answer_log_probs", "answer_mask", "check_penalty", "check_reference", "check_tokenizers",
           "continuation_log_probs", "held", "held_loss", "js", "kl_from_hidden", "kl_penalty", "kl_per_position", "lambda_star", "margin", "not_finite",
           "persona_llr", "sample_answers", "sample_weights", "sharding_of", "token_losses", "token_losses_from_hidden",
           "weighted_token_mean"]
_DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


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
