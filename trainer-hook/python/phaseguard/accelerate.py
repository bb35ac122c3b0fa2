"""PhaseGuard in a loop of Hugging Face Accelerate. Tested against the contract of `Accelerator` alone, by tests/python/adapters_test.py,
because it is in no Debian release.

    guard = phaseguard.accelerate.Guard(accelerator, "my-run", signals=["train/loss"], knobs={"kl": (0.0, 4.0)})
    plan = guard.begin_step(n)                                    # on every process, once an optimiser step
    loss = cross_entropy + plan["kl"] * guard.scaled(kl_penalty(..., total=guard.total(positions)).value)
    accelerator.backward(loss)
    guard.end_step(n + 1, {"train/loss": loss.item()})
"""
from typing import Callable, Mapping, Optional

from .ranks import Ranks
from .session import Plan, Session


class Guard:
    """A Session on the main process, Ranks on all. `restore`: on every process, as Snapshots.restore. `session`: of phaseguard.Session."""

    def __init__(self, accelerator, run: str, *, restore: Optional[Callable[[int], int]] = None, timeout: float = 60.0, **session):
        self._accelerator = accelerator
        self.session = Session(run, rollback=restore, **session) if accelerator.is_main_process else None
        self._ranks = Ranks(self.session, restore=restore, timeout=timeout)
        self.mean, self.total = self._ranks.mean, self._ranks.total

    def begin_step(self, step: int, batch: Optional[Mapping] = None, **more) -> Plan:
        return self._ranks.begin_step(step, batch, **more)

    def end_step(self, step: int, values: Optional[Mapping[str, float]] = None, **more) -> None:
        if self.session is not None:
            self.session.end_step(step, values, **more)

    def scaled(self, penalty):
        """A penalty with the whole step's N, for accelerator.backward(): that divides by the micro-batches of a step, and gradients are
        averaged over the processes; the penalty must be divided by neither."""
        return penalty * (self._accelerator.gradient_accumulation_steps * self._accelerator.num_processes)

    def finish(self, reason: str = "finished") -> None:
        if self.session is not None:
            self.session.finish(reason)
