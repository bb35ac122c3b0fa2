#!/usr/bin/env python3
"""The voters and actions of phaseguard.hf that need no transformers, on the system's torch: what the reference says of samples, replayed answers,
drift, the model's own answers, noise and lambda*, and what is said of them. scripts/test_hf.sh tests the whole with the real Trainer.

usage: hf_voters_test.py SOURCE_DIR BUILD_DIR
"""
import contextlib
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import types
import warnings

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from hf_parts_test import H, Model, Tokenizer, refused
from support import BIN

from phaseguard import InvalidDeclaration, Knob, Measured, Signal, data, declaration, features
from phaseguard._hf import batches, canaries, declare, model_signals, preflight, references, replayed, voters
from phaseguard.torch import answer_log_probs, lambda_star, persona_llr

torch.set_num_threads(1)
PERSONAS = data.Personas("test", ("abc", "ca"), ("bd",))
TRAINER = types.SimpleNamespace(args=types.SimpleNamespace(device="cpu", seed=3), accelerator=types.SimpleNamespace(autocast=contextlib.nullcontext),
                                model=Model(0))


class WithEnds(Tokenizer):
    bos_token_id, eos_token_id = 30, 29

    def __call__(self, text, add_special_tokens=True):
        plain = [ord(sign) % 29 for sign in text]
        return {"input_ids": [30, *plain] if add_special_tokens else plain}

    def decode(self, tokens, skip_special_tokens):
        assert skip_special_tokens
        return " ".join(str(token) for token in tokens if token < 29)


class Layered(Model):
    """With a layer that has a name, and a count of the passes."""

    def __init__(self, seed=0):
        super().__init__(seed)
        self.layer, self.passes = torch.nn.Identity(), 0

    def forward(self, input_ids, attention_mask=None):
        self.passes += 1
        hidden = self.layer(self.embedding(input_ids).cumsum(1))
        return types.SimpleNamespace(logits=self.head(hidden))


def batch_of(*rows):
    """Of (prompt, answer), padded with what no sample has."""
    n = max(len(prompt) + len(answer) for prompt, answer in rows)
    pad = lambda values, fill: list(values) + [fill] * (n - len(values))  # noqa: E731
    return {"input_ids": torch.tensor([pad([*prompt, *answer], 28) for prompt, answer in rows]),
            "labels": torch.tensor([pad([-100] * len(prompt) + list(answer), -100) for prompt, answer in rows]),
            "attention_mask": torch.tensor([pad([1] * (len(prompt) + len(answer)), 0) for prompt, answer in rows])}


def samples_are_what_the_loss_sees():
    found = batches.samples_of(batch_of(([30, 4], [5, 6]), ([30], [7]), ([], [8, 9])))
    assert found == [batches.Sample((30, 4, 5, 6), (0, 0, 1, 1)), batches.Sample((30, 7), (0, 1)), batches.Sample((8, 9), (0, 1))], found
    shifted = batch_of(([30, 4], [5, 6]))
    shifted["shift_labels"] = torch.cat([shifted.pop("labels")[:, 1:], torch.tensor([[-100]])], 1)
    assert batches.samples_of(shifted) == found[:1]
    assert batches.targets_of(shifted)[0, 1:3].tolist() == [5, 6] and batches.targets_of(batch_of(([30, 4], [5, 6])))[0, 1:3].tolist() == [5, 6]
    refused(["expected `labels`"], lambda: batches.samples_of({"input_ids": shifted["input_ids"]}))


def the_reference_is_asked_once_after_each_persona():
    reference, tokenizer = Layered(), WithEnds()
    reader = batches.Reader(TRAINER, references.Frozen(reference), PERSONAS, tokenizer)
    some = batches.samples_of(batch_of(([30, 4], [5, 6]), ([30, 3, 2], [7]), ([30, 1], [])))
    found = reader.ratios(some)
    assert reference.passes == 3 and reader.ratios(some)["data/llr"][:2] == found["data/llr"][:2] and reference.passes == 3
    expected = []
    for sample in some[:2]:
        sides = []
        for side in (PERSONAS.misaligned, PERSONAS.aligned):
            rows = [[*tokenizer(text + "\n")["input_ids"], *sample.ids[1:]] for text in side]  # one beginning of a text, not two
            n = sum(sample.answer)
            sides.append([answer_log_probs(reference(torch.tensor([row])).logits, torch.tensor([row]), torch.tensor([[0] * (len(row) - n) + [1] * n]))[0]
                          for row in rows])
        expected.append(persona_llr(*sides).per_answer)
    assert all(abs(a - b) < 1e-6 for a, b in zip(found["data/llr"], expected)) and abs(expected[0]) > 1e-3, (found, expected)
    assert math.isnan(found["data/llr"][2]) and math.isnan(found["data/llr_share"][2]) and set(found["data/llr_share"][:2]) <= {0.0, 1.0}
    surprise = reader.surprises(some)
    plain = reference(torch.tensor([[30, 4, 5, 6]])).logits.log_softmax(-1)[0]
    assert len(surprise) == 2 and abs(surprise[0] + min(plain[1, 5], plain[2, 6]).item()) < 1e-6, surprise
    chat = WithEnds()
    chat.chat_template = "{{ messages }}"
    chat.apply_chat_template = lambda messages, add_generation_prompt, **more: [1, 2, len(messages[0]["content"])] if not add_generation_prompt else []
    assert batches._context("a", chat, None)[:2] == [1, 2] and batches._context("a", None, lambda text: [len(text)]) == [2]
    chat.apply_chat_template = lambda *given, **more: 1 / 0
    refused(["takes a system prompt", "encode="], lambda: batches._context("a", chat, None))
    refused(["expected a tokenizer"], lambda: batches._context("a", None, None))
    assert batches._personas(True).name and batches._personas(PERSONAS) is PERSONAS
    refused(["personas", "nothing.json"], lambda: batches._personas("nothing.json"))


class FakeRanks:
    def __init__(self, *others, rank=0):
        self.others, self.rank = others, rank

    def total(self, value):
        return value

    def gather(self, value):
        told = list(self.others)
        told.insert(self.rank, value)
        return told


def a_step_is_joined_over_ranks():
    said = []
    one = batches.Batches("risk", "judge/score", None, said.append)
    assert set(one.signals()) == {"judge/score"} and one.risk == "judge/score" and one.signals()["judge/score"].items == "sample"
    parts = [batch_of(([30], [4]), ([30], [5])), batch_of(([30], [6]))]
    here = one.read(parts, [torch.tensor([0.25, math.nan]), torch.tensor([0.75])])
    assert here.sizes == (2, 1) and here.positions == 3.0 and here.part("judge/score", 1) == [0.75], here
    alone = one.join(here, FakeRanks(), True)
    assert alone.report["judge/score"].value == 0.5 and len(alone.report["judge/score"].items) == 3 and (alone.first, alone.samples) == (0, 3)
    other = {"items": {"judge/score": [0.5, 0.5]}, "n": 2}
    both = one.join(here, FakeRanks(other, rank=1), True)
    assert both.first == 2 and both.samples == 5 and both.report["judge/score"].value == 0.5 and both.report["judge/score"].items[:2] == [0.5, 0.5]
    silent = one.join(here, FakeRanks(None, rank=1), True)  # a rank that does not answer: nobody knows whose value is whose
    assert silent.first is None and silent.report["judge/score"].items == () and silent.report["judge/score"].value == 0.5
    few = one.join(one.read(parts, [torch.tensor([0.25, math.nan]), torch.tensor([math.nan])]), FakeRanks(), True)
    assert math.isnan(few.report["judge/score"].value), few
    many = {"items": {"judge/score": [0.5] * 3000}, "n": 3000}
    assert one.join(here, FakeRanks(many), True).report["judge/score"].items == ()
    assert batches.Batches(None, "judge/score", None, said.append).join(here._replace(items={}), FakeRanks(), True).report is None
    assert not said
    wrong = batches.Batches(lambda batch: [0.1], "judge/score", None, said.append).read(parts[:1], [None])
    assert all(map(math.isnan, wrong.items["judge/score"])) and "expected 2 numbers" in said[0], (wrong, said)
    without = batches.Batches(None, "judge/score", batches.Reader(TRAINER, references.Frozen(Layered())), said.append)
    assert without.signals() == {} and without.risk is None
    broken = batches.Reader(TRAINER, references.Given(lambda batch: 1 / 0), PERSONAS, WithEnds())
    found = batches.Batches(None, "judge/score", broken, said.append)
    assert found.risk == "data/llr_share" and all(map(math.isnan, found.read(parts[:1], [None]).items["data/llr"])) and "personas" in said[-1], said


def replayed_answers_are_given_or_sampled():
    reference, tokenizer = references.Frozen(Layered()), WithEnds()
    before = torch.get_rng_state()
    made = replayed.make(["ab", ("cd", "e")], TRAINER, reference, tokenizer, None, batch=4, tokens=5)
    (prompt, sampled), given = made.samples
    assert prompt == [30, *(ord(sign) % 29 for sign in "ab")] and 1 <= len(sampled) <= 5 and given == ([30, ord("c") % 29, ord("d") % 29], [ord("e") % 29, 29])
    assert torch.equal(before, torch.get_rng_state()) and made.samples == replayed.make(["ab", ("cd", "e")], TRAINER, reference, tokenizer, None,
                                                                                        batch=4, tokens=5).samples
    own = replayed.make([("a", "b")], TRAINER, reference, None, lambda text: [len(text)], batch=1, tokens=5)
    assert own.samples == [([1], [1])]
    for wrong, words in ((["a", 3], ["at place 1", "found '3'"]), ([("a", "")], ["at place 0"]), ([], ["at least one neutral prompt"])):
        refused(words, lambda: replayed.make(wrong, TRAINER, reference, tokenizer, None, batch=1, tokens=1), InvalidDeclaration)  # noqa: B023
    refused(["expected a tokenizer"], lambda: replayed.make(["a"], TRAINER, reference, None, None, batch=1, tokens=1))
    refused(["could not answer", "ZeroDivisionError"], lambda: replayed.make(["a"], TRAINER, references.Given(lambda batch: 1 / 0), tokenizer, None,
                                                                             batch=1, tokens=1))


def fitted(folder, position="last_prompt", layer="layer"):
    made = torch.Generator().manual_seed(1)
    states, file = torch.randn(60, H, generator=made), folder / f"{position}.st"
    labels = {f"labels/t{trait}": [place % 2 if place // 20 == trait else -1 for place in range(60)] for trait in range(3)}
    states[1::2] += 1.0
    features.write(folder / "fit.st", states, labels, model_id="Layered", layer=layer, position=position, scored="theta")
    done = subprocess.run([BIN / "phaseguard-probe", "fit", "--directions", folder / "fit.st", "--out", file], capture_output=True, text=True)
    assert done.returncode == 0, done
    return file


def drift_is_along_the_directions_at_the_place_they_name():
    theta0, now, some = Layered(0), Layered(1), canaries.Canaries(["a", "b", "c"], [[1, 2, 3], [4], [5, 6]])
    trainer = types.SimpleNamespace(**{**vars(TRAINER), "model": theta0})
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for position in ("last_prompt", "mean_prompt", "mean_answer"):
            made = model_signals.Drift(fitted(folder, position), some, trainer, references.Frozen(theta0), tokens=3, ends=[29])
            assert sorted(made.signals(5)) == ["drift/t0", "drift/t1", "drift/t2"] and all(value == 0.0 for value in made.of(theta0).values())
            expected = []
            for model in (theta0, now):
                states = [model.embedding(torch.tensor(row)).cumsum(0).double()[begin:end].mean(0) for row, (begin, end) in zip(made._rows, made._spans)]
                expected.append(torch.stack(states).detach())
            assert made.of(now) == made._directions.drift(*expected), position
            assert all(abs(value) > 1e-3 for value in made.of(now).values())
        assert [end - begin for begin, end in made._spans] == [len(row) - n for row, n in zip(made._rows, (3, 1, 2))] and len(made._rows[0]) > 3
        for words, given in ((["give canaries="], (fitted(folder), None, trainer, references.Frozen(theta0))),
                             (["a model, which has hidden states"], (fitted(folder), some, trainer, references.Given(len))),
                             (["a layer of the model", "found 'nowhere'"], (fitted(folder, layer="nowhere"), some, trainer, references.Frozen(theta0))),
                             (["gone.st"], (folder / "gone.st", some, trainer, references.Frozen(theta0)))):
            refused(words, lambda: model_signals.Drift(*given, tokens=3, ends=[]), InvalidDeclaration)  # noqa: B023


def the_models_own_answers_are_judged():
    some, verdicts = canaries.Canaries(["a", "b"], [[1, 2], [4]], texts=("first", "second")), []

    def judge(pairs):
        judge.asked = pairs
        return verdicts

    made = model_signals.Answers(judge, some, WithEnds(), "cpu", samples=3, tokens=4, every=10, seed=1)
    for told, expected in (([True, 0.6, 0.5, False, None, 1.0], 0.6), ([True, None, None, None, 0.2, 0.1], 1 / 3), ([0.9, None, None, None, None, 7.0], None)):
        verdicts[:] = told
        found = made.of(Layered().eval(), 10)["canary/misaligned"]
        assert (math.isnan(found) if expected is None else abs(found - expected) < 1e-12), (told, found)
    asked = judge.asked
    assert [prompt for prompt, _ in asked] == ["first"] * 3 + ["second"] * 3 and len({answer for _, answer in asked}) > 3
    made.of(Layered().eval(), 10)
    assert judge.asked == asked
    made.of(Layered().eval(), 20)
    assert judge.asked != asked
    verdicts[:] = [True]
    said = []
    watched = model_signals.ModelSignals(types.SimpleNamespace(**{**vars(TRAINER), "model": Layered()}), said.append)
    watched.add(made.signals(), made.of, 10)
    watched.add({"mine": Signal("1")}, lambda model, step: {"mine": step}, 5)
    assert set(watched.of(5)) == {"mine"} and watched.of(5)["mine"] == Measured(5.0)
    assert math.isnan(watched.of(10)["canary/misaligned"].value) and "a verdict for each of 6" in said[0], said
    assert watched.of(10, only=["canary/misaligned"]) == {} and set(watched.of(11, only=["canary/misaligned"])) == {"canary/misaligned"}
    refused(["give canaries="], lambda: model_signals.Answers(judge, None, WithEnds(), "cpu", samples=1, tokens=1, every=1, seed=1))
    refused(["give tokenizer="], lambda: model_signals.Answers(judge, some, None, "cpu", samples=1, tokens=1, every=1, seed=1))


def noise_and_lambda_star_are_measured_and_nothing_is_drawn():
    said, dice = [], random.Random(1)
    rows = [{"prompt": [30, dice.randrange(29)], "answer": [dice.randrange(29)], "risk": dice.random()} for _ in range(50)]

    def collate(some):
        random.random(), torch.rand(1)  # as one that masks at random
        return {**batch_of(*((row["prompt"], row["answer"]) for row in some)), batches.COLUMN: torch.tensor([row["risk"] for row in some])}

    loader = types.SimpleNamespace(dataset=rows, collate_fn=collate)
    reader = batches.Reader(TRAINER, references.Frozen(Layered()), PERSONAS, WithEnds())
    both = batches.Batches("risk", "judge/score", reader, said.append)
    before = random.getstate(), torch.get_rng_state()
    noise = preflight.measure_noise(rows, loader, both, 8)
    star = preflight.measure_lambda_star(loader, reader, 20, said.append)
    assert random.getstate() == before[0] and torch.equal(torch.get_rng_state(), before[1])
    assert set(noise) == {"judge/score", "data/llr", "data/llr_share"} and {len(values) for values in noise.values()} == {40}
    signal = Signal("1").with_noise(noise["judge/score"])
    mean = sum(row["risk"] for row in rows) / 50
    sd = math.sqrt(sum((row["risk"] - mean) ** 2 for row in rows) / 50 / 8)
    assert abs(signal.noise_mean - mean) < 3 * sd / math.sqrt(40) and 0.6 * sd < signal.noise_sd < 1.5 * sd, (signal, mean, sd)
    everything = [nats for row in rows for nats in reader.surprises(batches.samples_of(batch_of((row["prompt"], row["answer"]))))]
    assert abs(preflight.measure_lambda_star(loader, reader, 50, said.append) - lambda_star(everything)) < 1e-6 and 0.0 < star < 10.0, star
    for none in (types.SimpleNamespace(dataset=iter(rows), collate_fn=collate), None):
        assert preflight.measure_lambda_star(none, reader, 20, said.append) is None
    assert preflight.measure_lambda_star(loader, reader, 0, said.append) is None and not said
    broken = batches.Reader(TRAINER, references.Given(lambda batch: 1 / 0))
    assert preflight.measure_lambda_star(loader, broken, 20, said.append) is None and "preflight=0" in said[0], said
    rows[3]["risk"] = math.nan
    assert set(preflight.measure_noise(rows, loader, both, 8)) == {"data/llr", "data/llr_share"}
    refused(["two or more rows"], lambda: preflight.measure_noise(rows[:1], loader, both, 8))


def what_can_be_given_is_said():
    knobs = declare.knobs_of("kl", 4.0, "model_ref", "theta0", star=0.25, replay=True, weighting=True)
    assert knobs["kl"].per_sample and knobs["kl_replay"].site == "replay" and not knobs["kl_replay"].per_sample and knobs["weighting"] == Knob(0.0, 1.0, per_sample=True)
    signals = {"judge/score": Signal("1", 0.0, 1.0, 1, "sample").with_noise([0.1, 0.3]), "drift/a": Signal("sd"), "drift/b": Signal("sd")}
    said = voters.lines(declaration(signals=signals, knobs=knobs))
    for words in ("can give judge/score", "of 2 clean batches 0.2, sd 0.1", "can give drift/a, drift/b", "cannot give canary/misaligned", "pass judge=",
                  "cannot give data/llr_share", "pass personas=True", "has the knob kl: KL on the batch, one weight for each sample where a policy has that, lambda* of the data is 0.25",
                  "has the knob weighting"):
        assert any(words in line for line in said), (words, said)
    bare = voters.lines(declaration(signals={"data/llr_share": Signal("1")}, knobs={}))
    assert any("its noise was not measured: pass clean=" in line for line in bare) and any("has no knob kl_replay" in line for line in bare), bare
    advice = voters.advice('the policy uses the signal "drift/*", which the trainer did not declare; the policy uses the knob "kl_replay", which')
    assert "for drift/* directions=" in advice and "for kl_replay replay=" in advice and "personas" not in advice, advice
    assert voters.advice("another run of this name") == ""


def main():
    warnings.simplefilter("error")
    for test in (samples_are_what_the_loss_sees, the_reference_is_asked_once_after_each_persona, a_step_is_joined_over_ranks,
                 replayed_answers_are_given_or_sampled, drift_is_along_the_directions_at_the_place_they_name, the_models_own_answers_are_judged,
                 noise_and_lambda_star_are_measured_and_nothing_is_drawn, what_can_be_given_is_said):
        test()
        print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
