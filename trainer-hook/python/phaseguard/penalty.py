"""The KL penalty to the frozen reference, from logits or, in chunks, from hidden states."""
import math
from typing import Callable, NamedTuple, Optional, Sequence

import torch
from torch.utils.checkpoint import checkpoint

DIRECTIONS = ("model_ref", "ref_model")


class Penalty(NamedTuple):
    """`value`: what is added to the loss, with gradient: sum_i w_i sum_t m_it KL_it / N. `measured`: nats a token, without the
    weights. `positions`: how many counted. `not_finite`: of these, how many gave no divergence; if any did, or none counted, `value`
    is 0 and `measured` NaN: a penalty that is no number is not added to a loss that is one."""
    value: torch.Tensor
    measured: float
    positions: int
    not_finite: int = 0


def answer_mask(labels: torch.Tensor, ignored: int = -100) -> torch.Tensor:
    """[B, T] of labels -> [B, T]: 1 where the *next* token has a label, so that position t of the logits is judged for it."""
    mask = torch.zeros_like(labels, dtype=torch.float32)
    mask[:, :-1] = (labels[:, 1:] != ignored).float()
    return mask


def _wide(tensor: torch.Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def _check(model: torch.Tensor, reference: torch.Tensor, direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction: expected one of {', '.join(DIRECTIONS)}, found {direction!r}")
    if model.shape != reference.shape:
        raise ValueError(f"expected logits of one shape, found {list(model.shape)} of the model and {list(reference.shape)} of the "
                         "reference: another vocabulary or tokenizer?")


def kl_per_position(model: torch.Tensor, reference: torch.Tensor, direction: str = "model_ref") -> torch.Tensor:
    """Logits [.., V] -> nats [..]: KL(model || reference) for model_ref, KL(reference || model) for ref_model. A token masked with
    -infinity on both sides contributes 0; mass where the other side has none is +infinity. Gradient to the model alone; half
    precision is computed in float32."""
    _check(model, reference, direction)
    log_p = torch.log_softmax(model.to(_wide(model)), -1)
    log_q = torch.log_softmax(reference.detach().to(_wide(model)), -1)
    of, to = (log_p, log_q) if direction == "model_ref" else (log_q, log_p)
    # What has no mass is taken out before it is multiplied: 0 * infinity is NaN, in the value and in the gradient.
    no_mass, impossible = torch.isneginf(of.detach()), torch.isneginf(to.detach())
    difference = of.masked_fill(no_mass, 0.0) - to.masked_fill(no_mass | impossible, 0.0)
    return (of.exp() * difference).sum(-1).masked_fill((impossible & ~no_mass).any(-1), math.inf)


def _counted(mask: torch.Tensor, weights: Optional[Sequence[float]], dtype: torch.dtype):
    """Flat positions that count, their mask, and what each is multiplied with: the mask, and the sample's lambda if there is one."""
    where = mask.reshape(-1).nonzero(as_tuple=True)[0]
    plain = mask.reshape(-1)[where].to(dtype)
    if weights is None:
        return where, plain, plain
    lambdas = torch.as_tensor(weights, dtype=dtype, device=mask.device)
    return where, plain, plain * lambdas[where // mask.shape[1]]


def _rows(tensor: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    flat = tensor.reshape(-1, tensor.shape[-1])
    return flat if len(where) == len(flat) else flat[where]


def _penalty(weighted: torch.Tensor, plain: torch.Tensor, not_finite, mask: torch.Tensor, total: Optional[float]) -> Penalty:
    positions, bad = int(mask.sum().item()), int(not_finite)
    n = float(positions if total is None else total)
    if n <= 0 or positions == 0 or bad:
        nothing = weighted * 0.0 if math.isfinite(weighted.item()) else torch.zeros_like(weighted, requires_grad=weighted.requires_grad)
        return Penalty(nothing, math.nan, positions, bad)
    return Penalty(weighted / n, plain.item() / n, positions)


def kl_penalty(model: torch.Tensor, reference: torch.Tensor, mask: torch.Tensor, *, direction: str = "model_ref",
               weights: Optional[Sequence[float]] = None, total: Optional[float] = None) -> Penalty:
    """Token mean of the KL of logits [B, T, V] where mask [B, T] is 1. `weights` [B]: one lambda a sample, instead of one for all.
    `total`: N, the masked positions of all micro-batches and ranks of this optimiser step; None: this call is the whole step. The
    value must not be divided by the number of micro-batches again."""
    _check(model, reference, direction)
    where, plain, weighted = _counted(mask, weights, _wide(model))
    kl = kl_per_position(_rows(model, where), _rows(reference, where), direction)  # padding may hold anything, NaN included
    known = kl.detach()
    return _penalty((kl * weighted).sum(), (known * plain).sum(), (~torch.isfinite(known)).sum(), mask, total)


class _HeadKl(torch.autograd.Function):
    """sum_i c_i KL_i of the logits that a linear head makes of rows, with the gradient taken on the way: each chunk's logits are made
    once, and none is kept."""

    @staticmethod
    def forward(ctx, rows, weight, bias, expected, plain, weighted, direction, chunk):  # pylint: disable=arguments-differ
        needs_rows, needs_weight, needs_bias = ctx.needs_input_grad[:3]
        d_rows = torch.empty_like(rows) if needs_rows else None
        d_weight = torch.zeros_like(weight) if needs_weight else None
        d_bias = torch.zeros_like(bias) if needs_bias else None
        sums, bad = torch.zeros(2, dtype=plain.dtype, device=rows.device), 0
        for begin in range(0, len(rows), chunk):
            part = slice(begin, begin + chunk)
            logits = torch.nn.functional.linear(rows[part], weight, bias)
            kl, gradient = _kl_and_gradient(logits, expected(part), weighted[part], direction)
            sums += torch.stack([(kl * weighted[part]).sum(), (kl * plain[part]).sum()])
            bad += (~torch.isfinite(kl)).sum()
            if needs_rows or needs_weight or needs_bias:
                gradient = gradient.to(logits.dtype)
            if needs_rows:
                d_rows[part] = gradient @ weight.to(gradient.dtype)
            if needs_weight:
                d_weight += (gradient.T @ rows[part].to(gradient.dtype)).to(weight.dtype)
            if needs_bias:
                d_bias += gradient.sum(0).to(bias.dtype)
        ctx.save_for_backward(d_rows, d_weight, d_bias)
        count = torch.as_tensor(bad, device=rows.device)
        ctx.mark_non_differentiable(count)
        return sums[0].clone(), sums[1].clone(), count

    @staticmethod
    def backward(ctx, upstream, *_):  # pylint: disable=arguments-differ
        return (*(None if one is None else one * upstream.to(one.dtype) for one in ctx.saved_tensors), *[None] * 5)


def _kl_and_gradient(logits: torch.Tensor, expected: torch.Tensor, weighted: torch.Tensor, direction: str):
    """KL of each row, and the gradient of sum_i c_i KL_i: p (ln p - ln q - KL) of model_ref, p - q of ref_model."""
    _check(logits, expected, direction)
    log_p, log_q = (torch.log_softmax(one.to(_wide(logits)), -1) for one in (logits, expected))
    p = log_p.exp()
    if direction == "model_ref":
        difference = log_p.sub_(log_q)
        kl = torch.einsum("nv,nv->n", p, difference)
        gradient = difference.sub_(kl[:, None]).mul_(p)
    else:
        q = log_q.exp()
        kl = torch.einsum("nv,nv->n", q, log_q.sub_(log_p))
        gradient = p.sub_(q)
    if bool(torch.isfinite(kl).all()):
        return kl, gradient.mul_(weighted[:, None])
    with torch.enable_grad():  # a token masked with -infinity, or no probability at all: by the rule for these
        leaf = logits.detach().requires_grad_()
        kl = kl_per_position(leaf, expected, direction)
        return kl.detach(), torch.autograd.grad((kl * weighted).sum(), leaf)[0]


def _is_linear(head) -> bool:
    """Its weights are all there is to know of it: nothing wraps, shards or watches it."""
    return (type(head) is torch.nn.Linear and type(head.weight) is torch.nn.Parameter and not head._forward_hooks
            and not head._forward_pre_hooks and head.weight.shape == (head.out_features, head.in_features))


def kl_from_hidden(hidden: torch.Tensor, reference: torch.Tensor, head: Callable, mask: torch.Tensor, *,
                   reference_head: Optional[Callable] = None, direction: str = "model_ref",
                   weights: Optional[Sequence[float]] = None, total: Optional[float] = None, chunk: int = 1024) -> Penalty:
    """The same from last hidden states [B, T, H] and the layer that makes logits of them, `chunk` masked positions at a time, so
    that [B, T, V] is never there at once: for trainers whose fused loss hands over no logits. Of a torch.nn.Linear the logits are
    made once; any other `head` is computed again in the backward pass."""
    where, plain, weighted = _counted(mask, weights, _wide(hidden))
    ours, theirs, other = _rows(hidden, where), _rows(reference.detach(), where), reference_head or head

    def expected(part):
        with torch.no_grad():
            return other(theirs[part])

    if _is_linear(head):
        sums = _HeadKl.apply(ours, head.weight, head.bias, expected, plain, weighted, direction, chunk)
        return _penalty(*sums, mask, total)

    def of_chunk(rows, part):
        kl = kl_per_position(head(rows), expected(part), direction)
        return torch.stack([(kl * weighted[part]).sum(), (kl.detach() * plain[part]).sum(), (~torch.isfinite(kl.detach())).sum()])

    sums = hidden.new_zeros(3, dtype=_wide(hidden))
    for begin in range(0, len(where), chunk):
        part = slice(begin, begin + chunk)
        sums = sums + checkpoint(of_chunk, ours[part], part, use_reentrant=False)
    return _penalty(sums[0], sums[1].detach(), sums[2].item(), mask, total)
