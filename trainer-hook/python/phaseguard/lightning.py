"""PhaseGuard as a callback of Lightning. Tested against the contract of `Callback` and `Trainer` alone, by tests/python/adapters_test.py,
because it is in no Debian release.

    guard = phaseguard.lightning.Guard("my-run", knobs={"kl": (0.0, 4.0)})
    trainer = lightning.Trainer(callbacks=[guard])
    # in training_step, automatic optimisation:
    #     loss = cross_entropy + guard.plan["kl"] * guard.scaled(kl_penalty(..., total=guard.total(positions)).value)
"""
import math
from typing import Callable, Mapping, Optional

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        raise ImportError("phaseguard.lightning: expected lightning or pytorch_lightning, found neither; install one, or use "
                          "phaseguard.Session in a loop of your own") from None

from .ranks import Ranks
from .session import Plan, Session


class Guard(Callback):
    """Reports train/loss, the mean over a step's micro-batches, and gives training_step the `plan` that holds. `scores`: of a batch,
    {signal: value}, reported before the update. A stop asked for by the daemon is `trainer.should_stop`. No rollback: Lightning's step
    cannot go back. `session`: of phaseguard.Session."""

    def __init__(self, run: str, *, signals: Mapping = (), scores: Optional[Callable[[object], Mapping]] = None, wait: float = 0.5,
                 timeout: float = 60.0, **session):
        self.plan: Optional[Plan] = None
        self.session: Optional[Session] = None
        self._run, self._scores, self._wait, self._timeout = run, scores, wait, timeout
        self._options = {"signals": {"train/loss": ("nats",), **dict(signals)}, **session}
        self._began, self._losses = -1, []

    def on_fit_start(self, trainer, pl_module) -> None:
        if trainer.is_global_zero:
            self.session = Session(self._run, stop=lambda reason: None, start_step=trainer.global_step, **self._options)
        self._ranks = Ranks(self.session, timeout=self._timeout)
        self.mean, self.total = self._ranks.mean, self._ranks.total
        self._scale = trainer.accumulate_grad_batches * trainer.world_size

    def scaled(self, penalty):
        """A penalty with the whole step's N: Lightning divides the loss by the micro-batches of a step, and averages over processes."""
        return penalty * self._scale

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step == self._began:
            return  # a further micro-batch of the step
        self._began = trainer.global_step
        known = {name: self._ranks.mean(value) for name, value in self._scores(batch).items()} if self._scores else None
        self.plan = self._ranks.begin_step(self._began, known, wait=self._wait if known else 0.0)
        trainer.should_stop = trainer.should_stop or self.plan.stop

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if loss is not None:
            self._losses.append(float(loss))
        if trainer.global_step == self._began:
            return  # no update yet
        mean = self._ranks.mean(sum(self._losses) / len(self._losses) if self._losses else math.nan)
        self._losses = []
        if self.session is not None:
            self.session.end_step(trainer.global_step, {"train/loss": mean})

    def on_fit_end(self, trainer, pl_module) -> None:
        if self.session is not None:
            self.session.finish()

    def on_exception(self, trainer, pl_module, exception) -> None:
        if self.session is not None:
            self.session.finish("interrupted" if isinstance(exception, KeyboardInterrupt) else "error")
