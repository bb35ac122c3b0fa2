"""What is added to the loss of a micro-batch of transformers.Trainer, in the scale of that loss: KL on its answers, KL on replayed ones,
and what is left out of the samples' own loss."""
import math
from typing import Callable, List, Optional, Tuple, Union

import torch

from . import references
from .batches import mask_of, targets_of
from ..errors import InvalidDeclaration
from ..torch import Penalty as Sum
from ..torch import Replay, kl_from_hidden, kl_penalty, token_losses, token_losses_from_hidden


class Heard:
    """What a forward pass of the model says on its way: its inputs, and its last hidden states in case that it hands over no logits."""

    def __init__(self, model, inputs):
        self.inputs, self.mask, self.targets = references.inputs_of(inputs), mask_of(inputs), targets_of(inputs)
        self._body, self._states = references.body_of(model), None

    def states(self) -> torch.Tensor:
        if self._states is None:
            raise InvalidDeclaration("the model hands over no logits, and no part of it that makes hidden states was called; give the "
                                     "trainer a transformers model, or one that returns logits")
        return self._states

    def _keep(self, module, arguments, output) -> None:
        self._states = output[0]

    def __enter__(self) -> "Heard":
        self._handle = None if self._body is None else self._body.register_forward_hook(self._keep)
        return self

    def __exit__(self, *error) -> None:
        if self._handle is not None:
            self._handle.remove()


class Penalty:
    """head: from last hidden states to logits, where the output layer alone is not it. chunk: positions whose logits are there at once."""

    def __init__(self, direction: str, head: Optional[Callable], chunk: int, warn: Callable[[str], None]):
        self._direction, self._head, self._chunk, self._warn = direction, head, chunk, warn
        self._trainer = self._reference = None
        self._probed, self._makes_up = False, 1.0

    def attach(self, trainer, reference) -> None:
        self._trainer, self._reference = trainer, reference

    def add(self, loss: torch.Tensor, outputs, heard: Heard, weight: Union[float, List[float]], total: float,
            num_items) -> Tuple[torch.Tensor, float]:
        """The loss with weight * sum of KL / `total` in it, and the measured part of the mean in nats. A list: one weight a sample. The
        gradient of a step is that of the token mean over all its micro-batches and ranks, whatever the trainer divides by."""
        one_each = isinstance(weight, list)
        with self._trainer.accelerator.autocast():
            found = self._of(outputs, heard, total, weight if one_each else None)
        if found.positions and math.isnan(found.measured):
            self._warn("the divergence from the reference is no number on a batch, which is BAD for the policy: look at the logits of model and "
                       "reference there")
        factor = float(any(weight)) if one_each else weight
        if factor != 0.0:
            loss = loss + self._in_scale(factor, num_items) * found.value.to(loss.dtype)
        return loss, found.measured if found.positions else 0.0

    def probe(self, loss: torch.Tensor, num_items) -> None:
        """The self-test at the first micro-batch: does the loss arrive in the gradient as it is thought to?"""
        if not self._probed and loss.requires_grad:
            expected = self._expected_scale(num_items)
            loss.register_hook(lambda gradient: self._compare(gradient, expected))

    def add_replay(self, loss: torch.Tensor, replay: Replay, draw: int, weight: float, rank: int, num_items) -> torch.Tensor:
        """The loss of the step's first micro-batch with weight * KL on replayed answers in it."""
        args = self._trainer.args
        batch = replay.draw(draw, rank=rank, ranks=args.world_size, device=args.device)
        if not batch.positions:
            return loss
        with self._trainer.accelerator.autocast():
            found = replay.penalty(batch, self._trainer.model, self._on_reference, direction=self._direction, total=replay.positions(draw))
        if math.isnan(found.measured):
            self._warn("the divergence from the reference is no number on replayed answers: they hold nothing in this update")
        return loss + self._in_scale(weight, num_items) * found.value.to(loss.dtype)

    def leave_out(self, loss: torch.Tensor, outputs, heard: Heard, left_out: List[float], num_items) -> torch.Tensor:
        """The loss without `left_out` (0 to 1, one a sample) of each sample's own part. Its denominator stays: no other sample gains."""
        if not any(left_out):
            return loss
        with self._trainer.accelerator.autocast():
            nll, row = self._losses(outputs, heard)
        if not len(nll):
            return loss
        each = 1.0 / len(nll)
        if self._divides_itself(num_items):
            args = self._trainer.args
            each = (args.world_size if getattr(args, "average_tokens_across_devices", False) else 1) / num_items
        mine = (nll.detach().sum() * each).item()
        if math.isfinite(mine) and not math.isclose(mine, loss.item(), rel_tol=0.05, abs_tol=1e-3):
            self._warn(f"weighting: expected a loss that is the token mean of the cross entropy, {mine:.4g}, found {loss.item():.4g}: "
                       "label smoothing, or a loss of your own? The cross entropy is what is left out")
        w = torch.tensor(left_out, dtype=nll.dtype, device=nll.device)
        return loss - each * (nll * w[row]).sum().to(loss.dtype)

    def _losses(self, outputs, heard: Heard):
        logits = getattr(outputs, "logits", None)
        if logits is not None:
            return token_losses(logits, heard.targets, heard.mask)
        return token_losses_from_hidden(heard.states(), references.head_of(self._trainer.model, self._head), heard.targets, heard.mask,
                                        chunk=self._chunk)

    def _on_reference(self, **inputs):
        with self._reference.on() as reference:
            return reference(**inputs)

    def _in_scale(self, weight: float, num_items) -> float:
        """The weight of a token mean over the step, as it has to stand in a micro-batch's loss."""
        return weight * self._makes_up * self._trainer.args.world_size / self._expected_scale(num_items)  # whose gradients are averaged

    def _of(self, outputs, heard: Heard, total: float, weights: Optional[List[float]]) -> Sum:
        model, more = self._trainer.model, {"direction": self._direction, "total": total, "weights": weights}
        logits = getattr(outputs, "logits", None)
        if logits is None and isinstance(self._reference, references.Given):
            logits = references.head_of(model, self._head)(heard.states())
        with self._reference.on() as reference:
            if logits is not None:
                theirs = reference(**heard.inputs).logits
            else:
                theirs, their_head = references.body_of(reference)(**heard.inputs)[0], references.head_of(reference, self._head)
        if logits is not None:
            return kl_penalty(logits, theirs, heard.mask, **more)
        return kl_from_hidden(heard.states(), theirs, references.head_of(model, self._head), heard.mask, reference_head=their_head,
                              chunk=self._chunk, **more)

    def _expected_scale(self, num_items) -> float:
        """What Trainer multiplies a micro-batch's loss by between compute_loss and the gradient, before ranks are averaged."""
        trainer = self._trainer
        itself = self._divides_itself(num_items) or getattr(trainer, "compute_loss_func", None) is not None
        return 1.0 if itself else 1.0 / getattr(trainer, "current_gradient_accumulation_steps", trainer.args.gradient_accumulation_steps)

    def _divides_itself(self, num_items) -> bool:
        """The loss is a sum over `num_items` tokens of the step."""
        trainer = self._trainer
        return num_items is not None and (trainer.model_accepts_loss_kwargs or getattr(trainer, "compute_loss_func", None) is not None)

    def _compare(self, gradient: torch.Tensor, expected: float) -> None:
        scaler, self._probed = self._trainer.accelerator.scaler, True
        found = gradient.item() / (scaler.get_scale() if scaler is not None else 1.0)
        if found and not math.isclose(found, expected, rel_tol=1e-5):
            self._makes_up = expected / found
            self._warn(f"the penalty is scaled otherwise than the loss: expected that the trainer multiplies a micro-batch's loss by "
                       f"{expected:.6g}, found {found:.6g}; from the next micro-batch on the penalty makes up for it")
