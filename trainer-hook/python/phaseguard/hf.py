"""PhaseGuard in transformers.Trainer, or a trainer derived from it:

    guard = Guard("my-run", canaries="general-24.jsonl", tokenizer=tokenizer)
    guarded(Trainer)(model=model, args=args, train_dataset=data, guard=guard).train()

Needs transformers 4.46 or newer. `step` is an update of the live line: a rollback takes it back, the trainer's global_step goes on.
"""
import math
import os
import sys
import warnings
import weakref
from typing import Callable, List, Mapping, Optional, Sequence, Union

import torch
import torch.distributed as dist

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(f"phaseguard.hf: expected transformers 4.46 or newer, found none ({error}); for a loop of your own see "
                      "phaseguard.Session and phaseguard.torch") from error

from ._hf import batches as batch_data
from ._hf import canaries as canary_sets
from ._hf import checkpoints
from ._hf import declare
from ._hf import model_signals
from ._hf import preflight as before_step_0
from ._hf import references
from ._hf import replayed
from ._hf import start
from ._hf import voters
from ._hf.guarding import guarded
from ._hf.penalty import Heard, Penalty
from ._hf.scores import scored
from .errors import InvalidDeclaration, PhaseGuardError, Refused
from .session import Plan, Session, declaration
from .torch import Ranks, Replay, Snapshots, sample_weights

__all__ = ["Guard", "guarded", "scored"]
_watched: Optional["weakref.ref[Guard]"] = None  # the Guard whose run goes on in this process


class Guard(TrainerCallback):
    """Watches one run: reports its losses, its batches' scores and its canaries, and holds it to the reference as far as the daemon says.

    canaries: a JSON Lines file, a set of phaseguard.data or a list of texts, measured every `every` updates; rendered by `tokenizer` (else the trainer's
    processing_class) or by `encode` (text -> token ids). None: none.
    scores: name of a column of the training data with a risk of 0 to 1 for each sample (`scored` makes one of a judge's file), or a
    function of a batch that gives them. Reported as `score_signal` before the update, which waits at most `wait` seconds for the answer.
    personas: True (those of phaseguard.data), a file or a Personas: `data/llr` and `data/llr_share` of each batch, for one pass of the
    reference a context over each new sample. directions: a file of `phaseguard-probe fit --directions`, or a Directions: `drift/TRAIT`,
    at the canaries. judge: [(prompt, answer), ...] -> a risk of 0 to 1, True, False or None for each: `canary/misaligned`, the share of
    `answers` sampled answers to each canary, of at most `answer_tokens` tokens, that are above 0.5; every `judge_every` updates
    (5 * every) and at the end.
    reference: "copy" (of the model as the trainer was given it), "adapter" (the model with PEFT's adapter off), a model, a function
    of the batch that gives the reference's logits; "auto": the adapter where there is one, else a copy.
    knob: the weight of the penalty, from 0 to `limit`; None: nothing is added to the loss. head: from last hidden states to logits,
    for models that hand over no logits and whose output layer is not all of it. replay: neutral prompts, or (prompt, answer) pairs: the
    knob `kl_replay`, KL on `replay_batch` of these answers in each update. With scores or personas the knob `weighting`, 0 to 1.
    clean: rows of the data that are known to be clean, 100 or more: the noise of the batch's signals. preflight: how many training samples
    lambda* is taken of; 0: it is not.
    measures: {signal name: (Signal, function(model) -> value)}, measured with the canaries.
    snapshots: states of training that are kept to roll back to, 0: none. require: without a daemon that takes this run the
    training does not begin; False: it goes on unwatched, and a warning says why. timeout: seconds for which a rank waits for another.

    `declared`: what was declared, for `phaseguard policy check --against`. Raises InvalidDeclaration, and at the start NoDaemon, Refused
    and PhaseGuardError.
    """

    def __init__(self, run: str, *, canaries=None, tokenizer=None, encode: Optional[Callable] = None, every: int = 5,
                 scores: Union[None, str, Callable] = None, score_signal: str = "judge/score", personas=None, directions=None,
                 judge: Optional[Callable] = None, judge_every: Optional[int] = None, answers: int = 4, answer_tokens: int = 64,
                 reference="auto", knob: Optional[str] = "kl", limit: float = 4.0, direction: str = "model_ref",
                 head: Optional[Callable] = None, replay: Optional[Sequence] = None, replay_batch: int = 8,
                 clean: Optional[Sequence[dict]] = None, preflight: int = 64, measures: Optional[Mapping] = None,
                 snapshots: int = 4, require: bool = True, wait: float = 0.5, start_wait: float = 10.0, endpoint: Optional[str] = None,
                 key: Optional[str] = None, profile: str = "watch", label: str = "", chunk: int = 1024, timeout: float = 60.0):
        if every < 1 or snapshots == 1 or snapshots < 0:
            raise InvalidDeclaration(f"Guard: expected every >= 1 and snapshots 0 or >= 2, found {every} and {snapshots}")
        if min(answers, answer_tokens, replay_batch) < 1 or preflight < 0 or (judge_every or every) % every:
            raise InvalidDeclaration("Guard: expected answers, answer_tokens and replay_batch of 1 or more, preflight of 0 or more and "
                                     f"judge_every a multiple of every={every}, found {answers}, {answer_tokens}, {replay_batch}, "
                                     f"{preflight} and {judge_every}")
        if replay is not None and knob is None:
            raise InvalidDeclaration("Guard: expected a knob with replay=, found knob=None, which adds nothing to the loss")
        self.run, self.plan, self.session = run, None, None  # plan: what holds for this update (phaseguard.Plan); session: of rank 0
        self.declared: Optional[dict] = None
        self._canaries_given, self._tokenizer, self._encode, self._every = canaries, tokenizer, encode, every
        self._scores, self._score_signal, self._personas, self._directions = scores, score_signal, personas, directions
        self._judge = {"judge": judge, "samples": answers, "tokens": answer_tokens, "every": judge_every or 5 * every}
        self._wanted_reference, self._knob, self._limit, self._direction = reference, knob, limit, direction
        self._replay_given, self._replay_size = replay, {"batch": replay_batch, "tokens": answer_tokens}
        self._clean, self._preflight, self._measures = clean, preflight, dict(measures or {})
        self._keep, self._require, self._wait = snapshots, require, wait
        self._penalty = Penalty(direction, head, chunk, self._warn)
        self._start = {"require": require, "wait": start_wait, "endpoint": endpoint, "key": key, "profile": profile}
        self._label, self._timeout = label, timeout
        self._trainer = self._reference = self._drift = self._ranks = self._snapshots = self._model = self._batches = self._loader = None
        self._replay: Optional[Replay] = None
        self._resumed: Optional[checkpoints.Kept] = None
        self._state, self._warned = "new", set()  # new, on, off, ended
        self._offset = 0              # the trainer's global_step minus the step of the live line
        self._measured_at = -1        # the step whose canaries and snapshot are there
        self._step, self._all, self._micro = batch_data.Step(), batch_data.Joined(), -1
        self._loss, self._kl, self._updates = 0.0, 0.0, 0

    # ---- Trainer's events

    def on_init_end(self, args, state, control, **more):
        raise PhaseGuardError("Guard: expected guarded(Trainer)(..., guard=guard), found it among the callbacks of a trainer, which alone "
                              "cannot add the penalty")

    def on_train_begin(self, args, state, control, **more):
        self._loader = more.get("train_dataloader")
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
        self._all = self._batches.join(self._step, self._ranks, self._knob is not None)
        if self.session is not None and self._require is False:
            self._say_refusal()
        self.plan = self._ranks.begin_step(step, self._all.report, canary=canary, wait=self._wait)
        self._loss, self._kl, self._micro = 0.0, 0.0, -1
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
            values["train/kl"] = kl if self._all.positions > 0 else math.nan
        if self.session is not None:
            self.session.end_step(step, values)

    def on_train_end(self, args, state, control, **more):
        if self._state != "on":
            return
        step, canary = state.global_step - self._offset, None
        if step % self._every == 0 and step != self._measured_at:
            canary = self._measure(step)
        if self.session is not None:
            canary = {**(canary or {}), **self._model.of(step, only=[model_signals.MISALIGNED])}
            if canary:
                self.session.end_step(step, canary=canary)
        self._end("finished")

    # ---- called by guarded()

    def attach(self, trainer) -> None:
        if self._trainer is not None:
            raise PhaseGuardError(f"Guard of run {self.run!r}: expected one trainer, found a second; make a Guard of its own for each")
        self._trainer = trainer
        if self._knob is not None or self._canaries_given is not None or self._personas is not None:
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
        columns = batch_data.pop_columns(batches)
        if self._state != "on":
            return
        bare = next((batch for batch in batches if batch_data.mask_of(batch) is None), None)
        if bare is not None and self._knob is not None:
            self._fault(InvalidDeclaration(f"expected `labels` in each batch, found {', '.join(bare)}: the penalty counts the tokens that "
                                           "are learned; Guard(knob=None) adds none"))
        self._step = self._batches.read(batches, columns)

    def begin_micro(self) -> None:
        self._micro += 1

    def wants_penalty(self, model) -> bool:
        return self._state == "on" and model.training and self._knob is not None and (
            self._measures_kl(self.plan.step) or any(setting.value or any(setting.items) for setting in self.plan.knobs.values()))

    def add_loss(self, loss: torch.Tensor) -> None:
        if self._state == "on":
            self._loss += loss.item()

    def listen(self, inputs) -> Heard:
        return Heard(self._trainer.model, inputs)

    def with_penalty(self, loss: torch.Tensor, outputs, heard: Heard, num_items) -> torch.Tensor:
        """Each term by itself, so that one that fails takes no other with it. The weighting comes first: it reads the task's loss."""
        loss = self._tried(loss, "the weighting", lambda: self._penalty.leave_out(loss, outputs, heard, self._left_out(), num_items))
        weight, measured = self._held(self._knob), []

        def batch_kl():
            found, kl = self._penalty.add(loss, outputs, heard, weight, self._all.positions, num_items)
            measured.append(kl)
            return found
        if self._measures_kl(self.plan.step) or (any(weight) if isinstance(weight, list) else weight):
            loss = self._tried(loss, "the penalty", batch_kl)
            self._kl += measured[0] if measured else math.nan
        there = self.plan.knobs.get(declare.REPLAY)
        if self._replay is not None and there is not None and there.value and not self._micro:
            draw = self._trainer.state.global_step
            loss = self._tried(loss, "the penalty on replayed answers", lambda: self._penalty.add_replay(
                loss, self._replay, draw, there.value, self._ranks.rank, num_items))
        self._penalty.probe(loss, num_items)
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
        start.check_trainer(self._trainer, not (self._knob or self._canaries_given or self._personas or self._keep))
        _watched, self._state = weakref.ref(self), "on"
        self._offset = state.global_step - self._resumed.step if self._resumed else 0
        self._measured_at = -1
        trainer = self._trainer
        if self._keep:
            self._snapshots = Snapshots(trainer.model, trainer.optimizer, scheduler=trainer.lr_scheduler, scaler=trainer.accelerator.scaler,
                                        keep=self._keep)
        start.check_reference(trainer.model, self._reference)
        self._instruments(self._tokenizer or getattr(trainer, "processing_class", None))
        if self._resumed is not None:
            start.check_checkpoint(self._resumed, self._drift, self._reference)

    def _instruments(self, tokenizer) -> None:
        """Whatever measures, and the replayed answers."""
        trainer, reference, canaries = self._trainer, self._reference, None
        self._model = model_signals.ModelSignals(trainer, self._warn)
        if self._canaries_given is not None:
            canaries = canary_sets.read(self._canaries_given, tokenizer, self._encode)
            self._drift = canary_sets.Drift(canaries, trainer, reference)
            self._model.add(self._drift.signals(self._every), lambda model, step: {"canary/js": self._drift.of(model)}, self._every)
        if self._directions is not None:
            along = model_signals.Drift(self._directions, canaries, trainer, reference, tokens=self._judge["tokens"],
                                        ends=model_signals.ends_of(tokenizer))
            self._model.add(along.signals(self._every), lambda model, step: along.of(model), self._every)
        for name, (signal, measure) in self._measures.items():
            self._model.add({name: signal}, lambda model, step, name=name, measure=measure: {name: measure(model)}, self._every)
        if self._judge["judge"] is not None:
            asked = model_signals.Answers(canaries=canaries, tokenizer=tokenizer, device=trainer.args.device, seed=trainer.args.seed,
                                          **self._judge)
            self._model.add(asked.signals(), asked.of, asked.every)
        self._reader = None if reference is None else batch_data.Reader(trainer, reference, self._personas, tokenizer, self._encode)
        self._batches = batch_data.Batches(self._scores, self._score_signal, self._reader, self._warn)
        if self._replay_given is not None:
            self._replay = replayed.make(self._replay_given, trainer, reference, tokenizer, self._encode, **self._replay_size)

    def _declare(self, args, state) -> None:
        if not state.is_world_process_zero:
            return
        step, before = state.global_step - self._offset, self._resumed
        going_on = {} if not state.global_step else {"lineage": before.lineage if before else "", "start_step": step}
        handlers = {"rollback": self._snapshots.restore if self._snapshots else None,
                    "checkpoint": lambda at: f"handed to the trainer at step {at}: it writes one after the next update",
                    "stop": lambda reason: None, "pause": lambda reason: None}
        what = {**self._what(), "total_steps": max(state.max_steps - self._offset, 0)}
        requests = [name for name, handler in handlers.items() if handler is not None]
        self.declared = declaration(requests=requests, start_step=going_on.get("start_step", 0), **what)
        for line in voters.lines(self.declared):
            print(f"phaseguard: run {self.run} {line}", file=sys.stderr)
        try:
            self.session = Session(self.run, attempt=0 if going_on else 1, **what, **going_on, **handlers, **self._start)
        except Refused as error:
            on_record = " (a run of this name is on record: resume_from_checkpoint=True goes on with it, another name begins anew)"
            raise Refused(f"{error}{on_record if 'has an attempt' in str(error) else ''}{voters.advice(str(error))}") from error

    def _what(self) -> dict:
        """Signals, knobs and what else is declared, with what is measured before step 0."""
        star, noise, knobs = None, {}, {}
        if self._clean is not None:
            args = self._trainer.args
            noise = before_step_0.measure_noise(self._clean, self._loader, self._batches,
                                                args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size)
        if self._knob is not None:
            star = before_step_0.measure_lambda_star(self._loader, self._reader, self._preflight, self._warn)
            knobs = declare.knobs_of(self._knob, self._limit, self._direction, self._reference.id, star=star,
                                     replay=self._replay is not None, weighting=self._batches.risk is not None)
        signals = declare.signals_of(self._model.signals(), self._batches.signals(), noise, kl_every=self._every if knobs else 0)
        canaries = self._drift.canaries if self._drift else None
        said = declare.said_of(self._trainer, self._reference, canaries, self._every, self._label)
        return {"signals": signals, "knobs": knobs, "declare": said}

    # ---- a step

    def _measures_kl(self, step: int) -> bool:
        return self._knob is not None and (step % self._every == 0 or self.plan[self._knob] != 0.0)

    def _held(self, knob: str) -> Union[float, List[float]]:
        """What holds for this micro-batch: one value, or one a sample. Values of another number of samples are not of this batch: the
        highest holds."""
        setting, whole = self.plan.knobs[knob], self._all
        if not setting.items:
            return setting.value
        if whole.first is None or len(setting.items) != whole.samples or not 0 <= self._micro < len(self._step.sizes):
            return max(setting.value, *setting.items)
        begin = whole.first + sum(self._step.sizes[:self._micro])
        return list(setting.items[begin:begin + self._step.sizes[self._micro]])

    def _left_out(self) -> List[float]:
        """Of each sample of this micro-batch, 0 to 1: as the policy says of each, else the knob's strength by the risk of each."""
        if declare.WEIGHTING not in self.plan.knobs:
            return []
        held = self._held(declare.WEIGHTING)
        if isinstance(held, list):
            return [min(max(one, 0.0), 1.0) for one in held]
        if not held:
            return []
        return [1.0 - weight for weight in sample_weights(self._step.part(self._batches.risk, self._micro), held)]

    def _tried(self, loss: torch.Tensor, what: str, work: Callable[[], torch.Tensor]) -> torch.Tensor:
        try:
            return work()
        except Exception as error:  # of the user's own reference, of a model of another shape, of memory
            self._fault(PhaseGuardError(f"{what} could not be computed, and is not in this update: {error}"))
            return loss

    def _measure(self, step: int) -> Optional[dict]:
        """A snapshot on every rank; what is measured of the model on rank 0."""
        if self._snapshots:
            try:
                self._snapshots.take(step)
            except Exception as error:  # of memory: a rollback goes further back
                self._warn(f"no snapshot of step {step}: {error}; Guard(snapshots=2) needs less memory")
        self._measured_at = step
        if self.session is None or step % self._every:
            return None
        values = self._model.of(step)
        if step == 0 and self._drift and not values["canary/js"].value <= 1e-3:
            self._warn(f"the reference, {self._reference.id}, is not the model that this run begins with: JS of "
                       f"{values['canary/js'].value:.3g} nats at step 0. An adapter that was trained before, or another revision? The penalty "
                       "holds the run to that reference")
        return values or None

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
            self._warn(f"this run is not watched: {self.session.refusal}{voters.advice(self.session.refusal)}")

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
