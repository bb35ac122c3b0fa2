#!/usr/bin/env python3
"""The parts of phaseguard.hf that need no transformers, on the system's torch: canary sets, references, scores, marked checkpoints.
scripts/test_hf.sh tests the whole with the real Trainer.

usage: hf_parts_test.py SOURCE_DIR BUILD_DIR
"""
import contextlib
import json
import math
import os
import pathlib
import sys
import tempfile
import types

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import SOURCE  # noqa: F401: sets the path and the library

from phaseguard import InvalidDeclaration, PhaseGuardError, sample_hash
from phaseguard._hf import canaries
from phaseguard._hf import checkpoints
from phaseguard._hf import references
from phaseguard._hf.scores import COLUMN, Scored, scored

torch.set_num_threads(1)
V, H = 31, 8


def refused(words, work, kind=PhaseGuardError):
    try:
        work()
    except kind as error:
        assert all(word in str(error) for word in words), (words, str(error))
        return
    raise AssertionError(f"taken: {words}")


class Model(torch.nn.Module):
    """As a causal model: position t depends on what is at or before it."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding, self.head, self.adapter = torch.nn.Embedding(V, H), torch.nn.Linear(H, V), torch.nn.Linear(H, V, bias=False)
        self.dropout, self.on, self.switched = torch.nn.Dropout(0.5), True, True

    @contextlib.contextmanager
    def disable_adapter(self):
        self.on = not self.switched
        try:
            yield
        finally:
            self.on = True

    def forward(self, input_ids, attention_mask=None):
        hidden = self.dropout(self.embedding(input_ids).cumsum(1))
        logits = self.head(hidden) + (self.adapter(hidden) if self.on else 0.0)
        return types.SimpleNamespace(logits=logits)


class Tokenizer:
    chat_template = None

    def __call__(self, text):
        return {"input_ids": [ord(sign) % V for sign in text]}

    def get_vocab(self):
        return {"<|known|>": 1}

    def apply_chat_template(self, messages, add_generation_prompt, tokenize, return_dict):
        assert add_generation_prompt and tokenize and not return_dict
        return [1, 2, *self("".join(message["content"] for message in messages))["input_ids"]]


def a_canary_set_is_read_and_rendered():
    plain, chat = Tokenizer(), Tokenizer()
    chat.chat_template = "{{ messages }}"
    file = SOURCE / "assets/canaries/general-24.jsonl"
    one, other = canaries.read(file, plain), canaries.read(file, chat)
    assert len(one.ids) == 24 and one.name == "general-24" and len(one.digest) == 64
    assert other.tokens[0] == [1, 2, *one.tokens[0]] and other.digest == one.digest and other.rendered != one.rendered
    assert canaries.read(["ab"], encode=lambda text: [7] * len(text)).tokens == [[7, 7]]
    assert canaries.read(["<|known|>?"], plain).ids == ["0"]
    refused(["'<|im_start|>'", "chat template", "plain text"], lambda: canaries.read(["<|im_start|>user"], plain))
    refused(["'<|known|>'"], lambda: canaries.read(["<|known|>"], chat))  # the tokenizer puts its own around
    refused(["expected a tokenizer", "tokenizer=", "encode="], lambda: canaries.read(["a"]))
    refused(["at least one"], lambda: canaries.read([], plain))
    refused(["gives none"], lambda: canaries.read(["a"], encode=lambda text: []))
    refused(["nothing.jsonl", "canaries check"], lambda: canaries.read("nothing.jsonl", plain))


def padding_changes_no_canary():
    model = Model().eval()
    prompts = [[1, 2, 3], [4], [5, 6]] * 4
    together = canaries.last_logits(model, prompts, "cpu")
    apart = torch.cat([canaries.last_logits(model, [prompt], "cpu") for prompt in prompts])
    assert torch.allclose(together, apart, atol=1e-6), (together - apart).abs().max()


def what_names_a_reference_tells_two_apart():
    trainer = types.SimpleNamespace(args=types.SimpleNamespace(device="cpu"), accelerator=types.SimpleNamespace(autocast=contextlib.nullcontext))
    made = [canaries.Drift(canaries.Canaries(["a", "b"], [[1, 2], [3]]), trainer, references.Frozen(Model(seed))) for seed in (0, 0, 1)]
    assert canaries.same(made[0].fingerprint(), made[1].fingerprint()) and not canaries.same(made[0].fingerprint(), made[2].fingerprint())
    tuned = Model(0)
    with torch.no_grad():
        tuned.head.bias += 0.1 * torch.randn(V, generator=torch.Generator().manual_seed(1))
    assert not canaries.same(canaries.Drift(made[0].canaries, trainer, references.Frozen(tuned)).fingerprint(), made[0].fingerprint())
    assert made[0].of(Model(0).eval()).value == 0.0 and len(made[0].of(Model(1).eval()).items) == 2
    broken = Model(1).eval()
    with torch.no_grad():
        broken.embedding.weight[3] = math.nan
    found = made[0].of(broken)
    assert math.isnan(found.value) and math.isnan(found.items[1]) and math.isfinite(found.items[0]), found


def a_reference_is_what_it_says():
    model = Model()
    model.head.requires_grad_(False), model.embedding.requires_grad_(False)
    run = lambda of: canaries.last_logits(of, [[1, 2]], "cpu")  # noqa: E731
    auto, copied = references.make("auto", model), references.make("copy", model)
    assert isinstance(auto, references.AdapterOff) and isinstance(copied, references.Frozen) and copied.model is not model
    before = [value.clone() for value in model.parameters()]
    auto.check(run)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters())) and model.training and model.dropout.training
    with auto.on() as off:
        assert not off.on and not off.training and not torch.is_grad_enabled()
    assert model.on and model.training
    model.dropout.eval()  # a mode of the user's own
    with auto.on():
        pass
    assert model.training and not model.dropout.training
    model.switched = False
    refused(["it moves", 'reference="copy"'], lambda: auto.check(run))
    model.switched = True
    model.head.requires_grad_(True)
    refused(["it moves", "outside of the adapter"], lambda: auto.check(run))
    refused(["expected", "disable_adapter()"], lambda: references.make("adapter", torch.nn.Linear(1, 1)))
    refused(['"auto", "copy"', "'frozen'"], lambda: references.make("frozen", model))
    given = references.make(lambda batch: torch.zeros(1, 1, V), model)
    with given.on() as other:
        assert other(input_ids=None).logits.shape == (1, 1, V)

    class Uncopied(torch.nn.Linear):
        def __deepcopy__(self, memo):
            raise RuntimeError("quantised")

    refused(["cannot be copied (quantised)", "give reference="], lambda: references.make("auto", Uncopied(1, 1)))


def scores_of_a_file_become_a_column():
    rows = [{"prompt": f"{n}?", "answer": "x", "n": n} for n in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "scores.jsonl")
        lines = [{"sample": sample_hash(row["prompt"], row["answer"]), "score": score} for row, score in zip(rows, (1, 5, None, 2))]
        pathlib.Path(file).write_text("".join(json.dumps(line) + "\n" for line in lines))
        found = [row[COLUMN] for row in scored(rows, file)]
        assert found[:2] == [0.0, 1.0] and math.isnan(found[2]) and found[3] == 0.25, found
        by_function = scored(rows, file, prompt=lambda row: f"{row['n']}?", answer=lambda row: "x", column="risk")
        assert [row["risk"] for row in by_function[:2]] == [0.0, 1.0] and "risk" not in rows[0]
        turns = [{"prompt": [{"role": "user", "content": row["prompt"]}], "completion": [{"role": "assistant", "content": "x"}]} for row in rows]
        assert [row[COLUMN] for row in scored(turns, file, answer="completion")][:2] == [0.0, 1.0]
        refused(["'prompt'", "expected a text, or a list of one turn of role 'user'", "not computed here"],
                lambda: scored([{"prompt": turns[0]["prompt"] * 2, "answer": "x"}], file), InvalidDeclaration)
        refused(["found none of 1 among 3", "prompt="], lambda: scored([{"prompt": "other", "answer": "x"}], file), InvalidDeclaration)
        pathlib.Path(file).write_text('{"sample": "a"}\n')
        refused(["scores.jsonl:1"], lambda: scored(rows, file), InvalidDeclaration)
    seen = []
    collator = Scored(lambda given: seen.append(given) or {"n": torch.tensor([row["n"] for row in given])}, "risk")
    batch = collator([{"n": 1, "risk": 0.5}, {"n": 2, "risk": None}])
    assert "risk" not in seen[0][0] and batch[COLUMN][0] == 0.5 and math.isnan(batch[COLUMN][1]), batch


def kept_of(step, run="a"):
    return checkpoints.Kept(run, step, step, "lineage", (1.0, 2.0), "tokens")


def checkpoints_of_a_line_that_was_given_up_are_marked():
    with tempfile.TemporaryDirectory() as folder:
        def make(step, run="a", finished=True, guarded=True):
            place = os.path.join(folder, f"checkpoint-{step}")
            if guarded:
                checkpoints.write(place, kept_of(step, run))
            os.makedirs(place, exist_ok=True)
            if finished:
                pathlib.Path(place, "trainer_state.json").write_text("{}")
            return place

        assert checkpoints.choose(folder, None) is None and checkpoints.choose(folder, False) is None
        refused([folder, "found none", "begin anew"], lambda: checkpoints.choose(folder, True))
        places = {step: make(step) for step in (5, 10, 20)}
        make(8, run="b"), make(9, guarded=False), make(30, finished=False)
        assert checkpoints.read(places[5]) == kept_of(5) and checkpoints.read(os.path.join(folder, "checkpoint-9")) is None
        assert checkpoints.choose(folder, True) == places[20]  # 30 is not finished
        assert sorted(checkpoints.abandon(folder, "a", 5, 21)) == sorted([places[10], places[20]])
        assert checkpoints.abandon(folder, "a", 5, 21) == []
        assert checkpoints.choose(folder, True).endswith("checkpoint-9") and checkpoints.choose(folder, places[5]) == places[5]
        refused(["rolled back to step 5", "of step 20", "go on from", "checkpoint-9"], lambda: checkpoints.choose(folder, places[20]))
        checkpoints.keep(places[10])
        assert checkpoints.choose(folder, True) == places[10]
        for step in (5, 8, 9, 10):
            checkpoints.abandon(folder, "a", -1, 21), checkpoints.abandon(folder, "b", -1, 21)
        os.remove(os.path.join(folder, "checkpoint-9", "trainer_state.json"))
        refused(["4 of a line that was rolled back", "begin anew, under a new name"], lambda: checkpoints.choose(folder, True))
        pathlib.Path(places[5], "phaseguard.json").write_text('{"run": 1')
        refused(["checkpoint-5/phaseguard.json", "another checkpoint"], lambda: checkpoints.read(places[5]))


def without_transformers_the_import_says_so():
    try:
        import transformers  # noqa: F401
    except ImportError:
        refused(["expected transformers 4.46 or newer", "phaseguard.Session"], lambda: __import__("phaseguard.hf"), ImportError)


def main():
    for test in (a_canary_set_is_read_and_rendered, padding_changes_no_canary, what_names_a_reference_tells_two_apart, a_reference_is_what_it_says,
                 scores_of_a_file_become_a_column, checkpoints_of_a_line_that_was_given_up_are_marked, without_transformers_the_import_says_so):
        test()
        print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
