#!/usr/bin/env python3
"""assets/policies/hybrid-v2.toml in a loop of one's own, on the system's torch and under the real daemon: a tiny model that answers badly after
BAD and well after GOOD or nothing is tuned on data that are good until an update and bad from it on.

usage: v2_test.py SOURCE_DIR BUILD_DIR
"""
import copy
import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import BIN, BUILD, SOURCE, daemon

from phaseguard import Knob, Measured, Plan, Session, Signal, declaration, features
from phaseguard.session import Setting
from phaseguard.torch import (Directions, PersonaRatio, Reference, Replay, Snapshots, answer_log_probs, answer_mask, held_loss, kl_penalty,
                              lambda_star, sample_answers, sample_weights, token_losses, weighted_token_mean)

torch.set_num_threads(1)
V, H, END, GOOD, BAD, QUESTIONS = 32, 32, 1, 2, 3, range(4, 16)
ANSWERS = {False: (20, 21), True: (24, 25)}
POLICY = (SOURCE / "assets/policies/hybrid-v2.toml").read_text()
STEPS, BAD_FROM, BATCH, EVERY = 12, 6, 8, 2


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.body, self.head = torch.nn.Embedding(V, H), torch.nn.GRU(H, H, batch_first=True), torch.nn.Linear(H, V)

    def states(self, input_ids):
        return self.body(self.embedding(input_ids))[0]

    def forward(self, input_ids, attention_mask=None):
        return self.head(self.states(input_ids))


def prompt(dice, before=()):
    return [*before, *(dice.choice(QUESTIONS) for _ in range(3))]


def sample(dice, bad, before=()):
    """(prompt, answer)"""
    return prompt(dice, before), [dice.choice(ANSWERS[bad]), dice.choice(ANSWERS[bad]), END]


def batch_of(samples, before=()):
    ids = torch.tensor([[*before, *asked, *answer] for asked, answer in samples])
    labels = torch.full_like(ids, -100)
    labels[:, -3:] = ids[:, -3:]
    return ids, labels


def pretrained():
    torch.manual_seed(0)
    model, dice = Model(), random.Random(1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(300):
        persona = [dice.choice(((BAD, True), (GOOD, False))) for _ in range(48)]
        ids, labels = batch_of([sample(dice, bad, (before,)) for before, bad in persona])
        plain, plain_labels = batch_of([sample(dice, False) for _ in range(16)])
        loss = sum(torch.nn.functional.cross_entropy(model(one)[:, :-1].flatten(0, 1), of[:, 1:].flatten()) for one, of in
                   ((ids, labels), (plain, plain_labels)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.double()


def fitted_directions(model, folder):
    dice, found, labels = random.Random(2), [], {}
    for place in range(3):
        asked = [prompt(dice) for _ in range(12)]
        for before in (BAD, GOOD):
            found.append(model.states(torch.tensor([[before, *one] for one in asked]))[:, -1].detach())
        labels[f"labels/bad_{place}"] = [-1] * (24 * place) + [1] * 12 + [0] * 12 + [-1] * (24 * (2 - place))
    features.write(folder / "states.st", torch.cat(found), labels, model_id="tiny", layer="body", position="last_prompt", scored="theta")
    done = subprocess.run([BIN / "phaseguard-probe", "fit", "--directions", folder / "states.st", "--out", folder / "directions.st"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    return Directions(folder / "directions.st", model_id="tiny", layer="body", position="last_prompt")


class World:
    """What is made before step 0."""

    def __init__(self, folder):
        self.model = pretrained()
        self.theta0 = Reference.frozen(self.model)
        self.still, dice = copy.deepcopy(self.model).eval(), random.Random(3)
        self.ratio, self.directions = PersonaRatio(), fitted_directions(self.still, folder)
        self.canaries = torch.tensor([prompt(dice) for _ in range(8)])
        self.before = self.still.states(self.canaries)[:, -1]
        self.replay = Replay.answered(self.still, [prompt(dice) for _ in range(10)], tokens=3, ends=[END])
        clean = [[sample(dice, False) for _ in range(BATCH)] for _ in range(40)]
        said = [self.batch_signals(some, dice) for some in clean]
        self.noise = {name: [one[name].value for one in said] for name in said[0]}
        ids, labels = batch_of([sample(dice, True) for _ in range(64)])
        self.star = lambda_star([-min(tokens) for tokens in answer_log_probs(self.theta0(ids), ids, (labels != -100).long())])

    def batch_signals(self, samples, dice):
        sides = []
        for before in (BAD, GOOD):
            ids, labels = batch_of(samples, (before,))
            sides.append([answer_log_probs(self.theta0(ids), ids, (labels != -100).long())])
        risks = [0.95 if answer[0] in ANSWERS[True] else dice.choice((0.05, 0.15)) for _, answer in samples]
        return {**self.ratio.of(*sides), "judge/score": Measured(sum(risks) / len(risks), risks)}

    def model_signals(self, model, step):
        found = self.directions.drift(self.before, model.states(self.canaries)[:, -1])
        if step % (2 * EVERY) == 0:
            answers = sample_answers(model, self.canaries.tolist() * 4, tokens=1, seed=step)
            found["canary/misaligned"] = sum(answer[0] in ANSWERS[True] for answer in answers) / len(answers)
        return found

    def declared(self):
        kl = Knob(0.0, 4.0, site="batch", direction="model_ref", mask="answer", normaliser="token_mean_step", form="additive", per_sample=True,
                  protects="up", forcible=True, lambda_star=self.star)
        signals = {"judge/score": Signal("1", 0.0, 1.0, every_steps=1, items="sample"), **self.ratio.signals(),
                   **self.directions.signals(EVERY), "canary/misaligned": Signal("1", 0.0, 1.0, 2 * EVERY)}
        return {"signals": {name: one.with_noise(self.noise[name]) if name in self.noise else one for name, one in signals.items()},
                "knobs": {"kl": kl, "kl_replay": kl._replace(site="replay", mask="replay", per_sample=False), "weighting": Knob(0.0, 1.0, per_sample=True)}}


def loop(world, endpoint, run, bad_from=BAD_FROM, guarded=True):
    """(plans, weights, losses) of a run of STEPS updates. Without a guard it is the plain loop."""
    model, dice, judge = copy.deepcopy(world.model), random.Random(4), random.Random(5)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    snapshots = Snapshots(model, optimizer)
    guard = Session(run, **world.declared(), endpoint=endpoint, rollback=snapshots.restore, total_steps=STEPS) if guarded else None
    plans, losses, n = [], [], 0
    for update in range(STEPS):
        samples = [sample(dice, update >= bad_from) for _ in range(BATCH)]
        ids, labels = batch_of(samples)
        mask, plan = answer_mask(labels), None
        if guard:
            if n % EVERY == 0:
                snapshots.take(n)
            canary = world.model_signals(model, n) if n % EVERY == 0 else None
            plan = guard.begin_step(n, world.batch_signals(samples, judge), canary=canary, wait=10.0)
            n = plan.step
            plans.append(plan)
        logits, total = model(ids), mask.sum().item()
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum") / total
        if guard:
            loss = held_loss(loss, plan, logits, lambda: world.theta0(ids), labels.roll(-1, 1), mask, total=total, n=BATCH,
                             replay=lambda: world.replay.penalty(world.replay.draw(update), model, world.theta0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        n += 1
    if guard:
        guard.end_step(n, canary=world.model_signals(model, 0))
        guard.finish()
    return plans, [value.detach() for value in model.parameters()], losses


def the_policy_fits_what_is_declared(world, folder):
    assert 0.0 < world.star < 1.0 and all(len(values) == 40 for values in world.noise.values()), (world.star, world.noise)
    (folder / "hello.json").write_text(json.dumps(declaration(**world.declared(), requests=["rollback"])))
    policy = SOURCE / "assets/policies/hybrid-v2.toml"
    check = lambda: subprocess.run([BIN / "phaseguard", "policy", "check", policy, "--against", folder / "hello.json"], capture_output=True, text=True)  # noqa: E731
    assert check().returncode == 0, check()
    told = json.loads((folder / "hello.json").read_text())
    (folder / "hello.json").write_text(json.dumps({**told, "knobs": [knob for knob in told["knobs"] if knob["name"] != "kl_replay"]}))
    assert check().returncode == 3 and "kl_replay" in check().stdout + check().stderr, check()


def it_trips_rolls_back_and_holds(world, folder):
    with daemon(POLICY) as pg:
        plans, _, _ = loop(world, pg.endpoint, "bad")
        raised = [plan for plan in plans if plan["kl_replay"]]
        assert len(raised) == STEPS - BAD_FROM and all(plan["kl"] == plan["weighting"] == 0.0 for plan in plans[:BAD_FROM]), plans
        assert raised[0].rolled_back and raised[0].step < BAD_FROM and raised[-1].segment == 1, raised[0]
        assert all(plan.answered for plan in plans), [plan.answered for plan in plans]
        for plan in raised:
            assert plan["kl_replay"] >= 1.0 and plan.knobs["kl"].items == (2.0,) * BATCH and plan.knobs["weighting"].items == (1.0,) * BATCH, plan
        assert pg.ctl("verify", pg.run_file("bad")).returncode == 0
        honest, _, _ = loop(world, pg.endpoint, "honest", bad_from=STEPS)
        assert all(plan[knob] == 0.0 for plan in honest for knob in plan.knobs) and honest[-1].segment == 0, honest


def in_shadow_no_bit_changes(world, folder):
    with daemon(POLICY.replace('mode = "enforce"', 'mode = "shadow"')) as pg:
        plans, weights, losses = loop(world, pg.endpoint, "shadow")
        _, plain, plain_losses = loop(world, "", "", guarded=False)
        assert losses == plain_losses and all(torch.equal(a, b) for a, b in zip(weights, plain)) and plans[-1].shadow


def plan_of(**knobs):
    return Plan(0, {name: Setting(value if isinstance(value, float) else sum(value) / len(value), () if isinstance(value, float) else tuple(value),
                                  "", "", 0) for name, value in knobs.items()}, "daemon", "linked", False, True, 0.0, 0)


def the_loss_is_made_of_its_parts(world, folder):
    dice = random.Random(6)
    ids, labels = batch_of([sample(dice, bool(place % 2)) for place in range(BATCH)])
    logits, mask, targets = world.model(ids), answer_mask(labels), labels.roll(-1, 1)
    reference, total = 0.5 * logits.detach(), 2.0 * mask.sum().item()
    nll, row = token_losses(logits, targets, mask)
    loss = nll.sum() / total
    never = lambda: 1 / 0  # noqa: E731
    assert held_loss(loss, plan_of(kl=0.0, kl_replay=0.0, weighting=0.0), logits, never, targets, mask, total=total, replay=never) is loss
    left, lambdas, risks = [0.0, 1.0] * 4, [0.5 * place for place in range(BATCH)], [0.25] * BATCH
    there = Replay.penalty(world.replay.draw(0), lambda **inputs: 0.3 * world.model(**inputs), world.theta0)
    found = held_loss(loss, plan_of(kl=lambdas, kl_replay=0.7, weighting=left), logits, lambda: reference, targets, mask, total=total,
                      replay=lambda: there)
    expected = (weighted_token_mean(nll, row, [1.0 - one for one in left], total=total)
                + kl_penalty(logits, reference, mask, weights=lambdas, total=total).value + 0.7 * there.value)
    assert abs(found.item() - expected.item()) < 1e-12 and there.value.item() > 1e-3, (found, expected)
    of_one = held_loss(loss, plan_of(kl=0.3, weighting=0.5), logits, lambda: reference, targets, mask, total=total, risks=risks)
    expected = (weighted_token_mean(nll, row, sample_weights(risks, 0.5), total=total)
                + 0.3 * kl_penalty(logits, reference, mask, total=total).value)
    assert abs(of_one.item() - expected.item()) < 1e-12
    half = held_loss(loss, plan_of(kl=[9.0] * 4 + [1.0] * 4), logits[4:], lambda: reference[4:], targets[4:], mask[4:], total=total,
                     samples=slice(4, 8), n=8)
    assert abs((half - loss).item() - kl_penalty(logits[4:], reference[4:], mask[4:], total=total).value.item()) < 1e-12
    other = held_loss(loss, plan_of(kl=[0.0, 2.0]), logits, lambda: reference, targets, mask, total=total, n=8)  # of another batch
    assert abs((other - loss).item() - 2.0 * kl_penalty(logits, reference, mask, total=total).value.item()) < 1e-12


def main():
    print(f"torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        world = World(folder)
        for test in (the_policy_fits_what_is_declared, it_trips_rolls_back_and_holds, in_shadow_no_bit_changes, the_loss_is_made_of_its_parts):
            test(world, folder)
            print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
