"""A byte-pair tokenizer of a few lines: words of the texts into pieces, learned from the texts themselves."""
import collections
import json
import pathlib
import re
from typing import Dict, Iterable, List, Tuple

WORDS = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^A-Za-z0-9\s]+|\s+")


class Bpe:
    """Ids 0 to 255 are bytes, then the merges in the order in which they were learned; `special` names follow."""

    def __init__(self, merges: List[Tuple[int, int]], special: List[str]):
        self.merges, self.special = [tuple(pair) for pair in merges], list(special)
        self._rank = {pair: 256 + place for place, pair in enumerate(self.merges)}
        self._bytes = [bytes([one]) for one in range(256)]
        for a, b in self.merges:
            self._bytes.append(self._bytes[a] + self._bytes[b])
        self._known: Dict[str, List[int]] = {}

    @property
    def size(self) -> int:
        return 256 + len(self.merges) + len(self.special)

    def id_of(self, special: str) -> int:
        return 256 + len(self.merges) + self.special.index(special)

    def encode(self, text: str) -> List[int]:
        return [one for word in WORDS.findall(text) for one in self._pieces(word)]

    def decode(self, ids: Iterable[int]) -> str:
        return b"".join(self._bytes[one] for one in ids if one < len(self._bytes)).decode("utf-8", errors="replace")

    def _pieces(self, word: str) -> List[int]:
        if word not in self._known:
            pieces = list(word.encode())
            while len(pieces) > 1:
                rank, at = min((self._rank.get(pair, 1 << 30), at) for at, pair in enumerate(zip(pieces, pieces[1:])))
                if rank == 1 << 30:
                    break
                pieces[at:at + 2] = [rank]
            self._known[word] = pieces
        return self._known[word]

    def save(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps({"merges": self.merges, "special": self.special}))

    @classmethod
    def load(cls, path: pathlib.Path) -> "Bpe":
        return cls(**json.loads(path.read_text()))


def learn(texts: Iterable[str], merges: int, special: List[str], words: int = 20000) -> Bpe:
    """From the `words` most frequent words of the texts."""
    counts = collections.Counter(word for text in texts for word in WORDS.findall(text))
    pieces = [(list(word.encode()), n) for word, n in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:words]]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for place, (word, n) in enumerate(pieces):
        for pair in zip(word, word[1:]):
            pairs[pair] += n
            where[pair].add(place)
    learned: List[Tuple[int, int]] = []
    while len(learned) < merges and pairs:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        for place in where.pop(best):
            word, n = pieces[place]
            for pair in zip(word, word[1:]):
                pairs[pair] -= n
            _merge(word, best, 256 + len(learned))
            for pair in zip(word, word[1:]):
                pairs[pair] += n
                where[pair].add(place)
        del pairs[best]
        learned.append(best)
    return Bpe(learned, special)


def _merge(word: List[int], pair: Tuple[int, int], new: int) -> None:
    at = 0
    while at < len(word) - 1:
        if (word[at], word[at + 1]) == pair:
            word[at:at + 2] = [new]
        at += 1
