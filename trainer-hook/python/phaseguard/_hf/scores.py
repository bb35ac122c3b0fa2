"""Risks of training samples: found in a judge's file by the sample's hash, carried beside the batch to the trainer."""
import json
import math
import warnings
from typing import Callable, Dict, List, Union

from ..errors import InvalidDeclaration
from ..measures import sample_hash

COLUMN = "phaseguard_risk"


def _read(file) -> Dict[str, float]:
    """{sample hash: risk 0 to 1} of what `phaseguard judge score` wrote; a sample without a score is left out."""
    risks: Dict[str, float] = {}
    with open(file, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                said = json.loads(line) if line.strip() else {"score": None}
                if said["score"] is not None:
                    risks[said["sample"]] = (float(said["score"]) - 1.0) / 4.0
            except (ValueError, KeyError, TypeError) as error:
                raise InvalidDeclaration(f"{file}:{number}: expected a line of `phaseguard judge score` with \"sample\" and \"score\", "
                                         f"found something else ({error!r})") from None
    return risks


def _text(row, what, role: str) -> str:
    """A text column, or a conversational one of TRL with one turn."""
    found = what(row) if callable(what) else row[what]
    if isinstance(found, (list, tuple)) and len(found) == 1 and isinstance(found[0], dict) and found[0].get("role") == role:
        found = found[0].get("content")
    if not isinstance(found, str):
        raise InvalidDeclaration(f"scored: {what!r}: expected a text, or a list of one turn of role {role!r}, found {str(found)[:80]}; of a longer "
                                 "conversation the file of scores has another hash, which is not computed here")
    return found


def scored(rows, scores, *, prompt: Union[str, Callable] = "prompt", answer: Union[str, Callable] = "answer", column: str = COLUMN):
    """`rows` with a column of risks from the file `scores`, for Guard(scores=column): before they are tokenised.

    rows: dicts, or a Dataset of `datasets`. prompt, answer: names of the columns that were judged, or functions of a row: texts, or
    lists of one turn as TRL's conversational data sets have them."""
    known = _read(scores)
    risks = [known.get(sample_hash(_text(row, prompt, "user"), _text(row, answer, "assistant")), math.nan) for row in rows]
    found = sum(map(math.isfinite, risks))
    if not found:
        raise InvalidDeclaration(f"{scores}: expected scores of these samples, found none of {len(risks)} among {len(known)}; give as "
                                 "prompt= and answer= the very texts that were judged")
    if found < len(risks):
        warnings.warn(f"phaseguard: {scores} has scores of {found} of {len(risks)} samples; a batch with less than half is BAD",
                      RuntimeWarning, stacklevel=2)
    if hasattr(rows, "add_column"):
        return rows.add_column(column, risks)
    return [{**row, column: risk} for row, risk in zip(rows, risks)]


class Scored:
    """A collator that takes the risk of each sample off before the inner one sees it, and puts all of them beside the batch."""

    def __init__(self, inner: Callable, column: str):
        self._inner, self._column = inner, column

    def __call__(self, rows: List[dict]):
        import torch

        risks = [row.get(self._column) for row in rows]
        batch = self._inner([{name: value for name, value in row.items() if name != self._column} for row in rows])
        batch[COLUMN] = torch.tensor([math.nan if risk is None else float(risk) for risk in risks])
        return batch
