"""Self-tests for the first step: does the penalty that is declared do what is declared?

Each gives a Finding and raises nothing. Training is the same with and without it, bit for bit: weights, buffers, gradients, random
generators and the modes of the modules are put back. Call it on every rank; each finds out for itself.
"""
import contextlib
import math
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import torch

from .penalty import DIRECTIONS, kl_penalty, kl_per_position
from .sharded import refuse
from .snapshots import generators, restore_generators

_DOUBT = "the penalty would have no effect (detached features, no-grad, or the adapter off in both passes)"


class Finding(NamedTuple):
    """`ok`, and why in words. `value`: what was measured."""
    ok: bool
    words: str
    value: float = math.nan

    def __bool__(self) -> bool:
        return self.ok


@contextlib.contextmanager
def undisturbed(model: torch.nn.Module, moved: Sequence[torch.Tensor] = ()):
    """`model` with dropout off, and without its gradients being exchanged. Puts back its modes, its buffers, the random generators, and
    the weights that are `moved`; gradients a trial must not touch."""
    modes = [(module, module.training) for module in model.modules()]
    saved = [(tensor, tensor.detach().clone()) for tensor in (*moved, *model.buffers())]
    random = generators()
    sync = getattr(model, "no_sync", contextlib.nullcontext)  # of DistributedDataParallel
    try:
        model.eval()
        with sync():
            yield
    finally:
        with torch.no_grad():
            for tensor, was in saved:
                if not torch.equal(tensor, was):
                    tensor.copy_(was)
        for module, mode in modes:
            module.training = mode
        restore_generators(random)


def trial(what: str, run: Callable[[], Finding]) -> Finding:
    try:
        return run()
    except Exception as error:  # of the trainer's own functions: training goes on
        return Finding(False, f"{what} could not be run: {error!r}")


def check_reference(model: torch.Tensor, reference: torch.Tensor, tolerance: float = 1e-4) -> Finding:
    """At step 0 with dropout off, logits [.., V] of model and reference agree: the largest KL of a position, nats."""
    def run():
        if model.shape != reference.shape:
            return Finding(False, f"the model's logits are {list(model.shape)}, the reference's {list(reference.shape)}: another vocabulary "
                                  "or tokenizer; give the reference that the run began from")
        with torch.no_grad():
            largest = kl_per_position(model, reference).max().item()
        if largest <= tolerance:
            return Finding(True, f"model and reference agree to {largest:.2g} nats", largest)
        types = "" if model.dtype == reference.dtype else f"; the model's are {model.dtype}, the reference's {reference.dtype}"
        return Finding(False, f"at step 0 model and reference must agree, the largest KL of a position is {largest:.3g} nats (at most "
                              f"{tolerance:g} expected): dropout on, another template, another dtype, or an adapter that does not start at "
                              f"0{types}", largest)
    return trial("the check of the reference", run)


def _perturb(parameters: List[torch.Tensor], noise: float) -> None:
    """The same noise each time, as in C++: no structure that a penalty could be blind to, and no random state of the trainer's."""
    with torch.no_grad():
        for phase, one in enumerate(parameters, 1):
            index = torch.arange(1, one.numel() + 1, device=one.device, dtype=torch.float64)
            wave = ((index * 12.9898 + phase).sin() * 43758.5453).sin().reshape(one.shape)
            one.add_((wave * (noise * 1.4142)).to(one.dtype))


def _flat(gradients, parameters) -> torch.Tensor:
    return torch.cat([(torch.zeros_like(p) if g is None else g).detach().double().flatten() for g, p in zip(gradients, parameters)])


def _gradient(loss: torch.Tensor, parameters: List[torch.Tensor]) -> torch.Tensor:
    """By autograd.grad, which leaves .grad alone."""
    if not loss.requires_grad:
        return torch.zeros(sum(p.numel() for p in parameters), dtype=torch.float64, device=loss.device)
    return _flat(torch.autograd.grad(loss, parameters, allow_unused=True), parameters)


def check_penalty(model: torch.nn.Module, loss: Callable[[float], torch.Tensor],
                  logits: Callable[[], Tuple[torch.Tensor, torch.Tensor, torch.Tensor]], *, direction: str = "model_ref",
                  total: Optional[float] = None, averaged_over: int = 1, at_reference: bool = True, noise: float = 1e-2,
                  tolerance: float = 0.05) -> Finding:
    """Whether d loss / d lambda is the penalty that is declared: additive, token mean over the step, of `direction`.

    loss(weight): the first micro-batch's loss as training computes it and calls backward() on, at lambda = weight. logits(): of the
    same micro-batch, logits of model and reference [B, T, V] and the mask [B, T]. total: N, the masked positions of the whole step;
    None: this micro-batch is the step. averaged_over: over how many ranks the trainer averages its gradients (its own loss may have
    been multiplied by that). at_reference: the run begins at the reference, where the penalty is 0. `value` of what is found: at
    which part of the declared strength the penalty acts.

    Costs six forward passes; weights are moved a little for it, because a penalty is flat at the reference."""
    def run():
        if direction not in DIRECTIONS:
            return Finding(False, f"direction: expected one of {', '.join(DIRECTIONS)}, found {direction!r}")
        refuse("check_penalty", model)
        parameters = [p for p in model.parameters() if p.requires_grad]
        if not parameters:
            return Finding(False, "nothing of the model is trained: no parameter requires a gradient")
        with undisturbed(model, parameters):
            if at_reference:
                with torch.no_grad():
                    ours, theirs, mask = logits()
                agree = check_reference(ours[mask > 0], theirs[mask > 0])
                if not agree:
                    return agree
            _perturb(parameters, noise)

            def declared(of):
                ours, theirs, mask = logits()
                return _gradient(kl_penalty(ours, theirs, mask, direction=of, total=total).value, parameters)

            wanted, plain = declared(direction), _gradient(loss(0.0), parameters)
            if not bool(torch.isfinite(wanted).all()) or not float(wanted.norm()) > 0.0:
                return Finding(False, f"the declared penalty's gradient after a perturbation of {noise:g} has norm {float(wanted.norm()):g}: {_DOUBT}")
            weight = max(1.0, float(plain.norm() / wanted.norm()))  # so that the loss's own gradient does not drown it
            found = (_gradient(loss(weight), parameters) - plain) * (1.0 / (weight * averaged_over))
            other = declared(DIRECTIONS[1 - DIRECTIONS.index(direction)])
        return _compared(found, wanted, other, direction, tolerance)
    return trial("the self-test of the penalty", run)


def _apart(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """0: one is a multiple of the other; 1: they have nothing in common."""
    cosine = (found @ wanted) / (found.norm() * wanted.norm())
    return float((found / found.norm() - cosine * wanted / wanted.norm()).norm())


def _compared(found: torch.Tensor, wanted: torch.Tensor, other: torch.Tensor, direction: str, tolerance: float) -> Finding:
    if not bool(torch.isfinite(found).all()):
        return Finding(False, "the loss's gradient is not finite")
    if not float(found.norm()) > 0.0:
        return Finding(False, f"the loss does not change with lambda: {_DOUBT}", 0.0)
    scale = float((found @ wanted) / (wanted @ wanted))
    if scale < 0.0:
        return Finding(False, f"the penalty acts at {scale:.3g} of what is declared: its sign is wrong, it drives the model away from the "
                              "reference", scale)
    apart, apart_from_other = _apart(found, wanted), _apart(found, other)
    if apart > 1e-4 and apart_from_other < 0.5 * apart:
        return Finding(False, f"the penalty is that of the other direction than {direction}: declare the one that the loss computes", scale)
    if apart > tolerance:
        return Finding(False, f"the penalty's gradient is {apart:.2g} apart from that of {direction}: of another mask, reference or "
                              "divergence; declare what the loss computes", scale)
    if abs(scale - 1.0) > tolerance:
        return Finding(False, f"the penalty acts at {scale:.3g} of what is declared: it is scaled otherwise than the loss. 1 over the number "
                              "of micro-batches or of ranks: it is divided once too often; give kl_penalty the step's own N and do not "
                              "divide again", scale)
    return Finding(True, f"the penalty acts at {scale:.3g} of what is declared", scale)
