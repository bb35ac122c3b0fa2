"""What is measured before step 0: lambda* of the training data, and what the batches' signals show of samples known to be clean. The random
generators of the run are as they were."""
import contextlib
import math
import random
from typing import Callable, Dict, List, Optional, Sequence

import torch

from .batches import Batches, Reader, pop_columns, samples_of
from ..errors import InvalidDeclaration
from ..snapshots import generators, restore_generators
from ..torch import lambda_star

_ROWS = 8            # a batch
_CLEAN_BATCHES = 40  # as many as the lab draws


@contextlib.contextmanager
def _nothing_drawn():
    kept = generators()
    try:
        yield
    finally:
        restore_generators(kept)


def measure_lambda_star(loader, reader: Reader, n: int, warn: Callable[[str], None]) -> Optional[float]:
    """Of `n` training samples. None: n is 0, the data can only be gone through once, or there is no lambda* of them."""
    rows, collate = getattr(loader, "dataset", None), getattr(loader, "collate_fn", None)
    once = isinstance(rows, torch.utils.data.IterableDataset) or not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__")
    if not n or collate is None or once:
        return None
    places = random.Random(0).sample(range(len(rows)), min(n, len(rows)))
    try:
        with _nothing_drawn():
            collated = _collated([rows[place] for place in places], collate)
            surprises = [nats for batch in collated for nats in reader.surprises(samples_of(batch))]
    except Exception as error:  # of the user's data set or reference: a policy that asks for lambda* is told that there is none
        warn(f"lambda* of the data could not be measured: {error!r}; Guard(preflight=0) leaves it out")
        return None
    star = lambda_star(surprises)
    return star if math.isfinite(star) else None


def measure_noise(clean: Sequence[dict], loader, batches: Batches, a_step: int) -> Dict[str, List[float]]:
    """{signal: its value of each of 40 batches of `a_step` samples, drawn from `clean` with replacement}. A signal that a sample of `clean`
    has no value of is left out. clean: rows as the training data have them. Raises InvalidDeclaration."""
    collate = getattr(loader, "collate_fn", None)
    if collate is None or len(clean) < 2:
        raise InvalidDeclaration(f"clean: expected two or more rows as the training data have them, found {len(clean)}")
    with _nothing_drawn():
        collated = _collated([clean[place] for place in range(len(clean))], collate)
        found = batches.read(collated, pop_columns(collated))
    dice, noise = random.Random(0), {}
    for name, values in found.items.items():
        if all(map(math.isfinite, values)):
            noise[name] = [math.fsum(dice.choices(values, k=a_step)) / a_step for _ in range(_CLEAN_BATCHES)]
    return noise


def _collated(rows: Sequence, collate: Callable) -> List:
    return [collate(list(rows[begin:begin + _ROWS])) for begin in range(0, len(rows), _ROWS)]
