"""The KL penalty of a micro-batch of transformers.Trainer, in the scale of its loss."""
import math
from typing import Callable, Optional, Tuple

import torch

from . import references
from ..errors import InvalidDeclaration
from ..torch import Penalty as Sum
from ..torch import kl_from_hidden, kl_penalty


class Heard:
    """What a forward pass of the model says on its way: its inputs, and its last hidden states in case that it hands over no logits."""

    def __init__(self, model, inputs, mask: Optional[torch.Tensor]):
        self.inputs, self.mask, self._body, self._states = references.inputs_of(inputs), mask, references.body_of(model), None

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

    def add(self, loss: torch.Tensor, outputs, heard: Heard, weight: float, total: float, num_items) -> Tuple[torch.Tensor, float]:
        """The loss with weight * sum of KL / `total` in it, and the measured part of the mean in nats. The gradient of a step is that of
        the token mean over all its micro-batches and ranks, whatever the trainer divides by."""
        with self._trainer.accelerator.autocast():
            found = self._of(outputs, heard, total)
        if found.positions and math.isnan(found.measured):
            self._warn("the divergence from the reference is no number on a batch, which is BAD for the policy: look at the logits of model and "
                       "reference there")
        expected = self._expected_scale(num_items)
        if weight != 0.0:
            ranks = self._trainer.args.world_size  # whose gradients are averaged
            loss = loss + (weight * self._makes_up * ranks / expected) * found.value.to(loss.dtype)
        if not self._probed and loss.requires_grad:
            loss.register_hook(lambda gradient: self._compare(gradient, expected))
        return loss, found.measured if found.positions else 0.0

    def _of(self, outputs, heard: Heard, total: float) -> Sum:
        model, more = self._trainer.model, {"direction": self._direction, "total": total}
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
        itself = (num_items is not None and trainer.model_accepts_loss_kwargs) or getattr(trainer, "compute_loss_func", None) is not None
        return 1.0 if itself else 1.0 / getattr(trainer, "current_gradient_accumulation_steps", trainer.args.gradient_accumulation_steps)

    def _compare(self, gradient: torch.Tensor, expected: float) -> None:
        """The self-test at the first micro-batch: does the loss arrive in the gradient as it is thought to?"""
        scaler, self._probed = self._trainer.accelerator.scaler, True
        found = gradient.item() / (scaler.get_scale() if scaler is not None else 1.0)
        if found and not math.isclose(found, expected, rel_tol=1e-5):
            self._makes_up = expected / found
            self._warn(f"the penalty is scaled otherwise than the loss: expected that the trainer multiplies a micro-batch's loss by "
                       f"{expected:.6g}, found {found:.6g}; from the next micro-batch on the penalty makes up for it")
