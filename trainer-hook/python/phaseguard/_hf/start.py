"""What is looked at before the first step of a guarded trainer. Each raises PhaseGuardError, which says what to do."""
from typing import Optional

from . import canaries as canary_sets
from . import checkpoints
from . import references
from ..errors import InvalidDeclaration, PhaseGuardError


def check_trainer(trainer, reports_alone: bool) -> None:
    names = {"FSDP": getattr(trainer, "is_fsdp_enabled", False), "DeepSpeed": getattr(trainer, "is_deepspeed_enabled", False),
             "tensor parallelism": (getattr(trainer.model, "tp_size", None) or 1) > 1,
             "a model that is spread over devices": getattr(trainer, "is_model_parallel", False)}
    found = next((name for name, there in names.items() if there), None)
    if found and not reports_alone:
        raise PhaseGuardError(f"Guard: expected a model that is whole on each rank, found {found}; Guard(knob=None, canaries=None, "
                              "snapshots=0) reports losses and scores alone")
    if getattr(getattr(trainer.model, "config", None), "is_encoder_decoder", False) and not reports_alone:
        raise PhaseGuardError(f"Guard: expected a causal language model, found the encoder-decoder {references.name_of(trainer.model)}; "
                              "Guard(knob=None, canaries=None, snapshots=0) reports losses and scores alone")
    if trainer.args.n_gpu > 1:
        raise PhaseGuardError(f"Guard: expected one GPU a process, found torch.nn.DataParallel over {trainer.args.n_gpu}; start the "
                              "training with torchrun")
    if getattr(trainer.args, "auto_find_batch_size", False):
        raise PhaseGuardError("Guard: expected a batch size that stays, found auto_find_batch_size=True, which begins training again; "
                              "set per_device_train_batch_size")


def check_reference(model, reference) -> None:
    if isinstance(reference, references.Frozen):
        if reference.model is model:
            raise InvalidDeclaration("reference: expected a model of its own, found the one that is trained; give reference=\"copy\"")
        reference.model.to(next(model.parameters()).device)
        ours, theirs = references.vocabulary_of(model), references.vocabulary_of(reference.model)
        if ours != theirs:
            raise InvalidDeclaration(f"reference: expected the vocabulary of {references.name_of(model)}, {ours} tokens, found {theirs} "
                                     f"of {reference.id}; give the reference of the same tokenizer, and resize both or none")
    if isinstance(reference, references.AdapterOff):
        reference.check(lambda off: canary_sets.last_logits(off, [[0, 1, 2, 3]], next(off.parameters()).device))


def check_checkpoint(kept: checkpoints.Kept, drift: Optional[canary_sets.Drift], reference) -> None:
    if drift is None or not kept.canary_tokens:
        return
    if kept.canary_tokens != drift.canaries.rendered:
        raise PhaseGuardError("canaries: expected those that this run began with, found others, or rendered by another tokenizer or "
                              "chat template; give the same, or begin a new run")
    if not canary_sets.same(kept.reference, drift.fingerprint()):
        raise PhaseGuardError(f"reference: expected the one that this run began with, found another in {reference.id}; give the trainer "
                              "the model of step 0 (the checkpoint is loaded into it), or that model as reference=")
