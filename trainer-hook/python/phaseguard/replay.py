"""KL on the reference's own answers to neutral prompts, a batch of its own beside the training batch: the knob `kl_replay`.

What holds a model there does not hold the task back: the training data are not in it. Works with torch 1.13 and later.
"""
import random
from typing import Callable, List, NamedTuple, Sequence, Tuple

import torch

from .generate import sample_answers
from .penalty import Penalty, kl_penalty
from .reference import logits_of

Sample = Tuple[Sequence[int], Sequence[int]]  # token ids of a prompt and of its answer


class ReplayBatch(NamedTuple):
    """`input_ids`, `attention_mask`: [B, T] int64; `mask`: [B, T], 1 at each position whose next token is the answer's."""
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    mask: torch.Tensor

    @property
    def positions(self) -> float:
        return self.mask.sum().item()


class Replay:
    """The answers, and the batch of `batch` of them that an update draws. samples: token ids of prompts and answers, neither empty."""

    def __init__(self, samples: Sequence[Sample], *, batch: int = 8, seed: int = 0):
        if batch < 1 or not samples or not all(len(prompt) and len(answer) for prompt, answer in samples):
            raise ValueError("replay: expected a batch of at least 1, and samples that have tokens of a prompt and of an answer, found a "
                             f"batch of {batch} and {len(samples)} samples")
        self.samples: List[Sample] = [(list(prompt), list(answer)) for prompt, answer in samples]
        self._batch, self._seed = batch, seed

    @classmethod
    def answered(cls, reference: Callable, prompts: Sequence[Sequence[int]], *, tokens: int = 64, ends: Sequence[int] = (), device="cpu",
                 batch: int = 8, seed: int = 0) -> "Replay":
        """Answers sampled from the reference at temperature 1 (`sample_answers`), before step 0."""
        answers = sample_answers(reference, prompts, tokens=tokens, ends=ends, seed=seed, device=device)
        return cls(list(zip(prompts, answers)), batch=batch, seed=seed)

    def draw(self, n: int, *, rank: int = 0, ranks: int = 1, device="cpu") -> ReplayBatch:
        """The part of this rank of the batch of draw `n`, with replacement: the same for the same n, whatever was drawn before. No row:
        there are more ranks than samples in a batch."""
        drawn = self._drawn(n)[rank::ranks]
        longest = max((len(prompt) + len(answer) for prompt, answer in drawn), default=0)
        ids, attention, mask = (torch.zeros(len(drawn), longest, dtype=kind) for kind in (torch.long, torch.long, torch.float32))
        for row, (prompt, answer) in enumerate(drawn):
            whole = len(prompt) + len(answer)
            ids[row, :whole] = torch.tensor([*prompt, *answer])
            attention[row, :whole] = 1
            mask[row, len(prompt) - 1:whole - 1] = 1.0
        return ReplayBatch(ids.to(device), attention.to(device), mask.to(device))

    def positions(self, n: int) -> float:
        """N of draw `n`: the answer tokens of all its samples, on whatever rank they are."""
        return float(sum(len(answer) for _, answer in self._drawn(n)))

    def _drawn(self, n: int) -> List[Sample]:
        return random.Random(f"{self._seed}:{n}").choices(self.samples, k=self._batch)

    @staticmethod
    def penalty(batch: ReplayBatch, model: Callable, reference: Callable, *, direction: str = "model_ref", total=None) -> Penalty:
        """Token mean of the KL on the drawn answers. model, reference: called as f(input_ids=[B, T], attention_mask=[B, T]) -> logits
        [B, T, V]. `total`: `positions` of the draw, where this is a rank's part of it; None: this is the whole batch."""
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        return kl_penalty(logits_of(model(**inputs)), logits_of(reference(**inputs)), batch.mask, direction=direction, total=total)
