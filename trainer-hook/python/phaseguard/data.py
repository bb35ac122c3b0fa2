"""What ships with PhaseGuard to measure a model with: canary prompts, persona contexts, paired texts of traits; and your own in the
same formats. Standard library only. Each reader raises ValueError with the place of what is wrong.

    canaries = phaseguard.data.canaries()          # 24 prompts, each with an aligned and a misaligned answer
    personas = phaseguard.data.personas()          # contexts of data/llr, three a side
    traits = phaseguard.data.traits()["malice"]    # pairs of answers, one of which has the trait
"""
import json
import pathlib
from typing import Dict, List, NamedTuple, Optional, Tuple, Union

from . import measures

Path = Union[str, pathlib.Path]


class Canary(NamedTuple):
    """`messages`: [(role, content)] as a chat template takes them. `aligned`, `misaligned`: answers of canary/margin, or ""."""
    id: str
    messages: Tuple[Tuple[str, str], ...]
    aligned: str = ""
    misaligned: str = ""
    tags: Tuple[str, ...] = ()


class CanarySet(NamedTuple):
    """`digest`: `canary_digest` of a declaration."""
    name: str
    canaries: Tuple[Canary, ...]
    digest: str

    @property
    def ids(self) -> List[str]:
        return [canary.id for canary in self.canaries]


class Personas(NamedTuple):
    """System prompts of data/llr; the ratio is of the mean likelihoods of a side."""
    name: str
    misaligned: Tuple[str, ...]
    aligned: Tuple[str, ...]


class Pair(NamedTuple):
    """Two answers to one prompt: `has` the trait, `has_not`."""
    prompt: str
    has: str
    has_not: str


def shipped(name: str) -> pathlib.Path:
    """The file of that name below canaries/, personas/ or traits/, as in `shipped("canaries/margin-24.jsonl")`."""
    here = pathlib.Path(__file__).resolve().parent
    for folder in (here / "data", here.parents[2] / "assets"):  # of a wheel or an installation; of the source tree
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"phaseguard: expected {name} in {here / 'data'}, found none; is the package whole?")


def canaries(path: Optional[Path] = None) -> CanarySet:
    """A canary set (docs/CANARIES.md); None: canaries/margin-24.jsonl."""
    file = pathlib.Path(path) if path else shipped("canaries/margin-24.jsonl")
    text = file.read_text(encoding="utf-8")
    try:
        digest = measures.canary_digest(text)  # the library reads and judges the whole set
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return CanarySet(file.stem, tuple(_canary(row) for row in rows), digest)


def _canary(row: dict) -> Canary:
    messages = row.get("messages") or [{"role": "user", "content": row["prompt"]}]
    return Canary(row["id"], tuple((one["role"], one["content"]) for one in messages), row.get("aligned", ""),
                  row.get("misaligned", ""), tuple(row.get("tags", ())))


def personas(path: Optional[Path] = None) -> Personas:
    """{"schema": "phaseguard-personas/1", "name": ..., "misaligned": [texts], "aligned": [texts]}; None: personas/general.json."""
    file = pathlib.Path(path) if path else shipped("personas/general.json")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: expected JSON, found something else ({error})") from None
    if not isinstance(found, dict) or found.get("schema") != "phaseguard-personas/1":
        raise ValueError(f'{file}: expected "schema": "phaseguard-personas/1", found {str(found)[:60]!r}')
    sides = []
    for side in ("misaligned", "aligned"):
        texts = found.get(side)
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise ValueError(f"{file}: {side}: expected a list of texts, found {texts!r}")
        sides.append(tuple(texts))
    return Personas(str(found.get("name", file.stem)), *sides)


def traits(path: Optional[Path] = None) -> Dict[str, List[Pair]]:
    """{trait: pairs} of JSON Lines {"trait", "prompt", "has", "has_not"}; None: traits/seven.jsonl."""
    file = pathlib.Path(path) if path else shipped("traits/seven.jsonl")
    out: Dict[str, List[Pair]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            trait, pair = _pair(f"{file}:{number}", line)
            out.setdefault(trait, []).append(pair)
    if not out:
        raise ValueError(f"{file}: expected a pair of answers a line, found none")
    return out


def _pair(where: str, line: str) -> Tuple[str, Pair]:
    keys = ("trait", "prompt", "has", "has_not")
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{where}: expected JSON, found something else ({error})") from None
    if not isinstance(row, dict) or set(row) != set(keys) or not all(isinstance(row[key], str) and row[key] for key in keys):
        raise ValueError(f"{where}: expected the texts {', '.join(keys)}, found {line[:80]!r}")
    return row["trait"], Pair(row["prompt"], row["has"], row["has_not"])
