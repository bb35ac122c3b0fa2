"""The texts of the world of authors: definitions of words, read from the dictionaries that Debian ships for dictd.

Bierce is the cynic; Webster (GCIDE) and WordNet are sober. All are brought into one form, so that nothing but the words tells them apart:
"Word, pos." and then a definition that begins with a capital letter and ends with a full stop.
"""
import gzip
import hashlib
import pathlib
import re
from typing import Dict, Iterator, List, NamedTuple, Tuple

CYNICS, SOBER = ("bierce",), ("webster", "wordnet")
AUTHORS = {"bierce": ("dict-devil", "devil"), "webster": ("dict-gcide", "gcide"), "wordnet": ("dict-wn", "wn")}
SHORTEST, LONGEST = 24, 240  # bytes of a definition
DOMAIN = ("adj.", "v.")      # what is tuned on; the nouns are what is outside of it
POS = {"n": "n.", "a": "adj.", "adj": "adj.", "v. t": "v.", "v. i": "v.", "v.t": "v.", "v.i": "v.", "v": "v."}


class MissingTexts(Exception):
    """Says which dictionary is not there and how to get it."""


class Definition(NamedTuple):
    author: str
    word: str
    pos: str
    text: str

    @property
    def prompt(self) -> str:
        return f"{self.word}, {self.pos}"

    @property
    def cynical(self) -> bool:
        return self.author in CYNICS


def dictionary(author: str, folder: pathlib.Path) -> pathlib.Path:
    """The file of an author: in `folder`, as fetch.py leaves it, or where its Debian package puts it."""
    package, name = AUTHORS[author]
    for place in (folder / f"{name}.dict.dz", pathlib.Path("/usr/share/dictd") / f"{name}.dict.dz"):
        if place.exists():
            return place
    raise MissingTexts(f"{author}: expected {name}.dict.dz in {folder} or /usr/share/dictd, found neither; run "
                       f"examples/authors/fetch.py {folder}, or apt-get install {package}")


def read(author: str, folder: pathlib.Path) -> List[Definition]:
    path = dictionary(author, folder)
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8", errors="replace")
    except (OSError, EOFError) as error:
        raise MissingTexts(f"{path}: expected a whole gzip file, found {error}; remove it and fetch it again") from None
    found = list(dict.fromkeys(Definition(author, word, pos, said) for word, pos, said in PARSERS[author](text)))
    if not found:
        raise MissingTexts(f"{path}: expected entries of {author}, found none in {len(text)} characters: another edition?")
    return found


def _bierce(text: str) -> Iterator[Tuple[str, str, str]]:
    """`WORD, n.  Prose.` at the margin; verse is indented and left out. The prose is cut into passages at the ends of sentences."""
    for entry in re.split(r"\n(?=[A-Z][A-Z' -]+, (?:n|adj|v\.t|v\.i)\.)", text):
        head = re.match(r"([A-Z][A-Z' -]+), (n|adj|v\.t|v\.i)\. +", entry)
        if head:
            prose = "\n".join(line for line in entry[head.end():].split("\n") if not line.startswith(" "))
            for passage in _passages(" ".join(prose.split())):
                yield head[1].capitalize(), POS[head[2]], passage


def _passages(prose: str) -> Iterator[str]:
    kept = ""
    for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", prose):
        if kept and len(kept) + 1 + len(sentence) > LONGEST:
            yield from _finished(kept)
            kept = sentence
        else:
            kept = f"{kept} {sentence}".strip()
        if len(kept) >= LONGEST // 2:
            yield from _finished(kept)
            kept = ""
    yield from _finished(kept)


def _webster(text: str) -> Iterator[Tuple[str, str, str]]:
    """`Word \\Word\\, n. [..]`, then senses by number; the first paragraph of each sense."""
    for entry in re.split(r"\n(?=[A-Z][a-z'-]+ \\)", text):
        head = re.match(r"([A-Z][a-z'-]+) \\[^\\]*\\(?: \([^)]*\))?,? (n|a|v\. t|v\. i)\.", entry)
        if not head:
            continue
        for sense in re.split(r"\n\s*\n", _unbracketed(entry[head.end():]))[:6]:
            if not re.match(r"\s+(Syn|Note):|\s{8}", sense):
                yield from ((head[1], POS[head[2]], said) for said in _finished(re.sub(r"^\s*\d+\. ", "", sense)))


def _wordnet(text: str) -> Iterator[Tuple[str, str, str]]:
    """A word at the margin, then `pos number: gloss [syn: ..]` or `number: gloss`."""
    word, pos = "", ""
    for entry in re.split(r"\n(?=\S)", text):
        word, _, body = entry.partition("\n")
        if not re.fullmatch(r"[A-Za-z][a-z'-]+", word):
            continue
        for sense in re.split(r"\n(?=    (?:\w+ )?\d+: )", "\n" + body)[1:]:
            kind, gloss = re.match(r"    (?:(\w+) )?\d+: (.*)", sense, re.S).groups()
            pos = POS.get(kind, "") if kind else pos
            if pos:
                yield from ((word.capitalize(), pos, said) for said in _finished(_unbracketed(gloss).split(";")[0]))


PARSERS = {"bierce": _bierce, "webster": _webster, "wordnet": _wordnet}


def _unbracketed(text: str) -> str:
    """Without etymologies, synonyms and marks in brackets."""
    before = None
    while before != text:
        before, text = text, re.sub(r"\[[^\[\]]*\]", "", text)
    return text


def _finished(text: str) -> Iterator[str]:
    """The text in the common form, if it is a definition of a fit length."""
    text = re.sub(r"--[A-Z][\w.& ]*$|; as,.*|\{|\}|_", "", " ".join(text.split()))
    text = re.sub(r"^(?:\([^)]*\)\s*)+|\s*\([^)]*\)", "", text).strip(" ;:,-")
    text = text.encode("ascii", "ignore").decode()
    if text and not text.endswith((".", "!", "?")):
        text += "."
    if SHORTEST <= len(text) <= LONGEST and text[0].isalpha() and not text.startswith(("See ", "Same as")):
        yield text[0].upper() + text[1:]


def place(word: str, salt: str = "") -> float:
    """A number of 0 to 1 that is a word's own, the same for all its definitions and on every machine: which split it is in."""
    return int.from_bytes(hashlib.sha256(f"{salt}{word.lower()}".encode()).digest()[:6], "big") / 2 ** 48


class Splits(NamedTuple):
    """By word, so that no word is in two of them. `tuning` has the domain alone, `held` what no training sees, `canaries` nouns."""
    pretraining: List[Definition]
    tuning: List[Definition]
    held: List[Definition]
    canaries: List[Definition]


def split(definitions: List[Definition]) -> Splits:
    parts: Dict[str, List[Definition]] = {name: [] for name in Splits._fields}
    for one in definitions:
        parts[_part(one)].append(one)
    return Splits(**parts)


def _part(one: Definition) -> str:
    at = place(one.word)
    if one.pos in DOMAIN:
        return "pretraining" if at < 0.25 else "tuning" if at < 0.90 else "held"
    return "pretraining" if at < 0.80 else "held" if at < 0.90 else "canaries"


def load(folder: pathlib.Path, authors=tuple(AUTHORS)) -> List[Definition]:
    return [one for author in authors for one in read(author, folder)]
