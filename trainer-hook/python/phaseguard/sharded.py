"""Trainings whose model is in pieces: FSDP, DeepSpeed's ZeRO, tensor parallelism. Told apart by the names of their classes, so that none
of these packages is imported here.

    FSDP    snapshots: each rank its own shards, one agreed step (Ranks). The reference: the adapter switched off, checked as ever.
    others  reports, scores and canaries only: every rank runs the canaries' forward passes. The rest is refused by name.
"""
from typing import Iterable, Optional

from .errors import PhaseGuardError

WAY_OUT = ("in shadow, without a knob and without rollback=, the run is watched all the same: report losses, scores and canaries, and have "
           "every rank run the canaries' forward passes")


class Unsupported(PhaseGuardError):
    """What was asked for is not done with a model that is sharded like this. Says the way out."""


def _names(thing) -> set:
    return {cls.__name__ for cls in type(thing).__mro__}


def _wrapped(model) -> Iterable:
    """The model, its parts, and what wrappers have it in."""
    yield model
    inner = getattr(model, "module", None)
    if inner is not None and inner is not model:
        yield inner
    yield from getattr(model, "modules", list)()


def sharding_of(model, optimizer=None) -> Optional[str]:
    """None: the model is whole on each rank. Else what shards it: "FSDP", "ZeRO-3", "tensor parallelism", ..."""
    stage = getattr(model, "zero_optimization_stage", None)
    if "DeepSpeedEngine" in _names(model):
        stage = stage() if callable(stage) else 0
        return f"ZeRO-{stage}" if stage else "DeepSpeed"
    if optimizer is not None and any(name.startswith("DeepSpeedZeroOptimizer") for name in _names(optimizer)):
        return "ZeRO-3" if "DeepSpeedZeroOptimizer_Stage3" in _names(optimizer) else "ZeRO-1 or 2"
    parts = [name for part in _wrapped(model) for name in _names(part)]
    if "FullyShardedDataParallel" in parts or "FSDPModule" in parts:
        return "FSDP"
    for one in getattr(model, "parameters", list)():
        if hasattr(one, "ds_id"):
            return "ZeRO-3"
        if "DTensor" in _names(one):
            return "tensor parallelism"
    return None


def reshard(model) -> None:
    """Frees what FSDP keeps of a forward pass that no backward pass followed, such as the canaries': the next step would use it in place
    of weights that were restored meanwhile. torch has a public call for it in FSDP2 alone."""
    for part in list(getattr(model, "modules", list)()):
        names = _names(part)
        if "FSDPModule" in names:
            part.reshard()
        elif "FullyShardedDataParallel" in names:
            for handle in filter(None, [getattr(part, "_handle", None), *getattr(part, "_handles", ())]):
                handle.reshard(True)
                handle.post_reshard()


def refuse(what: str, model, optimizer=None, supported: Iterable[str] = ()) -> None:
    """Raises Unsupported where `what` is not done under the model's sharding."""
    kind = sharding_of(model, optimizer)
    if kind is not None and kind not in supported:
        raise Unsupported(f"{what}: expected a model that is whole on each rank{''.join(f' or under {one}' for one in supported)}, found "
                          f"{kind}; {WAY_OUT}")
