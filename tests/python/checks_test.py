#!/usr/bin/env python3
"""The self-tests of the first step: a penalty that is scaled, signed or directed otherwise, references that are none, and that a trial
leaves no trace.

usage: checks_test.py SOURCE_DIR BUILD_DIR
"""
import contextlib
import sys

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
import support  # noqa: F401: where the package is

from phaseguard.torch import CachedLogProbs, Reference, answer_mask, check_penalty, check_tokenizers, kl_penalty

torch.set_num_threads(1)
V, H, B, T = 61, 16, 4, 6


class Adapted(torch.nn.Module):
    """The contract of a PeftModel: `disable_adapter()`; the adapter starts at 0."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.body, self.drop = torch.nn.Embedding(V, H), torch.nn.Linear(H, H), torch.nn.Dropout(0.2)
        self.norm, self.head = torch.nn.BatchNorm1d(H), torch.nn.Linear(H, V)
        self.requires_grad_(False)
        self.down, self.up, self.on = torch.nn.Linear(H, 4, bias=False), torch.nn.Linear(4, H, bias=False), True
        torch.nn.init.zeros_(self.up.weight)

    def forward(self, tokens):
        hidden = self.norm(self.body(self.drop(self.embedding(tokens))).flatten(0, 1)).view(*tokens.shape, H)
        if self.on:
            hidden = hidden + 8.0 * self.up(self.down(hidden))
        return self.head(torch.tanh(hidden))

    @contextlib.contextmanager
    def disable_adapter(self):
        self.on = False
        try:
            yield
        finally:
            self.on = True


def batch():
    made = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, V, (B, T), generator=made)
    return tokens, answer_mask(tokens)


def trainer(model, wrong):
    """A trainer's loss and what it says of it; `wrong` changes what it computes."""
    reference, (tokens, mask) = Reference.adapter_off(model), batch()

    def loss(weight):
        logits, theirs = model(tokens), reference(tokens)
        ce = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.roll(-1, 1).flatten())
        masked = mask.roll(2, 1) if wrong == "mask" else mask
        direction = "ref_model" if wrong == "direction" else "model_ref"
        penalty = kl_penalty(logits.detach() if wrong == "detached" else logits, theirs, masked, direction=direction).value
        scale = {"micro-batches": 0.25, "ranks": 0.5, "sign": -1.0, "averaged": 2.0}.get(wrong, 1.0)
        if wrong == "raises":
            raise KeyError("labels")
        return ce + weight * scale * penalty

    return loss, lambda: (model(tokens), reference(tokens), mask)


def a_penalty_that_is_not_what_is_declared_is_found():
    expected = {"": (True, "acts at 1 of"), "micro-batches": (False, "acts at 0.25 of what is declared: it is scaled otherwise"),
                "ranks": (False, "acts at 0.5 of"), "sign": (False, "its sign is wrong"), "direction": (False, "the other direction"),
                "mask": (False, "of another mask"), "detached": (False, "does not change with lambda"), "raises": (False, "could not be run"),
                "averaged": (False, "acts at 2 of")}
    for wrong, (ok, said) in expected.items():
        model = Adapted()
        found = check_penalty(model, *trainer(model, wrong))
        assert found.ok is ok and said in found.words, (wrong, found)
        print(f"  {wrong or 'as declared'}: {found.words}")
    model = Adapted()
    assert check_penalty(model, *trainer(model, "averaged"), averaged_over=2)
    tokens, mask = batch()
    reference = Reference.adapter_off(model)
    half = lambda: (model(tokens[:2]), reference(tokens[:2]), mask[:2])  # noqa: E731: one of two micro-batches
    n = float(mask.sum())
    good = check_penalty(model, lambda w: model(tokens[:2]).mean() + w * kl_penalty(*half(), total=n).value, half, total=n)
    bad = check_penalty(model, lambda w: model(tokens[:2]).mean() + w * kl_penalty(*half()).value, half, total=n)
    assert good and not bad and abs(bad.value - 2.0) < 0.01, (good, bad)


def weights(model, optimizer):
    return [*model.state_dict().values(), *(value for state in optimizer.state_dict()["state"].values() for value in state.values()),
            torch.get_rng_state()]


def trained(checked):
    model = Adapted()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    loss, logits = trainer(model, "")
    for n in range(4):
        if checked and n == 0:
            assert check_penalty(model, loss, logits)
            assert Reference.adapter_off(model).check(model, batch()[0])
        if checked and n == 1:
            assert Reference.adapter_off(model).check_moved(model, batch()[0])
        loss(0.5).backward()
        optimizer.step()
        optimizer.zero_grad()
    return weights(model, optimizer)


def a_trial_leaves_no_trace():
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(trained(False), trained(True)))
    model = Adapted()
    loss, logits = trainer(model, "")
    loss(1.0).backward()
    model.body.eval()
    before = [p.grad.clone() for p in model.parameters() if p.requires_grad], [m.training for m in model.modules()]
    check_penalty(model, loss, logits)
    assert all(torch.equal(p.grad, was) for p, was in zip((p for p in model.parameters() if p.requires_grad), before[0]))
    assert [m.training for m in model.modules()] == before[1]


def a_reference_is_checked():
    tokens, _ = batch()
    model = Adapted()
    for reference in (Reference.adapter_off(model), Reference.frozen(model)):
        found = reference.check(model, tokens)
        assert found and "agree" in found.words, found
        same = reference.check_moved(model, tokens)
        assert not same and "after an update model and reference are the same" in same.words, same
    frozen = Reference.frozen(model)
    torch.nn.init.normal_(model.up.weight, std=0.1)
    assert frozen.check_moved(model, tokens) and Reference.adapter_off(model).check_moved(model, tokens)
    found = frozen.check(model, tokens)
    assert not found and "an adapter that does not start at 0" in found.words, found
    assert frozen.check(model, tokens, starts_equal=False)
    wide = Adapted().double()
    torch.nn.init.normal_(wide.up.weight, std=0.1)
    other = Reference.frozen(model).check(wide, tokens)
    assert not other and "torch.float64, the reference's torch.float32" in other.words, other
    model.head = torch.nn.Linear(H, V + 1)
    found = frozen.check(model, tokens)
    assert not found and "[4, 6, 62]" in found.words and "[4, 6, 61]" in found.words, found
    try:
        Reference.adapter_off(torch.nn.Linear(1, 1))
    except TypeError as error:
        assert "disable_adapter()" in str(error) and "found Linear" in str(error), error
    else:
        raise AssertionError("an adapter that cannot be switched off was taken")
    stuck = Adapted()
    stuck.disable_adapter = contextlib.nullcontext  # switches nothing
    torch.nn.init.normal_(stuck.up.weight, std=0.1)
    found = Reference.adapter_off(stuck).check_moved(stuck, tokens)
    assert not found and "cannot be switched off" in found.words, found


def cached_log_probabilities_are_the_reference():
    model, (tokens, mask) = Adapted().eval(), batch()
    keys, cache, reference = [f"s{i}" for i in range(B)], CachedLogProbs(V), Reference.frozen(model)
    cache.add(keys, reference(tokens))
    torch.nn.init.normal_(model.up.weight, std=0.1)
    logits = model(tokens)
    exact, cached = kl_penalty(logits, reference(tokens), mask), kl_penalty(logits, cache.of(keys, logits), mask)
    assert abs(exact.value.item() - cached.value.item()) < 1e-6 and exact.measured > 1e-3, (exact, cached)
    for wrong, said in ((lambda: cache.of(["s0", "x"], logits[:2]), "'x'"), (lambda: cache.of(keys, logits[:, :3]), "[6, 61]"),
                        (lambda: cache.of(keys, logits[..., :9]), "found [4, 6, 9]")):
        try:
            wrong()
        except (KeyError, ValueError) as error:
            assert said in str(error), error
        else:
            raise AssertionError(f"taken: {said}")


class Tokenizer:
    def __init__(self, words, template=None):
        self.words, self.chat_template = words, template

    def get_vocab(self):
        return {word: number for number, word in enumerate(self.words)}


def tokenizers_are_compared():
    ours = Tokenizer("abc", "T1")
    assert check_tokenizers(ours, Tokenizer("abc", "T1"))
    for other, said in ((Tokenizer("abcd", "T1"), "has 3 tokens, the reference's 4"), (Tokenizer("acb", "T1"), "token 'b' is 1"),
                        (Tokenizer("abc", "T2"), "chat templates"), (None, "could not be run")):
        found = check_tokenizers(ours, other)
        assert not found and said in found.words, found


def main():
    print(f"torch {torch.__version__}")
    for test in (a_penalty_that_is_not_what_is_declared_is_found, a_trial_leaves_no_trace, a_reference_is_checked,
                 cached_log_probabilities_are_the_reference, tokenizers_are_compared):
        test()
        print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
