"""What a Guard declares, and what it says of that at the start."""
from typing import Dict, Optional

from . import references
from ..session import Knob, Signal

REPLAY, WEIGHTING = "kl_replay", "weighting"


def signals_of(model_signals: Dict[str, Signal], batch_signals: Dict[str, Signal], noise: Dict[str, list], *,
               kl_every: int) -> Dict[str, Signal]:
    """kl_every: how often train/kl is measured; 0: never."""
    signals = {"train/loss": Signal("nats", every_steps=1)}
    if kl_every:
        signals["train/kl"] = Signal("nats", min=-1e-4, every_steps=kl_every)
    signals.update({**batch_signals, **model_signals})
    return {name: signal.with_noise(noise[name]) if name in noise else signal for name, signal in signals.items()}


def knobs_of(name: str, limit: float, direction: str, reference: str, *, star: Optional[float], replay: bool,
             weighting: bool) -> Dict[str, Knob]:
    kl = Knob(0.0, limit, site="batch", direction=direction, mask="answer", normaliser="token_mean_step", form="additive",
              reference=reference, per_sample=True, protects="up", forcible=True, lambda_star=star)
    knobs = {name: kl}
    if replay:
        knobs[REPLAY] = kl._replace(site="replay", mask="replay", per_sample=False)
    if weighting:
        knobs[WEIGHTING] = Knob(0.0, 1.0, per_sample=True)
    return knobs


def said_of(trainer, reference, canaries, every: int, label: str) -> dict:
    """Further keys of the hello."""
    said = {"cadence_steps": every, "model_id": references.name_of(trainer.model), "label": label,
            "reference_id": "" if reference is None else reference.id}
    if canaries is not None:
        said.update(canary_set=canaries.name, canary_digest=canaries.digest, canary_ids=canaries.ids)
    return {key: value for key, value in said.items() if value}
