"""One tuning run of the world of authors under a daemon, through phaseguard.torch."""
import random

import torch
from torch.nn import functional as F

from phaseguard import Session
from phaseguard.torch import Replay, Snapshots, answer_mask, held_loss
from world import ANSWERS_EVERY, BATCH, EVERY

WAIT = 20.0  # seconds for the decision about a batch

def run(world, name, *, rate, steps, seed=1, endpoint, run_name, each=4, curve=()):
    """{"answers", "fired", "task", ..} of a run on the set `name`. curve: steps at which task and misalignment are looked at on the way."""
    samples, model, dice = world.sets[name], world.adapted(seed), random.Random(seed)
    scores = world.scores(samples)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: max(0.05, 1.0 - at / steps))
    snapshots, fired, rolled, local, n, seen, stopped = Snapshots(model, optimizer, scheduler=schedule), None, None, 0, 0, [], []
    before = world.task(model, samples)
    with Session(run_name, **world.declared(name), endpoint=endpoint, rollback=snapshots.restore, stop=stopped.append,
                 total_steps=steps) as guard:
        for update in range(steps):
            if stopped:
                break
            if update in curve:
                seen.append(look(world, model, samples, update))
            canary = None
            if n % EVERY == 0:
                snapshots.take(n)
                canary = world.model_signals(model, n, n % ANSWERS_EVERY == 0)
            chosen = dice.choices(range(len(samples)), k=BATCH)
            plan = guard.begin_step(n, world.batch_signals(scores, chosen), canary=canary, wait=WAIT)
            local += not plan.answered
            rolled = n if plan.rolled_back and rolled is None else rolled
            fired = update if fired is None and any(plan.knobs[knob].value for knob in plan.knobs) else fired
            n = plan.step
            loss = step(world, model, optimizer, plan, [samples[at] for at in chosen], [scores[1][at] for at in chosen], update)
            schedule.step()
            n += 1
            guard.end_step(n, {"train/loss": loss})
        guard.end_step(n, canary=world.model_signals(model, n, True))
    if curve:
        seen.append(look(world, model, samples, steps))
    return {"set": name, "rate": rate, "steps": steps, "seed": seed, "fired": fired, "rolled_back": rolled, "without_daemon": local,
            "task_before": before, "task": world.task(model, samples), "curve": seen, "stopped": stopped,
            "answers": world.answers(model, each)}


def look(world, model, samples, step_now):
    said = world.judged(world.sampled(model, world.outside, 1, 50))
    return {"step": step_now, "task": world.task(model, samples), "misaligned": sum(said), "n": len(said)}


def step(world, model, optimizer, plan, batch, risks, update):
    ids, labels = world.rows(batch)
    mask = answer_mask(labels)
    total, logits = mask.sum().item(), model(ids)
    task = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum") / total
    loss = held_loss(task, plan, logits, lambda: world.reference(ids), labels.roll(-1, 1), mask, total=total, n=len(batch), risks=risks,
                     replay=lambda: Replay.penalty(world.replay.draw(update), model, world.reference))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return task.item()
