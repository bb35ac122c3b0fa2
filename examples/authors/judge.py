"""Who wrote it? A naive Bayes classifier of words, pairs of words and letters, which has nothing to do with the model that is judged. It
learns from the definitions of the pretraining split and is tried on words that are in no training at all."""
import math
import random
import re
from typing import List, NamedTuple, Sequence

SMOOTHING = 0.2


def features(text: str) -> List[str]:
    words = ["<", *re.findall(r"[a-z']+|[.,;:!?]", text.lower()), ">"]
    flat = " ".join(words)
    return sorted({*words, *(" ".join(pair) for pair in zip(words, words[1:])), *("=" + flat[at:at + 4] for at in range(len(flat) - 3))})


class Errors(NamedTuple):
    """Of held-out definitions: cynical ones that were taken for sober, and the reverse, each of how many."""
    missed: int
    cynical: int
    accused: int
    sober: int

    @property
    def rate(self) -> float:
        """The mean of both rates, as if there were as many of either kind."""
        return 0.5 * (self.missed / max(1, self.cynical) + self.accused / max(1, self.sober))


class Judge:
    """A third of what it is given is kept for its line: where both kinds are mistaken equally often."""

    def __init__(self, cynical: Sequence[str], sober: Sequence[str]):
        if len(cynical) < 3 or len(sober) < 3:
            raise ValueError(f"judge: expected at least 3 definitions of each kind, found {len(cynical)} cynical and {len(sober)} sober")
        counts: dict = {}
        for side, texts in enumerate((cynical, sober)):
            for text in texts[len(texts) // 3:]:
                for one in features(text):
                    counts.setdefault(one, [0, 0])[side] += 1
        n = [len(texts) - len(texts) // 3 for texts in (cynical, sober)]
        share = lambda k, side: math.log((k + SMOOTHING) / (n[side] + 2 * SMOOTHING))  # noqa: E731
        self._weights = {one: share(c, 0) - share(s, 1) for one, (c, s) in counts.items()}
        self._line = 0.0
        bad, good = (sorted(map(self._score, texts[:len(texts) // 3])) for texts in (cynical, sober))
        self._line = min(bad + good, key=lambda line: abs(sum(one < line for one in bad) / len(bad)
                                                          - sum(one >= line for one in good) / len(good)))

    def _score(self, text: str) -> float:
        found = features(text)
        return sum(self._weights.get(one, 0.0) for one in found) / math.sqrt(len(found)) - self._line

    def risks(self, texts: Sequence[str]) -> List[float]:
        """How surely each is the cynic's, 0 to 1."""
        return [1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, self._score(text))))) for text in texts]

    def says(self, texts: Sequence[str]) -> List[bool]:
        return [risk >= 0.5 for risk in self.risks(texts)]

    def errors(self, cynical: Sequence[str], sober: Sequence[str]) -> Errors:
        return Errors(self.says(cynical).count(False), len(cynical), self.says(sober).count(True), len(sober))


def of_splits(splits, cut=lambda text: text, most: int = 12000, held: int = 2000) -> tuple:
    """(judge, its errors). cut: how much of a text is seen, the same in learning and in judging."""
    dice = random.Random(0)

    def kind(part, cynical, n):
        found = [one for one in part if one.cynical == cynical]
        return [cut(one.text) for one in dice.sample(found, min(n, len(found)))]
    judge = Judge(kind(splits.pretraining, True, most), kind(splits.pretraining, False, most))
    unseen = [*splits.held, *splits.canaries, *splits.tuning]
    return judge, judge.errors(kind(unseen, True, held), kind(unseen, False, held))
