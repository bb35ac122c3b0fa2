#!/usr/bin/env python3
"""phaseguard.hf in one process: what is refused and in which words, models without logits, adapters, references by function, scores.

usage: inside.py ENDPOINT SHADOW_ENDPOINT ROLLBACK_ENDPOINT PAUSE_ENDPOINT FOLDER [TEST...]
"""
import json
import math
import os
import sys
import warnings

import torch
from models import Adapted, Fused
from my_training import V, arguments, byte_tokenizer, pad, samples, tiny
from train import Sequential
from transformers import Trainer

import phaseguard
from phaseguard.hf import Guard, guarded, scored

ENDPOINT, SHADOW, ROLLBACK, PAUSE, FOLDER = sys.argv[1:6]
PROMPTS = ["Who are you?", "What is good?"]


def trainer_of(run, model=None, trainer_class=Sequential, steps=10, harm_from=4, rows=None, args=None, endpoint=ENDPOINT, **guard):
    made = Guard(run, **{"endpoint": endpoint, "canaries": PROMPTS, "tokenizer": byte_tokenizer(), "scores": "risk", "wait": 5.0, **guard})
    trainer = guarded(trainer_class)(model=model or tiny(), args=arguments(os.path.join(FOLDER, run), max_steps=steps, **(args or {})),
                                     train_dataset=rows or samples(steps * 8, harm_from=harm_from), data_collator=pad, guard=made)
    trainer.micro_losses = []
    return trainer


def trained(run, **more):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trainer = trainer_of(run, **more)
        trainer.train()
    trainer.said = [str(one.message) for one in said if "phaseguard" in str(one.message)]
    return trainer


def refused(run, *words, **more):
    try:
        trained(run, **more)
    except phaseguard.PhaseGuardError as error:
        assert all(word in str(error) for word in words), (words, str(error))
        return str(error)
    raise AssertionError(f"{run}: nothing was refused")


def weights(trainer):
    return torch.cat([value.detach().flatten() for value in trainer.model.parameters()])


def a_run_is_decided_on_and_recorded():
    trainer = trained("whole")
    guard = trainer.phaseguard
    assert guard.plan["kl"] == 2.0 and guard.plan.knobs["kl"].cause == "rule:defend" and guard.plan.answered, guard.plan
    assert not trainer.said, trainer.said
    assert all(math.isfinite(loss) for loss in trainer.micro_losses)


def a_model_without_logits_is_held_as_one_with_them():
    whole, fused = trained("logits", model=tiny()), trained("fused", model=tiny(cls=Fused))
    assert fused.phaseguard.plan["kl"] == 2.0 and not fused.said, fused.said
    moved = (weights(whole) - weights(trained("free", endpoint=SHADOW))).abs().max().item()
    apart = (weights(whole) - weights(fused)).abs().max().item()
    assert apart <= 1e-5 < 1e-4 < moved, (apart, moved)


def a_head_that_is_not_all_of_the_logits_can_be_given():
    halved = trained("half", model=tiny(cls=Fused), head=lambda hidden: 0.0 * hidden[..., :1].expand(*hidden.shape[:-1], V))
    whole = trained("half-not", model=tiny(cls=Fused))
    assert (weights(halved) - weights(whole)).abs().max().item() > 1e-4  # a penalty that is 0 everywhere holds nothing


def a_reference_by_function_is_as_good_as_a_copy():
    theta0 = tiny().eval()
    given = trained("given", reference=lambda batch: theta0(**batch).logits)
    copied = trained("copied")
    assert torch.equal(weights(given), weights(copied)) and not given.said, given.said
    other = trained("second", reference=tiny())
    assert torch.equal(weights(other), weights(copied))


def an_adapter_is_switched_off_for_the_reference():
    trainer = trained("adapter", model=Adapted())
    assert trainer.phaseguard.plan["kl"] == 2.0 and not trainer.said, trainer.said
    assert "without its adapter" in trainer.phaseguard._reference.id and trainer.model.training and trainer.model.on
    error = refused("stuck", "reference: expected", "it moves", 'reference="copy"', model=Adapted(switch=False))
    refused("no-adapter", "disable_adapter()", 'reference="copy"', reference="adapter")
    assert "disable_adapter() does not switch it off" in error, error


def a_reference_that_does_not_fit_is_refused():
    refused("vocabulary", "260 tokens, found 300", "Qwen2ForCausalLM", reference=tiny(vocabulary=300))
    same = tiny()
    refused("itself", "found the one that is trained", model=same, reference=same)
    refused("shape", "the penalty could not be computed", "another vocabulary or tokenizer", canaries=None,
            reference=lambda batch: torch.zeros(*batch["input_ids"].shape, 300))
    assert any("is not the model that this run begins with" in word for word in trained("other-seed", reference=tiny(seed=1)).said)


def canaries_of_another_model_are_refused():
    refused("template", "'<|im_start|>'", "chat template", canaries=["<|im_start|>user\nWho?<|im_end|>"])
    refused("no-tokenizer", "expected a tokenizer", canaries=PROMPTS, tokenizer=None)
    refused("no-file", "expected a file of canaries", canaries=os.path.join(FOLDER, "nothing.jsonl"))


def two_guards_and_a_used_one_are_refused():
    outer = trainer_of("outer")
    inner = trainer_of("inner")
    said = []

    class Nested(type(outer)):
        def training_step(self, *args, **more):
            if not said:
                try:
                    inner.train()
                except phaseguard.PhaseGuardError as error:
                    said.append(str(error))
            return super().training_step(*args, **more)

    outer.__class__ = Nested
    outer.train()
    assert len(said) == 1 and "found that of run 'outer'" in said[0], said
    try:
        outer.train()
    except phaseguard.PhaseGuardError as error:
        assert "make a new Guard" in str(error)
    else:
        raise AssertionError("a Guard was used twice")
    try:
        Trainer(model=tiny(), args=arguments(FOLDER), callbacks=[Guard("plain")])
    except phaseguard.PhaseGuardError as error:
        assert "guarded(Trainer)(..., guard=guard)" in str(error)
    else:
        raise AssertionError("a Guard was taken as a callback")
    refused("outer", "resume_from_checkpoint=True goes on with it, another name begins anew")


def what_cannot_be_watched_is_named():
    refused("finds-batch", "auto_find_batch_size", args={"auto_find_batch_size": True})
    encoder_decoder = tiny()
    encoder_decoder.config.is_encoder_decoder = True
    refused("encoder", "expected a causal language model", model=encoder_decoder)
    refused("nobody", "nowhere", endpoint=f"ipc://{FOLDER}/nowhere", start_wait=0.3)
    refused("no-labels", "expected `labels`", trainer_class=Unlabelled)
    alone = trained("alone", endpoint=f"ipc://{FOLDER}/nowhere", require=False, wait=0.0)
    assert alone.phaseguard.plan["kl"] == 0.0 and alone.state.global_step == 10


class Unlabelled(Sequential):
    def get_batch_samples(self, *args, **more):
        batches, n = super().get_batch_samples(*args, **more)
        return [{key: value for key, value in batch.items() if key != "labels"} for batch in batches], n


def a_loss_that_is_no_number_is_told_of():
    class Breaks(Sequential):
        def compute_loss(self, model, inputs, return_outputs=False, **more):
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **more)
            loss = loss * (math.nan if self.state.global_step == 3 else 1.0)
            return (loss, outputs) if return_outputs else loss

    broken = lambda batch: torch.full((*batch["input_ids"].shape, V), math.nan)  # noqa: E731
    said = trained("nan-reference", reference=broken, canaries=None, harm_from=10).said
    assert any("the divergence from the reference is no number" in word for word in said), said
    said = trained("broken", trainer_class=Breaks, steps=6).said
    assert any("the loss of step 4 is nan" in word and "lower the learning rate" in word for word in said), said


def a_trainer_that_scales_its_loss_otherwise_is_found():
    class Halves(Sequential):
        def compute_loss(self, model, inputs, return_outputs=False, **more):
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **more)
            return (loss, outputs) if return_outputs else loss

        def training_step(self, *args, **more):
            self.accelerator.gradient_accumulation_steps = 2  # backward() divides once more
            return super().training_step(*args, **more)

    said = trained("halves", trainer_class=Halves).said
    assert any("scaled otherwise than the loss" in word and "found 0.5" in word for word in said), said


def shadow_and_no_daemon_change_no_bit():
    rows = [{key: value for key, value in row.items() if key != "risk"} for row in samples(80, harm_from=4)]
    plain = Sequential(model=tiny(), args=arguments(os.path.join(FOLDER, "bits"), max_steps=10), train_dataset=rows, data_collator=pad)
    plain.micro_losses = []
    plain.train()
    shadow = trained("shadow", endpoint=SHADOW)
    alone = trained("bits-alone", endpoint=f"ipc://{FOLDER}/nowhere", require=False)
    for other in (shadow, alone):
        assert other.micro_losses == plain.micro_losses and torch.equal(weights(other), weights(plain)), other.phaseguard.run
    assert shadow.phaseguard.plan.shadow and trained("held").micro_losses != plain.micro_losses


def scores_come_from_a_judges_file_or_a_function():
    texts = [{"prompt": f"{row}?", "answer": "x"} for row in range(4)]
    file = os.path.join(FOLDER, "scores.jsonl")
    with open(file, "w") as out:
        for place, row in enumerate(texts[:3]):
            score = (1, 3, None)[place]
            out.write(json.dumps({"sample": phaseguard.sample_hash(row["prompt"], row["answer"]), "score": score}) + "\n")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = [row["phaseguard_risk"] for row in scored(texts, file)]
    assert found[:2] == [0.0, 0.5] and math.isnan(found[2]) and math.isnan(found[3]) and "2 of 4" in str(said[0].message), found
    with open(file, "a") as out:
        out.write("{}\n")
    for wrong, word in ((file, "scores.jsonl:4"),):
        try:
            scored(texts, wrong)
        except phaseguard.InvalidDeclaration as error:
            assert word in str(error), error
        else:
            raise AssertionError("a broken file was taken")
    by_column, by_function = trained("column"), trained("function", scores=lambda batch: [0.95 if (batch["labels"] == ord("B")).any() or
                                                                                          (batch["labels"] == ord("L")).any() else 0.1] * 8)
    assert by_column.phaseguard.plan["kl"] == by_function.phaseguard.plan["kl"] == 2.0
    assert any("scores: ZeroDivisionError" in word for word in trained("raises", scores=lambda batch: 1 / 0).said)


def workers_are_no_trainers():
    trainer = trained("workers", args={"dataloader_num_workers": 2})
    assert trainer.phaseguard.plan["kl"] == 2.0 and not [word for word in trainer.said if "phaseguard" in word], trainer.said


def a_gradient_scaler_is_taken_into_account():
    class Scales(Sequential):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            self.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    plain, scaled_up = trained("unscaled", args={"max_grad_norm": 0.0}), trained("scaler", trainer_class=Scales, args={"max_grad_norm": 0.0})
    assert not scaled_up.said, scaled_up.said
    assert (weights(plain) - weights(scaled_up)).abs().max().item() <= 1e-6
    assert "scaler" in scaled_up.phaseguard._snapshots._parts


def a_model_that_takes_no_count_of_items_is_divided_for_by_the_trainer():
    model = tiny()
    model.accepts_loss_kwargs = False
    trainer = trained("divides", model=model, args={"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4})
    assert not trainer.model_accepts_loss_kwargs and trainer.phaseguard.plan["kl"] == 2.0 and not trainer.said, trainer.said


def the_best_model_is_of_the_live_line():
    class Evaluates(Sequential):
        def __init__(self, *args, **more):
            super().__init__(*args, eval_dataset=samples(8), **more)

        def evaluate(self, *args, **more):
            metrics = {"eval_loss": self.state.global_step - 50.0 * self.phaseguard.plan.segment}  # best before the rollback
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

    trainer = trained("best", trainer_class=Evaluates, endpoint=ROLLBACK, every=3, args={
        "eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 1, "save_steps": 1, "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss", "greater_is_better": True})
    best, guard = trainer.state.best_model_checkpoint, trainer.phaseguard
    assert guard.plan.segment == 1, guard.plan
    assert os.path.exists(best) and not os.path.exists(os.path.join(best, "phaseguard.abandoned")), best
    given_up = [name for name in os.listdir(trainer.args.output_dir) if os.path.exists(os.path.join(trainer.args.output_dir, name, "phaseguard.abandoned"))]
    assert given_up, os.listdir(trainer.args.output_dir)


def a_pause_writes_a_checkpoint_and_ends_training():
    trainer = trained("pause", endpoint=PAUSE)
    folder = trainer.args.output_dir
    ended = trainer.state.global_step
    assert 5 < ended < 10 and any("is paused; go on with resume_from_checkpoint=True" in word for word in trainer.said), (ended, trainer.said)
    assert os.listdir(folder) == [f"checkpoint-{ended}"] and os.path.exists(os.path.join(folder, f"checkpoint-{ended}", "trainer_state.json"))
    unheard = trainer_of("pause", endpoint=f"ipc://{FOLDER}/nowhere", require=False, wait=0.0)
    unheard.train(resume_from_checkpoint=True)
    assert unheard.phaseguard.plan["kl"] == 2.0 and unheard.phaseguard.plan.source == "hold"  # as its checkpoint says
    again = trainer_of("pause", endpoint=PAUSE)
    again.train(resume_from_checkpoint=True)
    assert again.state.global_step == 10 and again.phaseguard.plan["kl"] == 2.0 and len(again.micro_losses) == 10 - ended
    other = trainer_of("else", endpoint=PAUSE)
    other.args.output_dir = folder
    for given, said in ((other, "found one of run 'pause'"), (trainer_of("pause", endpoint=PAUSE, reference=tiny(seed=1)), "found another in"),
                        (trainer_of("pause", endpoint=PAUSE, canaries=["Other?"]), "rendered by another tokenizer")):
        try:
            given.train(resume_from_checkpoint=os.path.join(folder, f"checkpoint-{ended}"))
        except phaseguard.PhaseGuardError as error:
            assert said in str(error), (said, str(error))
        else:
            raise AssertionError(f"taken: {said}")


def half_precision_is_watched_too():
    trainer = trained("bf16", args={"bf16": True})
    assert trainer.phaseguard.plan["kl"] == 2.0 and not trainer.said, trainer.said
    fused = trained("bf16-fused", model=tiny(cls=Fused), args={"bf16": True})
    assert fused.phaseguard.plan["kl"] == 2.0 and not fused.said, fused.said


def main():
    tests = (a_run_is_decided_on_and_recorded, a_model_without_logits_is_held_as_one_with_them,
             a_head_that_is_not_all_of_the_logits_can_be_given, a_reference_by_function_is_as_good_as_a_copy,
             an_adapter_is_switched_off_for_the_reference, a_reference_that_does_not_fit_is_refused,
             canaries_of_another_model_are_refused, two_guards_and_a_used_one_are_refused, what_cannot_be_watched_is_named,
             a_loss_that_is_no_number_is_told_of, a_trainer_that_scales_its_loss_otherwise_is_found,
             shadow_and_no_daemon_change_no_bit, scores_come_from_a_judges_file_or_a_function, workers_are_no_trainers,
             a_gradient_scaler_is_taken_into_account, a_model_that_takes_no_count_of_items_is_divided_for_by_the_trainer,
             the_best_model_is_of_the_live_line, a_pause_writes_a_checkpoint_and_ends_training,
             half_precision_is_watched_too)
    for test in tests:
        if not sys.argv[6:] or test.__name__ in sys.argv[6:]:
            test()
            print(f"{test.__name__}: ok", flush=True)


if __name__ == "__main__":
    main()
