#!/usr/bin/env python3
"""phaseguard.accelerate, .lightning and .axolotl against fakes of the contracts that they use: none of the three is in a Debian release.

usage: adapters_test.py SOURCE_DIR BUILD_DIR
"""
import importlib
import sys
import types

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import POLICY, daemon

from phaseguard import Signal
from phaseguard.torch import kl_penalty

SIGNALS = {"judge/score": Signal("1", 0.0, 1.0, every_steps=1), "train/loss": Signal("nats")}
B, T, H, V, LAMBDA = 4, 3, 6, 11, 2.0


def module(name, **content):
    made = types.ModuleType(name)
    made.__dict__.update(content)
    sys.modules[name] = made
    return made


class Accelerator:
    """Divides the loss by the micro-batches of a step."""
    is_main_process, num_processes, gradient_accumulation_steps = True, 1, 2

    def backward(self, loss):
        (loss / self.gradient_accumulation_steps).backward()


def a_batch():
    torch.manual_seed(1)
    model = torch.nn.Linear(H, V)
    return model, torch.randn(B, T, H), torch.randn(B, T, V), torch.ones(B, T)


def whole_gradient():
    model, inputs, reference, mask = a_batch()
    (LAMBDA * kl_penalty(model(inputs), reference, mask).value).backward()
    return model.weight.grad


def accelerate_scales_the_penalty_once(pg):
    from phaseguard.accelerate import Guard
    accelerator, (model, inputs, reference, mask) = Accelerator(), a_batch()
    guard = Guard(accelerator, "accelerate", signals=SIGNALS, knobs={"kl": (0.0, 4.0)}, endpoint=pg.endpoint)
    for n in range(4):
        plan = guard.begin_step(n, {"judge/score": guard.mean(0.9)}, wait=5.0)
        model.zero_grad()
        total = guard.total(mask.sum().item())
        for part in range(2):
            half = slice(2 * part, 2 * part + 2)
            penalty = kl_penalty(model(inputs[half]), reference[half], mask[half], total=total).value
            accelerator.backward(plan["kl"] * guard.scaled(penalty))
        guard.end_step(n + 1, {"train/loss": 1.0})
    assert plan["kl"] == LAMBDA and torch.allclose(model.weight.grad, whole_gradient(), atol=1e-6)
    guard.finish()
    assert pg.ctl("verify", pg.run_file("accelerate")).returncode == 0


class Trainer:
    """Lightning's order of events: global_step counts optimiser steps, the loss is divided by the micro-batches of a step."""
    is_global_zero, world_size, accumulate_grad_batches = True, 1, 2

    def __init__(self, callback):
        self.callback, self.global_step, self.should_stop = callback, 0, False

    def fit(self, training_step, optimizer, batches):
        self.callback.on_fit_start(self, None)
        for k, batch in enumerate(batches):
            self.callback.on_train_batch_start(self, None, batch, k)
            if k % 2 == 0:
                optimizer.zero_grad()
            loss = training_step(batch)
            (loss / self.accumulate_grad_batches).backward()
            if k % 2 == 1:
                self.global_step += 1
            self.callback.on_train_batch_end(self, None, {"loss": loss.detach()}, batch, k)
            if self.should_stop:
                break
        self.callback.on_fit_end(self, None)


def lightning_has_one_plan_a_step(_):
    module("lightning")
    module("lightning.pytorch", Callback=object)
    from phaseguard.lightning import Guard
    with daemon(POLICY.replace("latch = true", 'latch = true\nrequest = "stop"')) as pg:
        model, inputs, reference, mask = a_batch()
        plans = []

        def training_step(half):
            plans.append(guard.plan)
            penalty = kl_penalty(model(inputs[half]), reference[half], mask[half], total=guard.total(mask.sum().item())).value
            return guard.plan["kl"] * guard.scaled(penalty)

        guard = Guard("lightning", signals={"judge/score": SIGNALS["judge/score"]}, knobs={"kl": (0.0, 4.0)}, endpoint=pg.endpoint,
                      scores=lambda batch: {"judge/score": 0.9}, wait=5.0)
        trainer = Trainer(guard)
        trainer.fit(training_step, torch.optim.SGD(model.parameters(), 0.0), [slice(0, 2), slice(2, 4)] * 8)
        assert [plan.step for plan in plans] == [n // 2 for n in range(len(plans))], plans
        assert trainer.should_stop and len(plans) < 16 and guard.plan["kl"] == LAMBDA, (len(plans), guard.plan)
        rows = pg.ctl("export", pg.run_file("lightning")).stdout
        assert rows.count("train/loss,") == trainer.global_step, rows
        assert pg.ctl("verify", pg.run_file("lightning")).returncode == 0


def axolotl_gets_its_own_trainer_guarded(_):
    made = []
    module("axolotl")
    module("axolotl.integrations")
    module("axolotl.integrations.base", BasePlugin=object)
    module("axolotl.core")
    module("axolotl.core.trainers")

    class AxolotlTrainer:
        def __init__(self, *args, **more):
            self.given = args, more

    def guarded(trainer_class):
        class Guarded(trainer_class):
            def __init__(self, *args, guard, **more):
                super().__init__(*args, **more)
                self.guard = guard
        return Guarded

    module("axolotl.core.trainers.base", AxolotlTrainer=AxolotlTrainer)
    was = sys.modules.get("phaseguard.hf")
    module("phaseguard.hf", guarded=guarded, Guard=lambda **settings: made.append(settings) or "guard")
    try:
        plugin = importlib.import_module("phaseguard.axolotl").Plugin()
        assert plugin.get_trainer_cls({}) is None
        watched = plugin.get_trainer_cls({"phaseguard": {"run": "r", "every": 2}})
        assert not made, "the guard is made with the trainer"
        trainer = watched("model", args=1)
        assert isinstance(trainer, AxolotlTrainer) and trainer.guard == "guard" and trainer.given == (("model",), {"args": 1})
        assert made == [{"run": "r", "every": 2}]
        try:
            plugin.get_trainer_cls({"phaseguard": {"every": 2}})
        except ValueError as error:
            assert "expected run: NAME" in str(error), error
        else:
            raise AssertionError("a plugin without a run's name was taken")
    finally:
        del sys.modules["phaseguard.hf"]
        if was:
            sys.modules["phaseguard.hf"] = was


def what_is_not_installed_is_named(_):
    for name, said in (("lightning", "expected lightning or pytorch_lightning"), ("axolotl", "expected axolotl")):
        try:
            importlib.import_module(f"phaseguard.{name}")
        except ImportError as error:
            assert said in str(error) and "install" in str(error), error
        else:
            print(f"  {name} is installed here")


def main():
    with daemon() as pg:
        for test in (what_is_not_installed_is_named, accelerate_scales_the_penalty_once, lightning_has_one_plan_a_step,
                     axolotl_gets_its_own_trainer_guarded):
            test(pg)
            print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
