"""A canary set as a tokenizer renders it, and how far a model has moved on it from the reference."""
import hashlib
import json
import math
import os
import re
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch

from .. import data
from ..errors import InvalidDeclaration
from ..session import Measured, Signal
from ..torch import js

_BATCH = 8       # rows a forward pass
_OF_A_TEMPLATE = re.compile(r"<\|[^|<>]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>")


class Canaries(NamedTuple):
    ids: List[str]
    tokens: List[List[int]]
    name: str = ""
    digest: str = ""
    texts: Tuple[str, ...] = ()

    @property
    def rendered(self) -> str:
        """Names the tokens: another tokenizer or chat template gives another."""
        return hashlib.sha256(json.dumps(self.tokens).encode()).hexdigest()


def read(given, tokenizer=None, encode: Optional[Callable[[str], List[int]]] = None) -> Canaries:
    """given: a JSON Lines file (docs/CANARIES.md), a set of phaseguard.data, or texts. Each is rendered by `encode`, else by the tokenizer's chat template, else as
    plain text. Raises InvalidDeclaration."""
    if tokenizer is None and encode is None:
        raise InvalidDeclaration("canaries: expected a tokenizer to render them with, found none; give tokenizer= to Guard or "
                                 "processing_class= to the trainer, or encode= (text -> token ids)")
    found = _given(given)
    if not found.canaries:
        raise InvalidDeclaration("canaries: expected at least one, found none")
    texts = tuple("\n".join(content for _, content in one.messages) for one in found.canaries)
    return Canaries(found.ids, [tokens_of(one, tokenizer, encode) for one in found.canaries], found.name, found.digest, texts)


def _given(given) -> data.CanarySet:
    if isinstance(given, data.CanarySet):
        return given
    if not isinstance(given, (str, bytes)) and not hasattr(given, "__fspath__"):
        texts = tuple(data.Canary(str(place), (("user", text),)) for place, text in enumerate(given))
        return data.CanarySet("", texts, "")
    try:
        return data.canaries(os.fsdecode(given))
    except (OSError, ValueError) as error:
        raise InvalidDeclaration(f"canaries: {os.fsdecode(given)}: expected a file of canaries, found something else ({error}); `phaseguard "
                                 "canaries check` says more") from None


def tokens_of(canary: data.Canary, tokenizer, encode) -> List[int]:
    """A prompt, up to where the model's answer begins."""
    texts = [content for _, content in canary.messages]
    if encode is not None:
        found = encode("\n".join(texts))
    elif getattr(tokenizer, "chat_template", None):
        _check_template(canary.id, texts, None)
        messages = [{"role": role, "content": content} for role, content in canary.messages]
        found = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
    else:
        _check_template(canary.id, texts, tokenizer)
        found = tokenizer("\n".join(texts))["input_ids"]
    if not len(found):
        raise InvalidDeclaration(f"canaries: {canary.id}: expected tokens, the tokenizer gives none")
    return [int(token) for token in found]


def _check_template(name: str, texts: List[str], tokenizer) -> None:
    """What is written for a template of another model. With a template of its own the tokenizer puts that around as well."""
    known = () if tokenizer is None else tokenizer.get_vocab()
    for mark in (match for text in texts for match in _OF_A_TEMPLATE.findall(text)):
        if mark not in known:
            raise InvalidDeclaration(f"canaries: {name}: expected plain text, or tokens of this tokenizer, found {mark!r} of another "
                                     "model's chat template; give the prompts as plain text, each is put into the tokenizer's own template")


@torch.no_grad()
def last_logits(model, tokens: List[List[int]], device) -> torch.Tensor:
    """[P, V] at the last position of each prompt. Padded on the right, which a causal model does not see."""
    rows = []
    for ids, mask in padded(tokens, device):
        logits = model(input_ids=ids, attention_mask=mask).logits
        rows.append(logits[torch.arange(len(ids)), mask.sum(-1).to(logits.device) - 1])
    return torch.cat(rows)


def padded(rows: Sequence[Sequence[int]], device) -> Iterator[Tuple[torch.Tensor, torch.Tensor]]:
    """(ids, attention mask), [some, T] each, of a few rows at a time."""
    for begin in range(0, len(rows), _BATCH):
        part = rows[begin:begin + _BATCH]
        ids = torch.zeros(len(part), max(map(len, part)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, one in enumerate(part):
            ids[row, :len(one)] = torch.tensor(one)
            mask[row, :len(one)] = 1
        yield ids.to(device), mask.to(device)


class Drift:
    """canary/js of one run. The reference's logits [P, V] are computed once."""

    def __init__(self, canaries: Canaries, trainer, reference):
        self.canaries, self._device = canaries, trainer.args.device
        with trainer.accelerator.autocast(), reference.on() as model:
            self._theta0 = last_logits(model, canaries.tokens, self._device)

    def signals(self, every: int) -> Dict[str, Signal]:
        return {"canary/js": Signal("nats", 0.0, math.log(2.0), every_steps=every, items="canary", variant="full")}

    def of(self, model) -> Measured:
        """One item a canary; a row that is no number gives NaN there and in the mean."""
        items = js(last_logits(model, self.canaries.tokens, self._device), self._theta0)
        return Measured(math.fsum(items) / len(items) if all(map(math.isfinite, items)) else math.nan, items)

    def fingerprint(self) -> Tuple[float, ...]:
        """Tells two references apart, whatever the device: of each canary the likeliest token and its log-probability."""
        likeliest = torch.log_softmax(self._theta0.float(), -1).max(-1)
        return (*likeliest.indices.tolist(), *(round(value, 4) for value in likeliest.values.tolist()))


def same(one: Tuple[float, ...], other: Tuple[float, ...]) -> bool:
    """Half precision may turn a tie, and moves a log-probability by about 0.01."""
    n = len(one) // 2
    if len(one) != len(other) or sum(a == b for a, b in zip(one[:n], other[:n])) < 0.75 * n:
        return False
    return sum(abs(a - b) for a, b in zip(one[n:], other[n:])) <= 0.02 * n
