#!/usr/bin/env python3
"""A guarded transformers.Trainer with every voter and action of a policy.

usage: v2.py FOLDER V2_ENDPOINT SHADOW_ENDPOINT ALWAYS_ENDPOINT STARTER_ENDPOINT [TEST...]
"""
import contextlib
import io
import json
import math
import os
import sys
import warnings

import torch
import world
from models import Adapted, Fused
from my_training import arguments
from train import Sequential, loss_in_double

import phaseguard
from phaseguard.hf import Guard, guarded
from phaseguard.torch import (Directions, PersonaRatio, Replay, answer_log_probs, answer_mask, kl_penalty, sample_weights, token_losses,
                              weighted_token_mean)

FOLDER, V2, SHADOW, ALWAYS, STARTER = sys.argv[1:6]
BAD_FROM, STEPS, RATE = 6, 12, 0.003


def trained(run, endpoint, steps=STEPS, bad_from=BAD_FROM, args=None, trainer_class=Sequential, double=False, mixed=1, model=None, resume=None, **guard):
    printed, model = io.StringIO(), model or world.theta0(FOLDER)
    made = Guard(run, endpoint=endpoint, **{"wait": 10.0, "every": 2, **world.of_guard(FOLDER), **guard})
    trainer = guarded(trainer_class)(model=model.double() if double else model, train_dataset=world.rows(STEPS * 8, bad_from, every=mixed),
                                     data_collator=world.pad,
                                     args=arguments(os.path.join(FOLDER, run), max_steps=steps, learning_rate=RATE, max_grad_norm=0.0, **(args or {})),
                                     guard=made, **({"compute_loss_func": loss_in_double} if double else {}))
    trainer.micro_losses = []
    watch = Watch(made)
    trainer.add_callback(watch)
    with warnings.catch_warnings(record=True) as said, contextlib.redirect_stderr(printed):
        warnings.simplefilter("always")
        trainer.train(resume_from_checkpoint=resume)
    trainer.said = [str(one.message) for one in said if "phaseguard" in str(one.message)]
    trainer.printed = [line for line in printed.getvalue().splitlines() if line.startswith("phaseguard: run")]
    trainer.trace = watch.trace
    return trainer


class Watch(phaseguard.hf.TrainerCallback):
    def __init__(self, guard):
        self.guard, self.trace = guard, []

    def on_step_begin(self, args, state, control, **more):
        plan = self.guard.plan
        self.trace.append({"step": plan.step, "segment": plan.segment, "answered": plan.answered,
                           **{name: [setting.value, list(setting.items)] for name, setting in plan.knobs.items()}})


def weights(model):
    return torch.cat([value.detach().flatten() for value in model.parameters()])


def apart(one, other):
    return (weights(one) - weights(other)).abs().max().item()


def v2_trips_rolls_back_and_holds():
    trainer = trained("whole", V2)
    trace, declared = trainer.trace, trainer.phaseguard.declared
    assert not trainer.said, trainer.said
    first = next(place for place, one in enumerate(trace) if one["kl_replay"][0])
    before, after = trace[:first], trace[first:]
    assert all(one["answered"] for one in trace), trace
    assert first == BAD_FROM and all(one["kl"][0] == one["weighting"][0] == 0.0 for one in before), trace
    assert after[0]["segment"] == 1 and after[0]["step"] < BAD_FROM, after[0]  # back before the first bad batch
    for one in after:
        assert one["kl_replay"][0] >= 1.0 and one["kl"][1] == [2.0] * 8 and one["weighting"][1] == [1.0] * 8, one
    noise = {signal["name"]: signal for signal in declared["signals"] if "noise_sd" in signal}
    assert set(noise) == {"judge/score", "data/llr", "data/llr_share"} and noise["judge/score"]["noise_n"] == 40, noise
    assert abs(noise["judge/score"]["noise_mean"] - 0.1) < 0.02 and 0.005 < noise["judge/score"]["noise_sd"] < 0.05, noise
    assert noise["data/llr_share"]["noise_mean"] < 0.05, noise
    drifts = [signal["name"] for signal in declared["signals"] if signal["name"].startswith("drift/")]
    assert drifts == ["drift/bad_0", "drift/bad_1", "drift/bad_2"], drifts
    assert len(trainer.printed) == 8 and not any("cannot" in line or "has no" in line for line in trainer.printed), trainer.printed
    with open(os.path.join(FOLDER, "hello.json"), "w") as file:
        json.dump(declared, file)


def an_honest_run_is_left_alone():
    trainer = trained("honest", V2, bad_from=10**9)
    assert not trainer.said and all(one[knob][0] == 0.0 for one in trainer.trace for knob in ("kl", "kl_replay", "weighting")), trainer.trace
    assert trainer.phaseguard.plan.segment == 0


def a_model_that_answers_badly_is_an_alarm_whatever_the_data_look_like():
    asked = []

    def judge(pairs):
        asked.append(pairs)
        return [True, None, 0.4, 0.9] * (len(pairs) // 4)

    trainer = trained("outcome", V2, bad_from=10**9, judge=judge, steps=7, judge_every=4)
    assert [len(pairs) for pairs in asked] == [16, 16, 16] and not trainer.said, (asked, trainer.said)  # steps 0 and 4, and the end
    assert [prompt for prompt, _ in asked[0]] == [text for text in world.CANARIES for _ in range(4)]
    assert sum(answer in world.GOOD for _, answer in asked[0]) >= 12, asked[0]
    assert all(one[knob][0] == 0.0 for one in trainer.trace for knob in ("kl", "kl_replay", "weighting")), trainer.trace


def while_all_knobs_are_0_no_bit_changes():
    rows = [{key: value for key, value in row.items() if key != "risk"} for row in world.rows(STEPS * 8, BAD_FROM)]
    plain = Sequential(model=world.theta0(FOLDER), train_dataset=rows, data_collator=world.pad,
                       args=arguments(os.path.join(FOLDER, "bits"), max_steps=STEPS, learning_rate=RATE, max_grad_norm=0.0))
    plain.micro_losses = []
    plain.train()
    shadow = trained("shadow", SHADOW)
    assert shadow.phaseguard.plan.shadow and shadow.micro_losses == plain.micro_losses
    assert torch.equal(weights(shadow.model), weights(plain.model))


def by_hand(without=""):
    """The updates of the policy that is always in force, with the functions of phaseguard.torch alone."""
    model, theta0, ratio = world.theta0(FOLDER).double().train(), world.theta0(FOLDER).double().eval(), PersonaRatio()
    prompts = [world.tokens(text) for text in world.NEUTRAL]
    with torch.no_grad():
        replay = Replay.answered(theta0, prompts, tokens=20, ends=[world.TOKENIZER.eos_token_id], seed=3)
    optimizer, data, shares = torch.optim.SGD(model.parameters(), lr=RATE), world.rows(STEPS * 8, 1, every=3), []
    for step in range(STEPS):
        some = data[8 * step:8 * step + 8]
        flags = ratio.of(*([log_probs(theta0, some, before)] for before in ("bad\n", "good\n")))["data/llr_share"].items
        shares.append(flags)
        batch = world.pad(some)
        inputs, mask = {name: batch[name] for name in ("input_ids", "attention_mask")}, answer_mask(batch["labels"])
        logits = model(**inputs).logits
        left = sample_weights(flags, 0.0 if without == "weighting" else 1.0)
        loss = weighted_token_mean(*token_losses(logits, batch["labels"].roll(-1, 1), mask), left)
        if without != "kl":
            loss = loss + kl_penalty(logits, still(theta0)(**inputs), mask, weights=[2.0 * flag for flag in flags]).value
        if without != "replay":
            loss = loss + Replay.penalty(replay.draw(step), lambda **there: model(**there), still(theta0)).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, shares


def still(model):
    def logits_of(**inputs):
        with torch.no_grad():
            return model(**inputs).logits
    return logits_of


def log_probs(theta0, some, before):
    context = world.tokens(before)
    asked = world.pad([{"input_ids": context + row["input_ids"], "labels": [-100] * len(context) + row["labels"]} for row in some])
    logits = still(theta0)(input_ids=asked["input_ids"], attention_mask=asked["attention_mask"])
    return answer_log_probs(logits, asked["input_ids"], (asked["labels"] != -100).long())


def each_update_is_what_the_functions_of_torch_make_of_it():
    expected, shares = by_hand()
    assert shares == [[float(step > 0 and (8 * step + place) % 3 == 0) for place in range(8)] for step in range(STEPS)], shares
    same = {"bad_from": 1, "mixed": 3, "double": True}
    found = trained("always", ALWAYS, **same)
    parts = trained("always-parts", ALWAYS, args={"gradient_accumulation_steps": 4, "per_device_train_batch_size": 2}, **same)
    for one in (found, parts):
        assert not one.said and [at["weighting"][1] for at in one.trace] == shares, (one.said, one.trace)
    matters = [apart(expected, by_hand(without)[0]) for without in ("weighting", "kl", "replay")]
    differences = [apart(expected, one.model) for one in (found, parts)]
    assert max(differences) <= 1e-6 < 1e-5 < min(matters), (differences, matters)
    print(f"largest difference of a weight from the loop by hand after {STEPS} updates: {max(differences):.1e}; without one of the terms it is "
          f"{min(matters):.1e} or more")


def a_run_that_goes_on_draws_what_it_would_have_drawn():
    same = {"bad_from": 1, "mixed": 3, "args": {"save_strategy": "steps", "save_steps": 5}}
    whole = trained("resumed", ALWAYS, **same)
    again = trained("resumed", ALWAYS, resume=os.path.join(FOLDER, "resumed", "checkpoint-5"), **same)
    assert [one["step"] for one in again.trace] == list(range(5, STEPS)) and not again.said, (again.trace, again.said)
    assert whole.trace[5:] == again.trace and apart(whole.model, again.model) == 0.0, apart(whole.model, again.model)
    star = lambda trainer: trainer.phaseguard.declared["knobs"][0]["lambda_star"]  # noqa: E731
    assert star(whole) == star(again)


def models_that_are_not_quite_a_plain_one_are_held_too():
    same = {"bad_from": 1, "mixed": 3}
    directions = Directions(os.path.join(FOLDER, "directions.st"))  # were fitted for a model of another name
    whole = trained("logits", ALWAYS, **same)
    fused = trained("fused", ALWAYS, model=world.theta0(FOLDER, cls=Fused), directions=directions, **same)
    assert not fused.said and apart(whole.model, fused.model) <= 1e-5 < 1e-3 < apart(whole.model, world.theta0(FOLDER)), fused.said
    for run, how in (("adapter", {"model": Adapted(base=world.theta0(FOLDER))}), ("bf16", {"args": {"bf16": True}})):
        trainer = trained(run, V2, **how)
        last = trainer.trace[-1]
        assert not trainer.said and last["segment"] == 1 and last["kl_replay"][0] >= 1.0 and last["weighting"][1] == [1.0] * 8, (run, trainer.said, last)


def what_is_missing_is_said_with_what_to_pass():
    nothing = dict.fromkeys(("scores", "personas", "judge", "directions", "replay", "clean"))
    try:
        trained("refused", V2, **nothing)
    except phaseguard.Refused as error:
        wanted = ("for data/llr_share personas=True", "for judge/score scores=", "for drift/* directions=", "for canary/misaligned judge=",
                  "for kl_replay replay=", "for weighting scores=")
        assert all(word in str(error) for word in wanted), str(error)
    else:
        raise AssertionError("the policy fits a trainer that gives nothing")
    try:
        trained("refused-noise", V2, clean=None)
    except phaseguard.Refused as error:
        assert "for a line of noise clean=" in str(error) and "for kl_replay" not in str(error), str(error)
    else:
        raise AssertionError("the policy fits a trainer without noise")
    bare = trained("bare", STARTER, steps=2, **nothing)
    said = "\n".join(bare.printed)
    assert "cannot give data/llr_share" in said and "pass personas=True" in said and "has no knob kl_replay" in said and "has the knob kl:" in said, said
    alone = trained("alone", V2, steps=2, require=False, **nothing)
    assert any("not watched" in word and "for kl_replay replay=" in word for word in alone.said) and alone.state.global_step == 2, alone.said


def what_is_wrong_is_named_at_the_start():
    def refused(*words, **guard):
        try:
            trained("wrong", V2, **guard)
        except phaseguard.PhaseGuardError as error:
            assert all(word in str(error) for word in words), (words, str(error))
        else:
            raise AssertionError(f"taken: {words}")

    refused("canaries", "give canaries=", directions=os.path.join(FOLDER, "directions.st"), canaries=None, judge=None)
    refused("give canaries=", canaries=None, directions=None)
    refused("nowhere.st", directions=os.path.join(FOLDER, "nowhere.st"))
    refused("replay", "at place 1", replay=["a", ("b", 3)])
    refused("at least one neutral prompt", replay=[])
    refused("personas", "found something else", personas=os.path.join(FOLDER, "theta0.pt"))
    refused("two or more rows", clean=world.rows(1))
    refused("knob with replay=", knob=None)
    refused("multiple of every=2", judge_every=3)
    refused("reference that is a model", reference=lambda batch: world.theta0(FOLDER)(**batch).logits, replay=None)


def what_fails_on_the_way_lowers_nothing():
    asked = []

    def judge(pairs):
        asked.append(len(pairs))
        raise RuntimeError("no judge")

    trainer = trained("judge-fails", V2, judge=judge)
    assert any("canary/misaligned" in word and "no judge" in word for word in trainer.said), trainer.said
    assert trainer.trace[-1]["kl_replay"][0] >= 1.0 and asked[0] == 16, (trainer.trace[-1], asked)

    class Odd(Sequential):
        def compute_loss(self, model, inputs, return_outputs=False, **more):
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **more)
            return (2.0 * loss, outputs) if return_outputs else 2.0 * loss

    said = trained("odd", ALWAYS, trainer_class=Odd).said
    assert any("weighting: expected a loss that is the token mean" in word for word in said), said
    scored = trained("silent", V2, scores=lambda batch: [math.nan] * len(batch["labels"]), clean=world.rows(60, seed=5), require=False, steps=2)
    assert any("not watched" in word for word in scored.said), scored.said  # no score, no noise


def main():
    for test in (v2_trips_rolls_back_and_holds, an_honest_run_is_left_alone,
                 a_model_that_answers_badly_is_an_alarm_whatever_the_data_look_like, while_all_knobs_are_0_no_bit_changes,
                 each_update_is_what_the_functions_of_torch_make_of_it, a_run_that_goes_on_draws_what_it_would_have_drawn,
                 models_that_are_not_quite_a_plain_one_are_held_too,
                 what_is_missing_is_said_with_what_to_pass,
                 what_is_wrong_is_named_at_the_start, what_fails_on_the_way_lowers_nothing):
        if not sys.argv[6:] or test.__name__ in sys.argv[6:]:
            test()
            print(f"{test.__name__}: ok", flush=True)


if __name__ == "__main__":
    main()
