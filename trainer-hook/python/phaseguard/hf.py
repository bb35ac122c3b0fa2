"""PhaseGuard in transformers.Trainer, or a trainer derived from it:

    guard = Guard("my-run", canaries="general-24.jsonl", tokenizer=tokenizer)
    guarded(Trainer)(model=model, args=args, train_dataset=data, guard=guard).train()

Needs transformers 4.46 or newer. `step` is an update of the live line: a rollback takes it back, the trainer's global_step goes on.
"""
import math
import os
import warnings
import weakref
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Union

import torch
import torch.distributed as dist

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(f"phaseguard.hf: expected transformers 4.46 or newer, found none ({error}); for a loop of your own see "
                      "phaseguard.Session and phaseguard.torch") from error

from ._hf import canaries as canary_sets
from ._hf import checkpoints
from ._hf import references
from ._hf import start
from ._hf.penalty import Heard, Penalty
from ._hf.scores import COLUMN, Scored, scored  # noqa: F401: `scored` is for users
from .errors import InvalidDeclaration, PhaseGuardError, Refused
from .session import Knob, Measured, Plan, Session, Signal
from .torch import Ranks, Snapshots, answer_mask

__all__ = ["Guard", "guarded", "scored"]
LN2 = math.log(2.0)
_watched: Optional["weakref.ref[Guard]"] = None  # the Guard whose run goes on in this process


class _Step(NamedTuple):
    """What is known of a step's data before its first micro-batch, on this rank."""
    positions: float = 0.0
    risk: float = 0.0     # sum over the samples that have a score
    known: float = 0.0
    samples: float = 0.0


def _mask_of(inputs) -> Optional[torch.Tensor]:
    """[B, T]: 1 where the next token is to be learned."""
    if inputs.get("shift_labels") is not None:
        return (inputs["shift_labels"] != -100).float()
    return None if inputs.get("labels") is None else answer_mask(inputs["labels"])


class Guard(TrainerCallback):
    """Watches one run: reports its losses, its batches' scores and its canaries, and holds it to the reference as far as the daemon says.

    canaries: a JSON Lines file, a set of phaseguard.data or a list of texts, measured every `every` updates; rendered by `tokenizer` (else the trainer's
    processing_class) or by `encode` (text -> token ids). None: none.
    scores: name of a column of the training data with a risk of 0 to 1 for each sample (`scored` makes one of a judge's file), or a
    function of a batch that gives them. Reported as `score_signal` before the update, which waits at most `wait` seconds for the answer.
    reference: "copy" (of the model as the trainer was given it), "adapter" (the model with PEFT's adapter off), a model, a function
    of the batch that gives the reference's logits; "auto": the adapter where there is one, else a copy.
    knob: the weight of the penalty, from 0 to `limit`; None: nothing is added to the loss. head: from last hidden states to logits,
    for models that hand over no logits and whose output layer is not all of it.
    measures: {signal name: (Signal, function(model) -> value)}, measured with the canaries.
    snapshots: states of training that are kept to roll back to, 0: none. require: without a daemon that takes this run the
    training does not begin; False: it goes on unwatched, and a warning says why. timeout: seconds for which a rank waits for another.
    """

    def __init__(self, run: str, *, canaries=None, tokenizer=None, encode: Optional[Callable] = None, every: int = 5,
                 scores: Union[None, str, Callable] = None, score_signal: str = "judge/score", reference="auto", knob: Optional[str] = "kl",
                 limit: float = 4.0, direction: str = "model_ref", head: Optional[Callable] = None, measures: Optional[Mapping] = None,
                 snapshots: int = 4, require: bool = True, wait: float = 0.5, start_wait: float = 10.0, endpoint: Optional[str] = None,
                 profile: str = "watch", label: str = "", chunk: int = 1024, timeout: float = 60.0):
        if every < 1 or snapshots == 1 or snapshots < 0:
            raise InvalidDeclaration(f"Guard: expected every >= 1 and snapshots 0 or >= 2, found {every} and {snapshots}")
        self.run, self.plan, self.session = run, None, None  # plan: what holds for this update (phaseguard.Plan); session: of rank 0
        self._canaries_given, self._tokenizer, self._encode, self._every = canaries, tokenizer, encode, every
        self._scores, self._score_signal, self._wanted_reference, self._knob = scores, score_signal, reference, knob
        self._limit, self._measures, self._keep, self._require, self._wait = limit, dict(measures or {}), snapshots, require, wait
        self._direction, self._penalty = direction, Penalty(direction, head, chunk, self._warn)
        self._start = {"require": require, "wait": start_wait, "endpoint": endpoint, "profile": profile}
        self._label, self._timeout = label, timeout
        self._trainer = self._reference = self._drift = self._ranks = self._snapshots = None
        self._resumed: Optional[checkpoints.Kept] = None
        self._state, self._warned = "new", set()  # new, on, off, ended
        self._offset = 0              # the trainer's global_step minus the step of the live line
        self._measured_at = -1        # the step whose canaries and snapshot are there
        self._step, self._loss, self._kl, self._total, self._updates = _Step(), 0.0, 0.0, 0.0, 0

    # ---- Trainer's events

    def on_init_end(self, args, state, control, **more):
        raise PhaseGuardError("Guard: expected guarded(Trainer)(..., guard=guard), found it among the callbacks of a trainer, which alone "
                              "cannot add the penalty")

    def on_train_begin(self, args, state, control, **more):
        self._agree(lambda: self._begin(args, state))
        if self._state == "on":
            self._agree(lambda: self._declare(args, state))
        if self._state == "on":
            self._ranks = Ranks(self.session, restore=self._snapshots.restore if self._snapshots else None,
                                timeout=self._timeout)

    def on_step_begin(self, args, state, control, **more):
        if self._state != "on":
            return
        step, canary = state.global_step - self._offset, None
        if step != self._measured_at and (step % self._every == 0 or self._measured_at < 0):
            canary = self._measure(step)
        batch = self._agreed_batch()
        if self.session is not None and self._require is False:
            self._say_refusal()
        self.plan = self._ranks.begin_step(step, batch, canary=canary, wait=self._wait)
        self._loss = self._kl = 0.0
        self._obey(state, args, control)

    def on_step_end(self, args, state, control, **more):
        if self._state != "on":
            return
        self._updates += 1
        step = state.global_step - self._offset
        loss = self._ranks.mean(self._loss)
        if not math.isfinite(loss):
            self._warn(f"the loss of step {step} is {loss}, which is BAD for the policy: look at that batch, or lower the learning rate, and "
                       "go on from a checkpoint before it; a policy that asks for a rollback does so by itself")
        values = {"train/loss": loss}
        if self._measures_kl(step - 1):
            kl = self._ranks.total(self._kl)
            values["train/kl"] = kl if self._total > 0 else math.nan
        if self.session is not None:
            self.session.end_step(step, values)

    def on_train_end(self, args, state, control, **more):
        if self._state != "on":
            return
        step = state.global_step - self._offset
        if step % self._every == 0 and step != self._measured_at:
            canary = self._measure(step)
            if self.session is not None and canary:
                self.session.end_step(step, canary=canary)
        self._end("finished")

    # ---- called by guarded()

    def attach(self, trainer) -> None:
        if self._trainer is not None:
            raise PhaseGuardError(f"Guard of run {self.run!r}: expected one trainer, found a second; make a Guard of its own for each")
        self._trainer = trainer
        if self._knob is not None or self._canaries_given is not None:
            self._reference = references.make(self._wanted_reference, trainer.model)  # before a checkpoint is loaded into the model
            self._penalty.attach(trainer, self._reference)

    def before_training(self, asked) -> Optional[str]:
        """The checkpoint to go on from."""
        if self._state != "new":
            raise PhaseGuardError(f"Guard of run {self.run!r}: expected one that was not used, found one whose training has begun or ended; "
                                  "make a new Guard and trainer, with a new name or resume_from_checkpoint=True")
        folder = checkpoints.choose(self._trainer.args.output_dir, asked)
        self._resumed = checkpoints.read(folder) if folder else None
        if folder and self._resumed is None:
            self._warn(f"{folder} was written without a Guard: the daemon is not told of which line it is")
        if self._resumed and self._resumed.run != self.run:
            raise PhaseGuardError(f"{folder}: expected a checkpoint of run {self.run!r}, found one of run {self._resumed.run!r}; give Guard "
                                  "that name, or begin a new run from its weights with from_pretrained()")
        return folder

    def stopped(self, error: BaseException) -> None:
        self._end("interrupted" if isinstance(error, KeyboardInterrupt) else "error")

    def see(self, batches: List) -> None:
        """All micro-batches of the next step, before the first."""
        positions = risk = known = samples = 0.0
        for batch in batches:
            column = batch.pop(COLUMN, None) if hasattr(batch, "pop") else None
            if self._state != "on":
                continue
            mask = _mask_of(batch)
            if mask is None and self._knob is not None:
                self._fault(InvalidDeclaration(f"expected `labels` in each batch, found {', '.join(batch)}: the penalty counts the tokens "
                                               "that are learned; Guard(knob=None) adds none"))
            positions += 0.0 if mask is None else mask.sum().item()
            found = self._risks(batch, column)
            samples += len(found)
            known += sum(map(math.isfinite, found))
            risk += math.fsum(filter(math.isfinite, found))
        self._step = _Step(positions, risk, known, samples)

    def wants_penalty(self, model) -> bool:
        return self._state == "on" and model.training and self._knob is not None and (self.plan[self._knob] != 0.0
                                                                                   or self._measures_kl(self.plan.step))

    def add_loss(self, loss: torch.Tensor) -> None:
        if self._state == "on":
            self._loss += loss.item()

    def listen(self, inputs) -> Heard:
        return Heard(self._trainer.model, inputs, _mask_of(inputs))

    def with_penalty(self, loss: torch.Tensor, outputs, heard: Heard, num_items) -> torch.Tensor:
        try:
            loss, measured = self._penalty.add(loss, outputs, heard, self.plan[self._knob], self._total, num_items)
        except Exception as error:  # of the user's own reference, of a model of another shape, of memory
            self._fault(PhaseGuardError(f"the penalty could not be computed, and is not in this update: {error}"))
            measured = math.nan
        self._kl += measured
        return loss

    def before_save(self, folder: str) -> None:
        if self.session is None:
            return
        state = self._trainer.state
        step = state.global_step - self._offset
        drift = self._drift
        kept = checkpoints.Kept(self.run, step, state.global_step, self.session.lineage(step), drift.fingerprint() if drift else (),
                                drift.canaries.rendered if drift else "")
        try:
            checkpoints.write(folder, kept)
        except OSError as error:
            self._warn(f"{folder}: its place in the run could not be written ({error}): who goes on from it is asked by the daemon")

    def after_save(self, folder: str) -> None:
        if self.session is not None:
            checkpoints.keep(folder)

    # ---- the start

    def _agree(self, work: Callable) -> None:
        """On all ranks or on none: what one of them cannot do ends the start of all, and leaves none waiting."""
        mine: Optional[PhaseGuardError] = None
        try:
            work()
        except PhaseGuardError as error:
            mine = error
        except Exception as error:  # whatever a model or a tokenizer raises
            mine = PhaseGuardError(f"Guard of run {self.run!r} could not begin: {error!r}")
            mine.__cause__ = error
        said = [None if mine is None else str(mine)]
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            told: List = [None] * dist.get_world_size()
            dist.all_gather_object(told, said[0])
            said = told
        first = next((text for text in said if text is not None), None)
        if first is None:
            return
        self._end("error")
        if self._require:
            raise mine or PhaseGuardError(first)
        self._state = "off"
        self._warn(f"this run is not watched: {first}")

    def _begin(self, args, state) -> None:
        global _watched
        other = _watched() if _watched is not None else None
        if other is not None and other is not self and other._state == "on":
            raise PhaseGuardError(f"Guard of run {self.run!r}: expected one at work in a process, found that of run {other.run!r}; train one "
                                  "after the other, or in processes of their own")
        start.check_trainer(self._trainer, self._knob is None and self._canaries_given is None and not self._keep)
        _watched, self._state = weakref.ref(self), "on"
        self._offset = state.global_step - self._resumed.step if self._resumed else 0
        self._measured_at = -1
        trainer = self._trainer
        if self._keep:
            self._snapshots = Snapshots(trainer.model, trainer.optimizer, scheduler=trainer.lr_scheduler, scaler=trainer.accelerator.scaler,
                                        keep=self._keep)
        start.check_reference(trainer.model, self._reference)
        if self._canaries_given is not None:
            tokenizer = self._tokenizer or getattr(trainer, "processing_class", None)
            self._drift = canary_sets.Drift(canary_sets.read(self._canaries_given, tokenizer, self._encode), trainer, self._reference)
        if self._resumed is not None:
            start.check_checkpoint(self._resumed, self._drift, self._reference)

    def _declare(self, args, state) -> None:
        if not state.is_world_process_zero:
            return
        step, before = state.global_step - self._offset, self._resumed
        going_on = {} if not state.global_step else {"lineage": before.lineage if before else "", "start_step": step}
        handlers = {"rollback": self._snapshots.restore if self._snapshots else None,
                    "checkpoint": lambda at: f"handed to the trainer at step {at}: it writes one after the next update",
                    "stop": lambda reason: None, "pause": lambda reason: None}
        try:
            self.session = Session(self.run, signals=self._signals(), knobs=self._knobs(), declare=self._said(),
                                   total_steps=max(state.max_steps - self._offset, 0), attempt=0 if going_on else 1,
                                   **going_on, **handlers, **self._start)
        except Refused as error:
            on_record = " (a run of this name is on record: resume_from_checkpoint=True goes on with it, another name begins anew)"
            raise Refused(f"{error}{on_record if 'has an attempt' in str(error) else ''}") from error

    def _signals(self) -> Dict[str, Signal]:
        signals = {"train/loss": Signal("nats", every_steps=1)}
        if self._knob is not None:
            signals["train/kl"] = Signal("nats", min=-1e-4, every_steps=self._every)
        if self._drift is not None:
            signals["canary/js"] = Signal("nats", 0.0, LN2, every_steps=self._every, items="canary", variant="full")
        if self._scores is not None:
            signals[self._score_signal] = Signal("1", 0.0, 1.0, every_steps=1)
        return {**signals, **{name: signal for name, (signal, _) in self._measures.items()}}

    def _knobs(self) -> Dict[str, Knob]:
        if self._knob is None:
            return {}
        return {self._knob: Knob(0.0, self._limit, site="batch", direction=self._direction, mask="answer", normaliser="token_mean_step",
                                 form="additive", reference=self._reference.id, protects="up", forcible=True)}

    def _said(self) -> dict:
        said = {"cadence_steps": self._every, "model_id": references.name_of(self._trainer.model), "label": self._label}
        if self._reference is not None:
            said["reference_id"] = self._reference.id
        if self._drift is not None:
            canaries = self._drift.canaries
            said.update(canary_set=canaries.name, canary_digest=canaries.digest, canary_ids=canaries.ids)
        return {key: value for key, value in said.items() if value}

    # ---- a step

    def _measures_kl(self, step: int) -> bool:
        return self._knob is not None and (step % self._every == 0 or self.plan[self._knob] != 0.0)

    def _risks(self, batch, column) -> List[float]:
        if column is not None:
            return [float(risk) for risk in column.tolist()]
        if not callable(self._scores):
            return []
        try:
            return [math.nan if risk is None else float(risk) for risk in self._scores(batch)]
        except Exception as error:  # the user's own function: training goes on
            self._warn(f"scores: {error!r}")
            return []

    def _agreed_batch(self) -> Optional[dict]:
        """N of the penalty, and the batch's mean risk; a batch of which less than half is scored has none."""
        here = self._step
        self._total = self._ranks.total(here.positions) if self._knob is not None else 0.0
        if self._scores is None:
            return None
        risk, known, samples = (self._ranks.total(value) for value in (here.risk, here.known, here.samples))
        return {self._score_signal: risk / known if known and 2 * known >= samples else math.nan}

    def _measure(self, step: int) -> Optional[dict]:
        """A snapshot on every rank; canaries and measures on rank 0."""
        if self._snapshots:
            try:
                self._snapshots.take(step)
            except Exception as error:  # of memory: a rollback goes further back
                self._warn(f"no snapshot of step {step}: {error}; Guard(snapshots=2) needs less memory")
        self._measured_at = step
        if self.session is None or step % self._every:
            return None
        values = {"canary/js": self._of_the_model("canary/js", self._drift.of)} if self._drift else {}
        if step == 0 and self._drift and not values["canary/js"].value <= 1e-3:
            self._warn(f"the reference, {self._reference.id}, is not the model that this run begins with: JS of "
                       f"{values['canary/js'].value:.3g} nats at step 0. An adapter that was trained before, or another revision? The penalty "
                       "holds the run to that reference")
        values.update({name: self._of_the_model(name, measure) for name, (_, measure) in self._measures.items()})
        return values or None

    def _of_the_model(self, name: str, measure: Callable) -> Measured:
        try:
            with references.at_rest(self._trainer.model) as model, self._trainer.accelerator.autocast():
                found = measure(model)
            return found if isinstance(found, Measured) else Measured(float(found))
        except Exception as error:  # the user's own function, or memory: training goes on
            self._warn(f"{name}: {error!r}")
            return Measured(math.nan)

    def _obey(self, state, args, control) -> None:
        plan = self.plan
        if plan.rolled_back:
            self._offset, self._measured_at = state.global_step - plan.step, plan.step
            self._give_up(state, args, plan)
            control.should_save = control.should_save or str(getattr(args.save_strategy, "value", args.save_strategy)) != "no"
        if plan.checkpoint or plan.pause:
            control.should_save = True
        if plan.stop or plan.pause:
            control.should_training_stop = True
            said = "paused; go on with resume_from_checkpoint=True" if plan.pause else "stopped"
            self._warn(f"run {self.run} is {said} after this update, as the policy or an operator asks")

    def _give_up(self, state, args, plan: Plan) -> None:
        """The checkpoints of the line that was rolled back: marked, and none of them is the best any more."""
        best = state.best_model_checkpoint
        if best and checkpoints.all_of(args.output_dir):
            kept = checkpoints.read(best) if os.path.isdir(best) else None
            if kept is None or kept.step > plan.step:
                state.best_model_checkpoint = state.best_metric = None
                if hasattr(state, "best_global_step"):
                    state.best_global_step = None
        if self.session is None:
            return
        try:
            checkpoints.abandon(args.output_dir, self.run, plan.step, state.global_step)
        except (OSError, PhaseGuardError) as error:
            self._warn(f"checkpoints of the line that was given up could not be marked: {error}; do not go on from one past step "
                       f"{plan.step}")

    # ---- words

    def _say_refusal(self) -> None:
        if self.session.link == "refused":
            self._warn(f"this run is not watched: {self.session.refusal}")

    def _fault(self, error: PhaseGuardError) -> None:
        """Within the first update the start has not succeeded; after it training goes on."""
        if self._require and not self._updates:
            raise error
        self._warn(str(error))

    def _warn(self, what: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"phaseguard: {what}", RuntimeWarning, stacklevel=4)

    def _end(self, reason: str) -> None:
        if self.session is not None:
            self.session.finish(reason)
        self._state = "ended"


def guarded(trainer_class: type) -> type:
    """`trainer_class`, a transformers Trainer or one derived from it, with one more keyword, `guard`."""
    if not hasattr(trainer_class, "get_batch_samples"):
        raise PhaseGuardError("guarded: expected a Trainer of transformers 4.46 or newer, whose get_batch_samples shows all micro-batches "
                              f"of a step, found {trainer_class.__name__} without it")

    class Guarded(trainer_class):
        def __init__(self, *args, guard: Guard, **more):
            super().__init__(*args, **more)
            self.phaseguard = guard
            guard.attach(self)
            self.add_callback(guard)

        def train(self, resume_from_checkpoint=None, *args, **more):
            folder = self.phaseguard.before_training(resume_from_checkpoint)
            try:
                return super().train(folder, *args, **more)
            except BaseException as error:
                self.phaseguard.stopped(error)
                raise

        def get_train_dataloader(self):
            """With the column of scores, which neither the collator nor the model gets to see."""
            column = self.phaseguard._scores
            if not isinstance(column, str):
                return super().get_train_dataloader()
            self._set_signature_columns_if_needed()
            collator, columns = self.data_collator, self._signature_columns
            self.data_collator, self._signature_columns = Scored(collator, column), [*columns, column]
            try:
                return super().get_train_dataloader()
            finally:
                self.data_collator, self._signature_columns = collator, columns

        def get_batch_samples(self, *args, **more):
            found = super().get_batch_samples(*args, **more)
            self.phaseguard.see(found[0])
            return found

        def training_step(self, *args, **more):
            loss = super().training_step(*args, **more)
            self.phaseguard.add_loss(loss)
            return loss

        def compute_loss(self, model, inputs, return_outputs=False, **more):
            if not self.phaseguard.wants_penalty(model):
                return super().compute_loss(model, inputs, return_outputs=return_outputs, **more)
            with self.phaseguard.listen(inputs) as heard:
                loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **more)
            loss = self.phaseguard.with_penalty(loss, outputs, heard, more.get("num_items_in_batch"))
            return (loss, outputs) if return_outputs else loss

        def _save_checkpoint(self, *args, **more):
            folder = os.path.join(self.args.output_dir, f"checkpoint-{self.state.global_step}")
            self.phaseguard.before_save(folder)
            super()._save_checkpoint(*args, **more)
            self.phaseguard.after_save(folder)

    Guarded.__name__ = Guarded.__qualname__ = f"Guarded{trainer_class.__name__}"
    return Guarded
