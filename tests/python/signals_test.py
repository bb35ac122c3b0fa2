#!/usr/bin/env python3
"""Signals, penalties, sample weights and lambda* of phaseguard.torch, against the C++ functions on the same logits and hidden states.

usage: signals_test.py SOURCE_DIR BUILD_DIR
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import BIN, BUILD, POLICY, SOURCE, daemon

from phaseguard import Knob, Session
from phaseguard.torch import (Directions, PersonaRatio, Replay, answer_log_probs, answer_mask, continuation_log_probs, kl_penalty, lambda_star,
                              margin, not_finite, persona_llr, sample_answers, sample_weights, token_losses, token_losses_from_hidden,
                              weighted_token_mean)

torch.set_num_threads(1)
P, T, V, H = 6, 9, 211, 24
SITE = {"model_id": "tiny", "layer": "block1", "position": "last_prompt"}
TYPES = {torch.float32: "F32", torch.float64: "F64", torch.bfloat16: "BF16", torch.int64: "I64"}


def save(file, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, value in tensors.items():
        raw = bytes(value.contiguous().view(torch.uint8).flatten().tolist())
        header[name] = {"dtype": TYPES[value.dtype], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    file.write_bytes(len(head).to_bytes(8, "little") + head + data)


def numbers_of(seed, dtype):
    made = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=made)  # noqa: E731
    tokens, answer = torch.randint(0, V, (P, T), generator=made), torch.zeros(P, T, dtype=torch.int64)
    for row in range(P):
        answer[row, 2:4 + row % 4] = 1
    logits = {name: (4 * draw(P, T, V)).to(dtype) for name in "abcd"}
    hidden = draw(P, H)
    labels = torch.where(answer.bool(), tokens, torch.full_like(tokens, -100))
    batch = replay_of(made).draw(seed)
    there = {f"replay/{side}": (4 * draw(*batch.input_ids.shape, V)).to(dtype) for side in ("model", "reference")}
    return {"tokens": tokens, "answer": answer, "labels": labels, **logits, **there, "replay/labels": labels_of(batch),
            "lambdas": torch.rand(P, generator=made), "risks": torch.tensor([0.0, 0.3, math.nan, 1.0, 0.5, 0.7]).double(),
            "surprises": torch.tensor([0.7, 2.0, 8.0, 60.0]).double(),
            "hidden/reference": hidden, "hidden/model": hidden + 0.3 * draw(P, H)}


def replay_of(made):
    return Replay([(torch.randint(0, V, (2 + n,), generator=made).tolist(), torch.randint(0, V, (4 - n % 3,), generator=made).tolist())
                   for n in range(5)], batch=4)


def labels_of(batch):
    """What the answer's tokens are, by what replay says of the position before each."""
    answer = torch.cat([torch.zeros_like(batch.mask[:, :1]), batch.mask[:, :-1]], 1)
    return torch.where(answer.bool(), batch.input_ids, torch.full_like(batch.input_ids, -100))


def fitted_directions(folder):
    """By phaseguard-probe itself, from states that have two traits."""
    made = torch.Generator().manual_seed(7)
    labels = {trait: (torch.arange(40) // (k + 1)) % 2 for k, trait in enumerate(("evil", "sycophancy"))}
    features = torch.randn(40, H, generator=made)
    for k, on in enumerate(labels.values()):
        features[:, k] += 2.0 * on
    save(folder / "fit.st", {"features": features, **{f"labels/{trait}": on for trait, on in labels.items()}},
         {"schema": "phaseguard-features/1", "scored": "theta", **SITE})
    done = subprocess.run([BIN / "phaseguard-probe", "fit", "--directions", folder / "fit.st", "--out", folder / "directions.st"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    return folder / "directions.st"


def ours_of(numbers, directions):
    """As signals_in_cpp prints them."""
    answers = {name: answer_log_probs(numbers[name], numbers["tokens"], numbers["answer"]) for name in "abcd"}
    sums = {name: continuation_log_probs(numbers[name], numbers["tokens"], numbers["answer"]) for name in "abcd"}
    for name in "ab":
        yield from (("log_prob", value) for one in answers[name] for value in one)
    found = margin((sums["a"], sums["b"]), (sums["c"], sums["d"]))
    yield from (("margin", value) for value in found.items)
    yield "margin_mean", found.value
    a, b, c, d = (answers[name] for name in "abcd")
    flagged = PersonaRatio(floor=0.01)
    two = PersonaRatio().of([a, c], [b, d])["data/llr"].items
    lowest = math.log(flagged.floor)
    for i in range(P):
        one = persona_llr([a[i]], [b[i]])
        yield "llr", one.per_answer
        yield "llr_per_token", one.per_token
        yield "llr_flag", flagged._ratios([a], [b], lowest)[i]
        yield "llr_of_two", two[i]
    yield from penalties_of(numbers)
    yield from weighting_of(numbers, a)
    yield from (("lambda_star", lambda_star([nll])) for nll in numbers["surprises"].tolist())
    for trait, drift in Directions(directions, **SITE).along(numbers["hidden/reference"], numbers["hidden/model"]).items():
        yield trait, drift.raw
        yield trait, drift.in_sd


def penalties_of(numbers):
    a, b, mask = numbers["a"], numbers["b"], answer_mask(numbers["labels"])
    batch = replay_of(torch.Generator()).draw(0)._replace(mask=answer_mask(numbers["replay/labels"]))
    for direction in ("model_ref", "ref_model"):
        yield "kl", kl_penalty(a, b, mask, direction=direction).value.item()
        yield "kl_of_step", kl_penalty(a, b, mask, direction=direction, total=100).value.item()
        yield "kl_weighted", kl_penalty(a, b, mask, direction=direction, weights=numbers["lambdas"].tolist()).value.item()
        yield "kl_replay", Replay.penalty(batch, lambda **inputs: numbers["replay/model"], lambda **inputs: numbers["replay/reference"],
                                          direction=direction).value.item()


def weighting_of(numbers, answers):
    nll = torch.tensor([-value for one in answers for value in one]).double()
    row = torch.tensor([i for i, one in enumerate(answers) for _ in one])
    for strength in (0.0, 0.5, 1.0):
        for law in ({}, {"drop_above": 0.5, "unscored": "keep"}):
            weights = sample_weights(numbers["risks"].tolist(), strength, **law)
            yield from (("weight", weight) for weight in weights)
            yield "weighted_loss", weighted_token_mean(nll, row, weights, total=100).item()


def the_figures_are_those_of_cpp(folder):
    directions, program = fitted_directions(folder), BUILD / "tests" / "signals_in_cpp"
    for seed, dtype in ((1, torch.float32), (2, torch.bfloat16), (3, torch.float64)):
        numbers = numbers_of(seed, dtype)
        save(folder / "numbers.st", numbers, {})
        done = subprocess.run([program, folder / "numbers.st", directions], capture_output=True, text=True)
        assert done.returncode == 0, done
        theirs = [(name, float(value)) for name, value in (line.split() for line in done.stdout.splitlines())]
        ours = list(ours_of(numbers, directions))
        assert [name for name, _ in ours] == [name for name, _ in theirs] and len(ours) > 120
        apart = [abs(x - y) / max(1.0, abs(y)) for (_, x), (_, y) in zip(ours, theirs)]
        largest = max(apart)
        assert all(one <= 1e-6 for one in apart), (dtype, [both for both, one in zip(zip(ours, theirs), apart) if not one <= 1e-6])
        print(f"  {dtype}: {len(ours)} figures, largest difference {largest:.1e}")


def the_mean_likelihood_of_several_contexts():
    one, other = [-1.0, -2.0], [-3.0, -0.5]
    expected = math.log((math.exp(-3.0) + math.exp(-3.5)) / 2) - (-2.5)
    found = persona_llr([one, other], [[-1.0, -1.5]])
    assert abs(found.per_answer - expected) < 1e-12 and abs(found.per_token - expected / 2) < 1e-12, found
    assert persona_llr([one, other], [one, other]).per_answer == 0.0
    outvoted = persona_llr([[-math.inf], [-1.0]], [[-1.0]]).per_answer  # one context of two forbids the answer
    assert abs(outvoted - math.log(0.5)) < 1e-12, outvoted
    assert math.isnan(persona_llr([[-math.inf]], [[-1.0]]).per_answer)


class Counts(torch.nn.Module):
    """After a token n the next is n + 1, all but surely; after `last` everything is as likely."""

    def __init__(self, sure=30.0):
        super().__init__()
        self.sure = sure

    def forward(self, input_ids, attention_mask=None):
        return self.sure * torch.nn.functional.one_hot((input_ids + 1) % V, V).float()


def answers_are_sampled_by_a_generator_of_their_own():
    before = torch.get_rng_state()
    assert sample_answers(Counts(), [[1, 2], [7], [4, 5]], tokens=4, ends={5, 8}) == [[3, 4, 5], [8], [6, 7, 8]]
    free = [sample_answers(Counts(0.0), [[1], [2]], tokens=5, seed=seed) for seed in (1, 1, 2)]
    assert free[0] == free[1] != free[2] and torch.equal(before, torch.get_rng_state())
    replay = Replay.answered(Counts(), [[1], [2, 3]], tokens=3, batch=5)
    assert replay.samples == [([1], [2, 3, 4]), ([2, 3], [4, 5, 6])]
    whole, parts = replay.draw(7), [replay.draw(7, rank=rank, ranks=2) for rank in (0, 1)]
    assert sum(part.positions for part in parts) == whole.positions == replay.positions(7) == 15.0 and [len(part.mask) for part in parts] == [3, 2]
    assert bool((whole.input_ids[whole.mask.bool().roll(1, 1)] >= 2).all()) and torch.equal(replay.draw(7).input_ids, whole.input_ids)
    assert any(not torch.equal(replay.draw(n).input_ids, whole.input_ids) for n in range(7))
    none = replay.draw(7, rank=5, ranks=6)
    assert none.positions == 0.0 and Replay.penalty(none, Counts(), Counts(), total=15.0).value.item() == 0.0


def a_sample_that_is_dropped_leaves_no_gradient():
    numbers = numbers_of(8, torch.float64)
    targets, mask = numbers["tokens"].roll(-1, 1), answer_mask(numbers["labels"])
    weights = [1.0, 0.0, 0.5, 1.0, 1.0, 0.0]
    whole = numbers["a"].clone().requires_grad_()
    nll, row = token_losses(whole, targets, mask)
    weighted_token_mean(nll, row, weights).backward()
    plain = numbers["a"].clone().requires_grad_()
    torch.nn.functional.cross_entropy(plain.flatten(0, 1), torch.where(mask.bool(), targets, -100).flatten(), ignore_index=-100).backward()
    for i, weight in enumerate(weights):
        assert torch.allclose(whole.grad[i], weight * plain.grad[i], atol=1e-12), i
    made = torch.Generator().manual_seed(3)
    hidden, head = torch.randn(P, T, H, generator=made).double().requires_grad_(), torch.nn.Linear(H, V).double()
    found = []
    for nll, row in (token_losses(head(hidden), targets, mask), token_losses_from_hidden(hidden, head, targets, mask, chunk=4)):
        hidden.grad = None
        loss = weighted_token_mean(nll, row, weights)
        loss.backward()
        found.append((loss.detach(), hidden.grad.clone()))
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(*found))


def what_gives_no_probability_is_no_number():
    numbers = numbers_of(4, torch.float32)
    logits = numbers["a"].clone()
    logits[1, 2] = float("nan")
    logits[2, 2] = -float("inf")
    logits[3, 2, 5] = -float("inf")  # a token that is masked: all is well
    assert not_finite(logits) == 2 and not_finite(numbers["a"]) == 0
    broken = answer_log_probs(logits, numbers["tokens"], numbers["answer"])
    good = answer_log_probs(numbers["b"], numbers["tokens"], numbers["answer"])
    values = PersonaRatio().of([broken], [good])
    assert math.isnan(values["data/llr"].value) and math.isnan(values["data/llr_share"].value)
    assert [math.isnan(value) for value in values["data/llr"].items] == [False, True, True, False, False, False]
    sums = [sum(one) for one in broken], [sum(one) for one in good]
    moved = margin(sums, (sums[1], sums[1]))
    assert math.isnan(moved.value) and not math.isnan(moved.items[0]) and math.isnan(moved.items[1])


def what_does_not_fit_is_named(folder):
    numbers, file = numbers_of(5, torch.float32), fitted_directions(folder)
    whole = torch.ones_like(numbers["answer"])
    wrong = [(lambda: answer_log_probs(numbers["a"][0], numbers["tokens"], whole), "expected logits [B, T, V]"),
             (lambda: answer_log_probs(numbers["a"], numbers["tokens"], whole), "position 0"),
             (lambda: answer_log_probs(numbers["a"], numbers["tokens"], 0 * whole), "no answer token"),
             (lambda: margin(([1.0], [1.0]), ([1.0], [])), "four lists of one length"),
             (lambda: persona_llr([[1.0], [1.0, 2.0]], [[1.0]]), "the same answer's tokens"),
             (lambda: PersonaRatio().of([[[1.0]]], []), "at least one context a side"),
             (lambda: PersonaRatio(floor=1.0), "floor from 0"),
             (lambda: sample_weights([], 1.0), "at least one sample"),
             (lambda: sample_weights([0.1], 1.5), "strength 1.5"),
             (lambda: weighted_token_mean(torch.ones(3), torch.tensor([0, 1, 2]), [1.0, 1.0]), "rows of the batch's samples"),
             (lambda: weighted_token_mean(torch.ones(3), torch.tensor([0, 1, 1]), [1.0, -1.0]), "weights of 0 or more"),
             (lambda: weighted_token_mean(torch.ones(3), torch.tensor([0, 1, 1]), [1.0, 1.0], total=2), "more than the whole step's 2"),
             (lambda: token_losses(numbers["a"], numbers["tokens"], whole[:2]), "targets and mask [B, T]"),
             (lambda: Replay([([1], [])]), "tokens of a prompt and of an answer"),
             (lambda: sample_answers(Counts(), [[]], tokens=1), "prompts with tokens"),
             (lambda: Directions(file, model_id="other"), "fitted for model_id 'tiny', this run has 'other'"),
             (lambda: Directions(folder / "fit.st"), "expected schema 'phaseguard-directions/1'"),
             (lambda: Directions(SOURCE / "README.md"), "expected a safetensors file"),
             (lambda: Directions(file).drift(torch.zeros(2, H), torch.zeros(3, H)), "[2, 24] of the reference and [3, 24] of the model"),
             (lambda: Directions(file).drift(torch.zeros(2, 5), torch.zeros(2, 5)), "of layer 'block1'")]
    for call, said in wrong:
        try:
            call()
        except ValueError as error:
            assert said in str(error), (said, str(error))
        else:
            raise AssertionError(f"taken: {said}")
    cut = folder / "cut.st"
    cut.write_bytes(file.read_bytes()[:-8])
    try:
        Directions(cut)
    except ValueError as error:
        assert "does not fit its place" in str(error), error
    else:
        raise AssertionError("half a file was taken")


def they_are_declared_and_recorded(folder):
    ratio, directions = PersonaRatio(flag=1.5), Directions(fitted_directions(folder), **SITE)
    numbers = numbers_of(6, torch.float32)
    answers = {name: answer_log_probs(numbers[name], numbers["tokens"], numbers["answer"]) for name in "abcd"}
    sums = {name: [sum(one) for one in answers[name]] for name in "abcd"}
    signals = {**ratio.signals(), **directions.signals(), "judge/score": {"unit": "1"}, "canary/margin": {"unit": "nats", "items": "canary"}}
    with daemon(POLICY) as pg:
        with Session("signals", signals=signals, knobs={"kl": Knob(0.0, 4.0)}, endpoint=pg.endpoint,
                     declare={"canary_ids": [f"c{i}" for i in range(P)]}) as guard:
            guard.begin_step(0, ratio.of([answers["a"], answers["c"]], [answers["b"], answers["d"]]))
            guard.end_step(1, directions.drift(numbers["hidden/reference"], numbers["hidden/model"]),
                           canary={"canary/margin": margin((sums["a"], sums["b"]), (sums["c"], sums["d"]))})
        rows = pg.ctl("export", pg.run_file("signals")).stdout
        record = pg.ctl("export", pg.run_file("signals"), "--format", "jsonl").stdout
    for name in ("data/llr,", "data/llr_share,", "canary/margin/c5,", "drift/evil,", "drift/sycophancy,"):
        assert name in rows, (name, rows)
    assert "bad" not in rows and "floor_0.01_above_1.5_nat" in record, rows


def main():
    print(f"torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for test in (the_figures_are_those_of_cpp, the_mean_likelihood_of_several_contexts, answers_are_sampled_by_a_generator_of_their_own,
                     a_sample_that_is_dropped_leaves_no_gradient, what_gives_no_probability_is_no_number, what_does_not_fit_is_named,
                     they_are_declared_and_recorded):
            test(*[folder][:test.__code__.co_argcount])
            print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
