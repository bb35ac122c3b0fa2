#!/usr/bin/env python3
"""Runs of a guarded transformers.Trainer as a file of JSON says, one after another; writes what happened into another.

usage: train.py CONFIGS.json RESULTS.json
"""
import json
import os
import sys
import time
import warnings

import torch
import transformers
from my_training import arguments, pad, samples, tiny
from transformers import Trainer, TrainerCallback

from phaseguard.hf import Guard, guarded


class Sequential(Trainer):
    """In the order of the data, so that accumulation and ranks see the same samples in each update; losses in full precision."""

    def _get_train_sampler(self, *args, **more):
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def training_step(self, *args, **more):
        loss = super().training_step(*args, **more)
        self.micro_losses.append(loss.item())
        return loss


class Watch(TrainerCallback):
    """After the Guard: what holds for each update, and what this run is to do at a step."""

    def __init__(self, guard, how):
        self.guard, self.how, self.trace = guard, how, []

    def on_step_begin(self, args, state, control, **more):
        plan = self.guard.plan
        if plan is not None:
            self.trace.append([plan.step, plan["kl"], plan.segment, plan.source])
        self.say(state.global_step)
        if plan is not None and plan.rolled_back and self.how.get("die_after_rollback") is not None:
            time.sleep(self.how["die_after_rollback"])
            self.finish("died")
            os.kill(os.getpid(), 9)
        if int(os.environ.get("RANK", "0")) == 1 and state.global_step == self.how.get("rank_1_dies_at"):
            os._exit(3)
        time.sleep(self.how.get("sleep", 0.0))

    def say(self, step):
        if "progress" in self.how:
            with open(self.how["progress"] + ".new", "w") as file:
                file.write(f"{self.how['run']} {step}")
            os.replace(self.how["progress"] + ".new", self.how["progress"])

    def finish(self, how):
        with open(self.how["died"], "w") as file:
            json.dump({"trace": self.trace, "how": how}, file)


def loss_in_double(outputs, labels, num_items_in_batch=None):
    """Cross entropy as the library's own, which is in float32 whatever the model is."""
    flat = torch.nn.functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, reduction="sum")
    return flat / num_items_in_batch


def run(how):
    steps, out = how.get("steps", 12), how["out"]
    model = tiny()
    more = {}
    if how.get("double"):
        model, more["compute_loss_func"] = model.double(), loss_in_double
    base = Sequential
    args = arguments(out, max_steps=steps, gradient_accumulation_steps=how.get("ga", 1), per_device_train_batch_size=how.get("batch", 8),
                     **({"save_strategy": "steps", "save_steps": how["save"]} if "save" in how else {}), **how.get("args", {}))
    rows, collator = samples(steps * 8, harm_from=how.get("harm_from", 10**9)), pad
    if "world" in how:
        import world
        model, rows, collator = world.theta0(how["world"]).double(), world.rows(steps * 8, how["harm_from"], every=3), world.pad
    guard = None
    if not how.get("plain"):
        more_of_guard = world.of_guard(how["world"]) if "world" in how else {"canaries": ["Who are you?", "What is good?"],
                                                                            "encode": lambda text: list(text.encode()), "scores": "risk"}
        guard = Guard(how["run"], endpoint=how["endpoint"], **{"wait": 5.0, **more_of_guard, **how.get("guard", {})})
        base, more["guard"] = guarded(Sequential), guard
    else:
        rows = [{key: value for key, value in row.items() if key != "risk"} for row in rows]
    trainer = base(model=model, args=args, train_dataset=rows, data_collator=collator, **more)
    trainer.micro_losses = []
    watch = Watch(guard, how) if guard else None
    if watch:
        trainer.add_callback(watch)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            trainer.train(resume_from_checkpoint=how.get("resume"))
            error = ""
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    if int(os.environ.get("RANK", "0")) == 0 or how.get("all_ranks"):
        torch.save([value.detach().clone() for value in model.parameters()], how["out"] + f".weights{os.environ.get('RANK', '')}")
    return {"run": how["run"], "trace": watch.trace if watch else [], "losses": trainer.micro_losses, "error": error,
            "global_step": trainer.state.global_step, "resumed": trainer.state.global_step - len(trainer.micro_losses),
            "warned": [str(one.message) for one in warned if "phaseguard" in str(one.message)]}


def main():
    print(f"torch {torch.__version__}, transformers {transformers.__version__}", flush=True)
    with open(sys.argv[1]) as file:
        configs = json.load(file)
    results = [run(how) for how in configs]
    with open(sys.argv[2], "w") as file:
        json.dump(results, file)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
