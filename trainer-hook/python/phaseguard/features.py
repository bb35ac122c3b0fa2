"""Activation files for `phaseguard-probe fit` (docs/PROBE.md), written from a PyTorch model's hidden states.

    def states(texts):                    # [(prompt, answer)] -> hidden states [n, H] of one layer
        ...
    phaseguard.features.write_traits("traits.st", phaseguard.data.traits(), states, model_id="my-model", layer="model.layers.14")

and then `phaseguard-probe fit --directions traits.st --out directions.st`.
"""
import ctypes as c
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import torch

from . import _safetensors
from .data import Pair, Path

POSITIONS = ("last_prompt", "mean_prompt", "mean_answer")
SCORED = ("theta0", "theta")


def write(path: Path, features: torch.Tensor, labels: Mapping[str, Sequence[int]], *, model_id: str, layer: str, position: str,
          scored: str = "theta0", more: Optional[Mapping[str, str]] = None) -> None:
    """features [n, H]; labels: "labels", of 1 harmful and 0 not, or "labels/<trait>", of 1, 0 and -1 (left out), n each. `more`:
    further metadata, such as weights_sha256 and tokenizer."""
    for name, word, known in (("position", position, POSITIONS), ("scored", scored, SCORED)):
        if word not in known:
            raise ValueError(f"{name}: expected one of {', '.join(known)}, found {word!r}")
    if features.dim() != 2:
        raise ValueError(f"features: expected [samples, width], found {list(features.shape)}")
    tensors = {"features": _bytes("F32", features.detach().to("cpu", torch.float32).contiguous())}
    for name, values in labels.items():
        if len(values) != len(features):
            raise ValueError(f"{name}: expected {len(features)} labels, one a sample, found {len(values)}")
        tensors[name] = _bytes("I64", torch.tensor(list(values), dtype=torch.int64))
    metadata = {"schema": "phaseguard-features/1", "model_id": model_id, "layer": layer, "position": position, "scored": scored,
                **(more or {})}
    _safetensors.write(path, tensors, metadata)


def _bytes(code: str, tensor: torch.Tensor) -> _safetensors.Tensor:
    return _safetensors.Tensor(code, tuple(tensor.shape), c.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size()))  # no numpy needed


def write_traits(path: Path, traits: Mapping[str, Sequence[Pair]], states: Callable[[List[Tuple[str, str]]], torch.Tensor], *,
                 model_id: str, layer: str, position: str = "mean_answer", more: Optional[Mapping[str, str]] = None) -> None:
    """The reference's hidden states of each pair's two answers. `states`: [(prompt, answer)] -> [n, H] at `position` of `layer`; a
    whole trait a call."""
    parts: List[torch.Tensor] = []
    texts: Dict[str, int] = {}
    for trait, pairs in traits.items():
        asked = [(pair.prompt, pair.has) for pair in pairs] + [(pair.prompt, pair.has_not) for pair in pairs]
        found = states(asked)
        if found.dim() != 2 or len(found) != len(asked):
            raise ValueError(f"states: expected [{len(asked)}, width], a row for each text, found {list(found.shape)}")
        parts.append(found.detach())
        texts[trait] = len(pairs)
    write(path, torch.cat(parts), _labels(texts), model_id=model_id, layer=layer, position=position, more=more)


def _labels(pairs_of: Mapping[str, int]) -> Dict[str, List[int]]:
    """Rows are trait by trait, those that have it first; -1 in the rows of the others."""
    total, begin, out = 2 * sum(pairs_of.values()), 0, {}
    for trait, n in pairs_of.items():
        out[f"labels/{trait}"] = [-1] * begin + [1] * n + [0] * n + [-1] * (total - begin - 2 * n)
        begin += 2 * n
    return out
