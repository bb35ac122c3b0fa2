"""What a fine-tune is held to: a frozen copy, the model with its adapter off, a model of the user's own, or a function of the batch."""
import contextlib
import copy
from typing import NamedTuple, Optional

import torch

from ..errors import InvalidDeclaration, PhaseGuardError
from ..reference import at_rest

_NOT_OF_A_REFERENCE = ("labels", "shift_labels", "num_items_in_batch")


class Hidden(NamedTuple):
    """Last hidden states [B, T, H], and the layer that makes logits of them."""
    states: torch.Tensor
    head: torch.nn.Module


def inner(model):
    """The transformers model within PEFT's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def body_of(model):
    """The part that makes hidden states."""
    found = inner(model)
    return getattr(found, getattr(found, "base_model_prefix", "") or "", None)


def head_of(model, head=None):
    made = head or inner(model).get_output_embeddings()
    if made is None:
        raise InvalidDeclaration(f"{name_of(model)} hands over no logits and names no output layer; give head=, a function from its last "
                                 "hidden states to logits")
    return made


def name_of(model) -> str:
    config = getattr(inner(model), "config", None)
    return getattr(config, "_name_or_path", "") or type(inner(model)).__name__


def vocabulary_of(model) -> Optional[int]:
    layer = inner(model).get_output_embeddings() if hasattr(inner(model), "get_output_embeddings") else None
    weight = getattr(layer, "weight", None)
    return None if weight is None else weight.shape[0]


class Frozen:
    """A model beside the one that is trained."""

    def __init__(self, model):
        self.model, self.id = model.eval().requires_grad_(False), name_of(model)

    def on(self):
        return at_rest(self.model)


class AdapterOff:
    """The model itself without what is trained, as PEFT's `disable_adapter` leaves it."""

    def __init__(self, model):
        self._model, self.id = model, f"{name_of(model)} without its adapter"

    @contextlib.contextmanager
    def on(self):
        with at_rest(self._model), self._model.disable_adapter():
            yield self._model

    def check(self, run) -> None:
        """`run(model)` -> logits. What is trained is moved for a moment: a reference that moves with it is none."""
        trained = [value for value in self._model.parameters() if value.requires_grad]
        kept = [value.detach().clone() for value in trained]
        with self.on() as model:
            before = run(model)
        try:
            with torch.no_grad():
                for value in trained:
                    value.mul_(1.5).add_(0.125)
            with self.on() as model:
                after = run(model)
        finally:
            with torch.no_grad():
                for value, was in zip(trained, kept):
                    value.copy_(was)
        if not torch.equal(before, after):
            raise PhaseGuardError(f"reference: expected {self.id} to stay when the adapter is trained, found that it moves (by up to "
                                  f"{(before - after).abs().max().item():.3g}): parameters outside of the adapter are trained, or "
                                  "disable_adapter() does not switch it off; give reference=\"copy\"")


class _AsModel:
    def __init__(self, function):
        self._function = function

    def __call__(self, **inputs):
        self.logits = self._function(inputs)
        return self


class Given:
    """A function of the batch that gives the reference's logits [B, T, V], or log-probabilities: cached ones, or another process's."""

    def __init__(self, function):
        self._function, self.id = function, getattr(function, "__name__", type(function).__name__)

    def logits_of(self, batch):
        with torch.no_grad():
            return self._function(batch)

    @contextlib.contextmanager
    def on(self):
        yield _AsModel(self.logits_of)


def make(wanted, model):
    """wanted: "auto", "copy", "adapter", a model, or a function."""
    if isinstance(wanted, torch.nn.Module):
        return Frozen(wanted)
    if callable(wanted):
        return Given(wanted)
    if wanted not in ("auto", "copy", "adapter"):
        raise InvalidDeclaration("reference: expected \"auto\", \"copy\", \"adapter\", a model or a function of the batch, found "
                                 f"{wanted!r}")
    if wanted == "adapter" and not hasattr(model, "disable_adapter"):
        raise InvalidDeclaration("reference=\"adapter\": expected a model of PEFT with disable_adapter(), found "
                                 f"{type(model).__name__}; give reference=\"copy\"")
    if wanted != "copy" and hasattr(model, "disable_adapter"):
        return AdapterOff(model)
    try:
        return Frozen(copy.deepcopy(model))
    except Exception as error:  # of a model that cannot be copied: quantised, spread over devices, too large
        raise PhaseGuardError(f"reference: {name_of(model)} cannot be copied ({error}); give reference= a second model, loaded as this one "
                              "was, or a function that gives its logits") from error


def inputs_of(batch) -> dict:
    return {name: value for name, value in batch.items() if name not in _NOT_OF_A_REFERENCE}
