"""Signals of real models from logits and hidden states: the canary margin, the persona log-likelihood ratio, drift along directions.

Log-probabilities are taken in float64; what is made of them is what the C++ library makes. A token whose logits give no probability
counts as NaN, and so does all that is made of it: the daemon counts it as BAD. Shapes: B samples, T positions, V tokens, H width.
"""
import math
from typing import Dict, List, Optional, Sequence, Tuple

import torch

from . import _safetensors, measures
from .session import Measured, Signal

Tokens = List[List[float]]  # log-probabilities of each answer's tokens


def answer_log_probs(logits: torch.Tensor, tokens: torch.Tensor, answer: torch.Tensor) -> Tokens:
    """Of each sample's answer, one number a token. logits: [B, T, V], at position t for the token at t + 1; tokens: [B, T];
    answer: [B, T], 1 on the answer's tokens."""
    if logits.dim() != 3 or tokens.shape != logits.shape[:2] or answer.shape != tokens.shape:
        raise ValueError(f"expected logits [B, T, V], tokens and mask [B, T], found {list(logits.shape)}, {list(tokens.shape)} and "
                         f"{list(answer.shape)}")
    if bool((answer[:, 0] != 0).any()):
        raise ValueError("an answer begins at position 0, where nothing predicts it")
    out = []
    for row, (ids, counted) in enumerate(zip(tokens, answer)):
        places = counted.ne(0).nonzero(as_tuple=True)[0]
        if not len(places):
            raise ValueError(f"sample {row} has no answer token")
        wide = torch.log_softmax(logits[row].detach()[(places - 1).to(logits.device)].double(), -1)
        out.append(wide.gather(1, ids[places].long().to(wide.device)[:, None])[:, 0].tolist())
    return out


def continuation_log_probs(logits: torch.Tensor, tokens: torch.Tensor, answer: torch.Tensor) -> List[float]:
    """Of each sample's whole answer: what `margin` compares."""
    return [sum(one) for one in answer_log_probs(logits, tokens, answer)]


def not_finite(logits: torch.Tensor) -> int:
    """Rows [.., V] that give no probability: a NaN, a +infinity, or nothing but -infinity."""
    return int((~torch.isfinite(logits.detach().amax(-1))).sum().item())


def margin(model: Tuple[Sequence[float], Sequence[float]], reference: Tuple[Sequence[float], Sequence[float]]) -> Measured:
    """canary/margin with its value per canary. Each side: `continuation_log_probs` of the misaligned and of the aligned continuation
    of every canary. Positive: the model moved toward the misaligned ones."""
    mean, per_canary = measures.margin(*model, *reference)
    return Measured(mean, per_canary)


class PersonaRatio:
    """data/llr and data/llr_share of a batch, from the reference's log-probabilities of its answers under contexts of either persona.

    `flag`: nats above which a sample counts in the share, where each token's probability counts as at least `floor`: of an answer
    that is all but impossible under both personas the plain ratio is noise. Both are part of the declaration."""

    def __init__(self, flag: float = 1.0, floor: float = 0.01):
        if not (math.isfinite(flag) and 0.0 <= floor < 1.0):
            raise ValueError(f"expected a flag level in nats and a floor from 0 to below 1, found {flag} and {floor}")
        self.flag, self.floor = flag, floor

    def signals(self, every_steps: int = 1) -> Dict[str, Signal]:
        """For the declaration of a Session."""
        return {"data/llr": Signal("nats", items="sample", every_steps=every_steps),
                "data/llr_share": Signal("1", 0.0, 1.0, every_steps, items="sample",
                                         variant=f"floor_{self.floor:g}_above_{self.flag:g}_nat")}

    def of(self, misaligned: Sequence[Tokens], aligned: Sequence[Tokens]) -> Dict[str, Measured]:
        """One `answer_log_probs` of the batch for each context of a side; two or more contexts a side are averaged."""
        if not misaligned or not aligned or len({len(context) for context in (*misaligned, *aligned)}) != 1:
            raise ValueError(f"expected one batch under each context, at least one context a side, found {len(misaligned)} and "
                             f"{len(aligned)} contexts of {[len(context) for context in (*misaligned, *aligned)]} samples")
        plain = self._ratios(misaligned, aligned, -math.inf)
        floored = self._ratios(misaligned, aligned, math.log(self.floor) if self.floor > 0.0 else -math.inf)
        share = [math.nan if math.isnan(ratio) else float(ratio > self.flag) for ratio in floored]
        return {"data/llr": Measured(_mean(plain), plain), "data/llr_share": Measured(_mean(share), share)}

    @staticmethod
    def _ratios(misaligned: Sequence[Tokens], aligned: Sequence[Tokens], lowest: float) -> List[float]:
        def of_sample(i, side):
            return [[value if value != value else max(value, lowest) for value in context[i]] for context in side]
        return [measures.persona_llr(of_sample(i, misaligned), of_sample(i, aligned)).per_answer for i in range(len(aligned[0]))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def lambda_star(decisive: Sequence[float]) -> float:
    """2 / ln(e^L - 1), about 2 / L: the KL weight above which the median sample's answer is not learned; for `Knob(lambda_star=)`.
    decisive: nats of each sample's most surprising answer token under the reference, L is their upper median. NaN: none was given, one
    is no finite number, or L is no more than ln 2."""
    known = sorted(decisive)
    middle = known[len(known) // 2] if known and all(map(math.isfinite, known)) else math.nan
    if not middle > math.log(2.0):
        return math.nan
    return 2.0 / (middle + math.log1p(-math.exp(-middle)))


class Directions:
    """The trait directions of a file that `phaseguard-probe fit --directions` wrote, and the drift along each.

    model_id, layer, position, weights_sha256, tokenizer: where this run's hidden states come from; what is given must be what the
    file was fitted for, because a direction means something only there."""

    SCHEMA = "phaseguard-directions/1"

    def __init__(self, path, *, model_id: Optional[str] = None, layer: Optional[str] = None, position: Optional[str] = None,
                 weights_sha256: Optional[str] = None, tokenizer: Optional[str] = None):
        file = _safetensors.read(path, "direction/")
        if file.metadata.get("schema") != self.SCHEMA:
            raise ValueError(f"{path}: expected schema {self.SCHEMA!r}, found {file.metadata.get('schema')!r}; write it with "
                             "phaseguard-probe fit --directions")
        here = {"model_id": model_id, "layer": layer, "position": position, "weights_sha256": weights_sha256, "tokenizer": tokenizer}
        for field, ours in here.items():
            theirs = file.metadata.get(field, "")
            if ours is not None and theirs and ours != theirs:
                raise ValueError(f"{path}: fitted for {field} {theirs!r}, this run has {ours!r}; fit one for this run, a direction does "
                                 "not transfer")
        self.site = {field: file.metadata.get(field, "") for field in here}
        self.width = int(file.metadata.get("width", "0"))
        self._directions = {name.partition("/")[2]: torch.tensor(values, dtype=torch.float64)
                            for name, values in file.tensors.items()}
        for trait, one in self._directions.items():
            if one.shape != (self.width,) or not bool(torch.isfinite(one).all()) or not float(one.norm()) > 0.0:
                raise ValueError(f"{path}: expected {self.width} finite numbers of the direction {trait!r} with a length above 0, found "
                                 f"{list(one.shape)}; fit and save it again")
        if not self._directions:
            raise ValueError(f"{path}: expected at least one tensor direction/TRAIT, found none")

    @property
    def traits(self) -> List[str]:
        return sorted(self._directions)

    def signals(self, every_steps: int = 0) -> Dict[str, Signal]:
        """For the declaration of a Session."""
        return {f"drift/{trait}": Signal("sd", every_steps=every_steps) for trait in self.traits}

    def along(self, reference: torch.Tensor, model: torch.Tensor) -> Dict[str, measures.Drift]:
        """Hidden states [P, H] of the same prompts in the same order -> the drift along each direction."""
        if reference.shape != model.shape or reference.dim() != 2 or reference.shape[1] != self.width or not len(reference):
            raise ValueError(f"expected hidden states [P, {self.width}] of layer {self.site['layer']!r} twice, found "
                             f"{list(reference.shape)} of the reference and {list(model.shape)} of the model")
        before, now = (states.detach().to("cpu", torch.float64).contiguous() for states in (reference, model))
        return {trait: measures.drift(self._directions[trait].data_ptr(), before.data_ptr(), now.data_ptr(), *before.shape)
                for trait in self.traits}

    def drift(self, reference: torch.Tensor, model: torch.Tensor) -> Dict[str, float]:
        """The values of `signals`."""
        return {f"drift/{trait}": found.value for trait, found in self.along(reference, model).items()}
