"""States of training in memory, to roll back to."""
import copy
import random
import sys
from typing import Dict, List

import torch

from .sharded import refuse, reshard


def generators() -> dict:
    state = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if "numpy" in sys.modules:  # else nothing has drawn from it
        state["numpy"] = sys.modules["numpy"].random.get_state()
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_generators(state: dict) -> None:
    random.setstate(state["python"])
    if "numpy" in state:
        sys.modules["numpy"].random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


class Snapshots:
    """States of training in memory, to roll back to: what is trained, its optimiser, schedule and gradient scaler, and the random
    generators. At most `keep`; the first stays, so that a rollback to the reference is always possible.

    `Session(rollback=snapshots.restore)`; take one at every measurement: `snapshots.take(step)`. Under FSDP each rank keeps its own
    shards; other shardings raise Unsupported."""

    def __init__(self, model: torch.nn.Module, optimizer, *, scheduler=None, scaler=None, keep: int = 8):
        refuse("Snapshots", model, optimizer, supported=("FSDP",))
        if keep < 2:
            raise ValueError(f"keep: expected at least 2, the first and the newest, found {keep}")
        self._model, self._keep = model, keep
        self._parts = {name: part for name, part in (("optimizer", optimizer), ("scheduler", scheduler), ("scaler", scaler)) if part is not None}
        self._kept: Dict[int, dict] = {}

    def _trained(self) -> dict:
        trained = {name: value for name, value in self._model.named_parameters() if value.requires_grad}
        return {**trained, **dict(self._model.named_buffers())}

    def take(self, step: int) -> None:
        state = {name: copy.deepcopy(part.state_dict()) for name, part in self._parts.items()}
        state["weights"] = {name: value.detach().clone() for name, value in self._trained().items()}
        state["random"] = generators()
        self._kept[step] = state
        if len(self._kept) > self._keep:
            del self._kept[sorted(self._kept)[1]]

    @property
    def steps(self) -> List[int]:
        return sorted(self._kept)

    def find(self, before: int) -> int:
        """The step of the newest state of step `before` or earlier (-1: of the oldest). LookupError: there is none."""
        steps = [step for step in self.steps if before < 0 or step <= before]
        if not steps:
            raise LookupError(f"no snapshot of step {before} or earlier; there are {self.steps}")
        return steps[0] if before < 0 else steps[-1]

    def restore(self, before: int) -> int:
        """Goes back to the state of `find(before)`; its step. LookupError: there is none."""
        step = self.find(before)
        state = self._kept[step]
        with torch.no_grad():
            for name, value in self._trained().items():
                value.copy_(state["weights"][name])
        reshard(self._model)
        for name, part in self._parts.items():
            part.load_state_dict(copy.deepcopy(state[name]))
        restore_generators(state["random"])
        self._kept = {kept: of for kept, of in self._kept.items() if kept <= step}
        return step
