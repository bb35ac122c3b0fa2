"""What is known of a step's data before its first micro-batch: of each sample the judge's risk and the persona ratio."""
import hashlib
import json
import math
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch

from . import canaries as canary_sets
from .scores import COLUMN
from .. import data
from ..errors import InvalidDeclaration
from ..session import Measured, Signal
from ..torch import PersonaRatio, Ranks, answer_log_probs, answer_mask

RATIO, SHARE = "data/llr", "data/llr_share"
_MOST = 2000  # samples whose values one report has room for


def mask_of(inputs) -> Optional[torch.Tensor]:
    """[B, T]: 1 where the next token is to be learned."""
    if inputs.get("shift_labels") is not None:
        return (inputs["shift_labels"] != -100).float()
    return None if inputs.get("labels") is None else answer_mask(inputs["labels"])


def targets_of(inputs) -> Optional[torch.Tensor]:
    """[B, T]: the token that follows each position."""
    if inputs.get("shift_labels") is not None:
        return inputs["shift_labels"]
    return None if inputs.get("labels") is None else inputs["labels"].roll(-1, 1)


class Sample(NamedTuple):
    """Token ids without padding, and of each 1 where it is of the answer."""
    ids: Tuple[int, ...]
    answer: Tuple[int, ...]


def samples_of(batch) -> List[Sample]:
    mask, ids = mask_of(batch), batch["input_ids"]
    if mask is None:
        raise InvalidDeclaration(f"expected `labels` in each batch, found {', '.join(batch)}")
    answers = mask.roll(1, 1)  # at the token itself
    answers[:, 0] = 0
    there = batch["attention_mask"] if batch.get("attention_mask") is not None else torch.ones_like(ids)
    return [Sample(tuple(row[on].tolist()), tuple(int(one) for one in answer[on].tolist()))
            for row, answer, on in zip(ids.cpu(), answers.cpu(), there.cpu() != 0)]


class Reader:
    """What the reference says of training samples. Each is asked for once; the passes are without gradient and dropout."""

    def __init__(self, trainer, reference, personas=None, tokenizer=None, encode: Optional[Callable] = None):
        self._trainer, self._reference = trainer, reference
        self._bos = getattr(tokenizer, "bos_token_id", None)
        self.ratio = PersonaRatio()
        self._contexts: Optional[Tuple[List[List[int]], ...]] = None
        if personas is not None:
            found = _personas(personas)
            self._contexts = tuple([_context(text, tokenizer, encode) for text in side] for side in (found.misaligned, found.aligned))
        self._known: Dict[str, Tuple[float, float]] = {}

    @property
    def has_personas(self) -> bool:
        return self._contexts is not None

    def ratios(self, samples: Sequence[Sample]) -> Dict[str, List[float]]:
        """data/llr and data/llr_share of each; NaN of one without an answer."""
        keys = [hashlib.sha256(json.dumps(sample).encode()).hexdigest() for sample in samples]
        fresh = {key: sample for key, sample in zip(keys, samples) if key not in self._known}
        asked = {key: sample for key, sample in fresh.items() if any(sample.answer)}
        if asked:
            sides = ([self._log_probs(context, list(asked.values())) for context in side] for side in self._contexts or ())
            found = self.ratio.of(*sides)
            self._known.update(zip(asked, zip(found[RATIO].items, found[SHARE].items)))
        self._known.update({key: (math.nan, math.nan) for key in fresh if key not in asked})
        return {RATIO: [self._known[key][0] for key in keys], SHARE: [self._known[key][1] for key in keys]}

    def surprises(self, samples: Sequence[Sample]) -> List[float]:
        """Nats of the most surprising answer token of each that has an answer."""
        return [-min(tokens) for tokens in self._log_probs([], [sample for sample in samples if any(sample.answer)])]

    def _log_probs(self, context: List[int], samples: List[Sample]) -> List[List[float]]:
        rows = [self._after(context, sample) for sample in samples]
        out: List[List[float]] = []
        for ids, mask in canary_sets.padded([ids for ids, _ in rows], self._trainer.args.device):
            answer = torch.zeros_like(ids)
            for row, (_, on) in enumerate(rows[len(out):len(out) + len(ids)]):
                answer[row, :len(on)] = torch.tensor(on)
            with self._trainer.accelerator.autocast(), self._reference.on() as model:
                out += answer_log_probs(model(input_ids=ids, attention_mask=mask).logits, ids, answer)
        return out

    def _after(self, context: List[int], sample: Sample) -> Tuple[List[int], List[int]]:
        skip = 1 if context and self._bos is not None and context[0] == sample.ids[0] == self._bos else 0
        return [*context, *sample.ids[skip:]], [0] * len(context) + list(sample.answer[skip:])


def _personas(given) -> data.Personas:
    if isinstance(given, data.Personas):
        return given
    try:
        return data.personas(None if given is True else given)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidDeclaration("personas: expected True for the shipped ones, phaseguard.data.Personas or a file of them, found "
                                 f"something else ({error})") from None


def _context(text: str, tokenizer, encode: Optional[Callable]) -> List[int]:
    """Tokens of a system prompt, which a sample is put behind."""
    if encode is not None:
        return [int(token) for token in encode(text + "\n")]
    if tokenizer is None:
        raise InvalidDeclaration("personas: expected a tokenizer to render them with, found none; give tokenizer= to Guard or "
                                 "processing_class= to the trainer, or encode= (text -> token ids)")
    if not getattr(tokenizer, "chat_template", None):
        found = list(tokenizer(text + "\n")["input_ids"])
        return found[:-1] if found and found[-1] == getattr(tokenizer, "eos_token_id", None) else found
    try:
        said = [{"role": "system", "content": text}]
        return list(tokenizer.apply_chat_template(said, add_generation_prompt=False, tokenize=True, return_dict=False))
    except Exception as error:  # of a template that knows no system prompt
        raise InvalidDeclaration(f"personas: expected a chat template that takes a system prompt alone, found one that does not ({error}); "
                                 "give encode= (text -> token ids)") from None


class Step(NamedTuple):
    """Of a step's data on this rank. `sizes`: samples of each micro-batch; `items`: of each sample, by signal."""
    positions: float = 0.0
    sizes: Tuple[int, ...] = ()
    items: Dict[str, List[float]] = {}

    def part(self, signal: str, micro: int) -> List[float]:
        begin = sum(self.sizes[:micro])
        return self.items[signal][begin:begin + self.sizes[micro]]


class Joined(NamedTuple):
    """The same over all ranks: `first`: the place of this rank's first sample among `samples`; None: a rank did not say."""
    positions: float = 0.0
    first: Optional[int] = 0
    samples: int = 0
    report: Optional[Dict[str, Measured]] = None


class Batches:
    """scores: name of the column of risks, or a function of a batch. reader: None, or one without personas: no ratio is taken."""

    def __init__(self, scores: Union[None, str, Callable], score_signal: str, reader: Optional[Reader], warn: Callable[[str], None]):
        self._scores, self.score_signal, self._warn = scores, score_signal, warn
        self._reader = reader if reader is not None and reader.has_personas else None

    def signals(self) -> Dict[str, Signal]:
        judged = {} if self._scores is None else {self.score_signal: Signal("1", 0.0, 1.0, every_steps=1, items="sample")}
        return {**judged, **({} if self._reader is None else self._reader.ratio.signals())}

    @property
    def risk(self) -> Optional[str]:
        """The signal that says how far a sample's own loss is lowered."""
        return self.score_signal if self._scores is not None else SHARE if self._reader is not None else None

    def read(self, batches: Sequence, columns: Sequence) -> Step:
        """columns: of each batch the risks that its rows had, or None."""
        positions, sizes, items = 0.0, [], {name: [] for name in self.signals()}
        for batch, column in zip(batches, columns):
            mask = mask_of(batch)
            positions += 0.0 if mask is None else mask.sum().item()
            sizes.append(_rows_of(batch))
            for name, values in self._of_one(batch, column, sizes[-1]).items():
                items[name] += values
        return Step(positions, tuple(sizes), items)

    def _of_one(self, batch, column, n: int) -> Dict[str, List[float]]:
        found: Dict[str, List[float]] = {}
        if self._scores is not None:
            found[self.score_signal] = self._tried("scores", lambda: self._risks(batch, column), n)
        if self._reader is not None:
            ratios: Dict[str, List[float]] = {}
            self._tried("personas", lambda: ratios.update(self._reader.ratios(samples_of(batch))) or ratios[SHARE], n)
            found.update({name: ratios.get(name, [math.nan] * n) for name in (RATIO, SHARE)})
        return found

    def _tried(self, what: str, work: Callable[[], List[float]], n: int) -> List[float]:
        try:
            found = work()
            if len(found) == n:
                return found
            self._warn(f"{what}: expected {n} numbers, one a sample, found {len(found)}")
        except Exception as error:  # the user's own function, or memory: training goes on
            self._warn(f"{what}: {error!r}")
        return [math.nan] * n

    def _risks(self, batch, column) -> List[float]:
        if column is not None:
            return [float(risk) for risk in column.tolist()]
        if not callable(self._scores):
            return [math.nan] * _rows_of(batch)
        return [math.nan if risk is None else float(risk) for risk in self._scores(batch)]

    def join(self, here: Step, ranks: Ranks, counts: bool) -> Joined:
        """`counts`: N of a penalty is wanted."""
        total = ranks.total(here.positions) if counts else 0.0
        if not here.items:
            return Joined(total)
        told = ranks.gather({"items": here.items, "n": sum(here.sizes)})
        whole = all(one is not None for one in told)
        said = [one for one in told if one is not None]
        n = sum(one["n"] for one in said)
        report = {name: _joined([value for one in said for value in one["items"][name]], whole and n <= _MOST) for name in here.items}
        first = sum(one["n"] for one in told[:ranks.rank]) if whole else None
        return Joined(total, first, n, report)


def _rows_of(batch) -> int:
    return next((len(value) for value in (batch.get("labels"), batch.get("input_ids"), *batch.values()) if getattr(value, "ndim", 0)), 0)


def _joined(values: List[float], with_items: bool) -> Measured:
    """The mean; of a batch of which less than half is known there is none."""
    known = [value for value in values if math.isfinite(value)]
    mean = math.fsum(known) / len(known) if known and 2 * len(known) >= len(values) else math.nan
    return Measured(mean, values if with_items else ())


def pop_columns(batches: Sequence) -> List[Optional[torch.Tensor]]:
    """The risks that lie beside each batch, which the model does not get to see."""
    return [batch.pop(COLUMN, None) if hasattr(batch, "pop") else None for batch in batches]
