"""The frozen reference of a KL penalty: a copy, the adapter switched off, or cached log-probabilities."""
import contextlib
import copy
from typing import Callable, Dict, Optional, Sequence

import torch

from .checks import Finding, check_reference, trial, undisturbed
from .sharded import refuse


def logits_of(output) -> torch.Tensor:
    """The logits of what a model gives: a tensor, an object or a mapping that has them."""
    if isinstance(output, torch.Tensor):
        return output
    logits = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    if logits is None and isinstance(output, (tuple, list)) and output and isinstance(output[0], torch.Tensor):
        logits = output[0]
    if logits is None:
        raise TypeError(f"expected logits, found {type(output).__name__} without any: a fused loss? Use kl_from_hidden")
    return logits


@contextlib.contextmanager
def at_rest(model):
    """`model` in evaluation mode and without gradient; each module's own mode comes back."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for module in training:
            module.training = True


class Reference:
    """`reference(**inputs)`: its logits, without gradient and with dropout off; nothing random is drawn. `check` at step 0 says
    whether it is the reference at all, `check_moved` after an update whether model and reference are still two."""

    def __init__(self, forward: Callable, off: Callable = contextlib.nullcontext, *, name: str):
        self._forward, self._off, self.name = forward, off, name

    @classmethod
    def frozen(cls, model: torch.nn.Module) -> "Reference":
        """A copy of the model as it is now: twice its memory. Of a sharded model it raises Unsupported: copy first, then shard both."""
        refuse("Reference.frozen", model)
        kept = copy.deepcopy(model).requires_grad_(False).eval()
        return cls(kept, name="a frozen copy")

    @classmethod
    def adapter_off(cls, model: torch.nn.Module) -> "Reference":
        """The model itself without its adapter, as PEFT's `disable_adapter()` gives it: no memory. Raises TypeError where it has none
        that can be switched off."""
        refuse("Reference.adapter_off", model, supported=("FSDP",))
        off = getattr(model, "disable_adapter", None) or getattr(getattr(model, "module", None), "disable_adapter", None)
        if off is None:
            raise TypeError(f"adapter off: expected a model with disable_adapter(), as a PeftModel has, found {type(model).__name__}; give "
                            "it before other wrappers, or use Reference.frozen")
        return cls(model, off, name="the adapter switched off")

    def __call__(self, *inputs, **named) -> torch.Tensor:
        rests = at_rest(self._forward) if isinstance(self._forward, torch.nn.Module) else torch.no_grad()
        with rests, self._off():
            return logits_of(self._forward(*inputs, **named)).detach()

    def check(self, model: torch.nn.Module, *inputs, starts_equal: bool = True, tolerance: float = 1e-4, **named) -> Finding:
        """At step 0, on any batch. `starts_equal`: False of a run that goes on with an adapter trained before: then only shapes and
        numbers are looked at."""
        def run():
            with undisturbed(model), torch.no_grad():
                ours, theirs = logits_of(model(*inputs, **named)), self(*inputs, **named)
            if not starts_equal and ours.shape == theirs.shape:
                finite = bool(torch.isfinite(theirs.amax(-1)).all())
                return Finding(finite, f"{self.name}: its logits are {'as expected' if finite else 'not finite'}")
            found = check_reference(ours, theirs, tolerance)
            return found._replace(words=f"{self.name}: {found.words}")
        return trial(f"the check of {self.name}", run)

    def check_moved(self, model: torch.nn.Module, *inputs, **named) -> Finding:
        """After the first update: the reference must not have moved along."""
        def run():
            with undisturbed(model), torch.no_grad():
                moved = (logits_of(model(*inputs, **named)).double() - self(*inputs, **named).double()).abs().max().item()
            if moved > 0.0:
                return Finding(True, f"{self.name}: an update moved the model's logits by {moved:.2g}, the reference stayed", moved)
            return Finding(False, f"{self.name}: after an update model and reference are the same: the adapter is off in both passes, cannot "
                                  "be switched off, or is not what is trained; use Reference.frozen", moved)
        return trial(f"the check of {self.name}", run)


class CachedLogProbs:
    """The reference's log-probabilities of the training samples, computed once: no second model while training. `add` them by
    `sample_hash` before step 0; `of(keys)` serves as the reference's logits, because log-softmax leaves log-probabilities alone."""

    def __init__(self, vocabulary: int, dtype: Optional[torch.dtype] = None):
        self._vocabulary, self._dtype = vocabulary, dtype
        self._kept: Dict[str, torch.Tensor] = {}

    def add(self, keys: Sequence[str], logits: torch.Tensor) -> None:
        """logits: [B, T, V] of the reference."""
        self._fits(keys, logits)
        for key, one in zip(keys, torch.log_softmax(logits.detach().float(), -1)):
            self._kept[key] = one.to("cpu", self._dtype or one.dtype)

    def of(self, keys: Sequence[str], like: torch.Tensor) -> torch.Tensor:
        """[B, T, V] in the shape of the model's logits `like`, on its device."""
        self._fits(keys, like)
        missing = [key for key in keys if key not in self._kept]
        if missing:
            raise KeyError(f"no cached log-probabilities of {len(missing)} of {len(keys)} samples, the first is {missing[0]!r}: add them "
                           "before step 0")
        rows = [self._kept[key] for key in keys]
        for key, row in zip(keys, rows):
            if row.shape != like.shape[1:]:
                raise ValueError(f"sample {key!r}: cached {list(row.shape)}, the model's logits are {list(like.shape[1:])}: other padding, "
                                 "template or tokenizer; cache what is trained on")
        return torch.stack(rows).to(like.device)

    def _fits(self, keys: Sequence[str], logits: torch.Tensor) -> None:
        if logits.dim() != 3 or len(keys) != logits.shape[0] or logits.shape[2] != self._vocabulary:
            raise ValueError(f"expected logits [{len(keys)}, T, {self._vocabulary}], found {list(logits.shape)}: another vocabulary or "
                             "tokenizer?")


def check_tokenizers(ours, theirs) -> Finding:
    """Whether the run's tokenizer is the reference's: the same tokens by the same numbers, and the same chat template."""
    def run():
        mine, its = ours.get_vocab(), theirs.get_vocab()
        if len(mine) != len(its):
            return Finding(False, f"the model's tokenizer has {len(mine)} tokens, the reference's {len(its)}: compare with the reference "
                                  "that the run began from")
        different = sorted(token for token, number in mine.items() if its.get(token) != number)
        if different:
            return Finding(False, f"token {different[0]!r} is {mine[different[0]]} in the model's tokenizer, {its.get(different[0])} in the "
                                  f"reference's; {len(different)} differ", float(len(different)))
        if getattr(ours, "chat_template", None) != getattr(theirs, "chat_template", None):
            return Finding(False, "model and reference have other chat templates: canaries and samples are not rendered alike")
        return Finding(True, f"{len(mine)} tokens and the chat template are the same", 0.0)
    return trial("the comparison of tokenizers", run)
