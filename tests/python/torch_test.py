#!/usr/bin/env python3
"""phaseguard.torch on the system's torch: the penalty, the divergence, snapshots, and two ranks under the real daemon.

usage: torch_test.py SOURCE_DIR BUILD_DIR
"""
import copy
import math
import os
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import BUILD, POLICY, SOURCE, daemon

from phaseguard import Knob, Session, Signal
from phaseguard.torch import Ranks, Snapshots, answer_mask, js, kl_from_hidden, kl_penalty

torch.set_num_threads(1)
V, H = 97, 16
SIGNALS = {"judge/score": Signal("1", 0.0, 1.0, every_steps=1)}


def logits_of(seed, rows=(3, 7), dtype=torch.float32):
    made = torch.Generator().manual_seed(seed)
    hidden, other = (torch.randn(*rows, H, generator=made, dtype=dtype) for _ in range(2))
    weights, reference = (torch.randn(V, H, generator=made, dtype=dtype) for _ in range(2))
    mask = (torch.rand(*rows, generator=made) < 0.6).to(dtype)
    return hidden, other, weights, reference, mask


def the_penalty_is_the_formula_both_ways():
    hidden, other, weights, reference, mask = logits_of(1, dtype=torch.float64)
    model, ours = hidden @ weights.T, other @ reference.T
    p, q = model.softmax(-1), ours.softmax(-1)
    for direction, value in (("model_ref", (p * (p / q).log()).sum(-1)), ("ref_model", (q * (q / p).log()).sum(-1))):
        found = kl_penalty(model, ours, mask, direction=direction)
        assert abs(found.value.item() - (value * mask).sum().item() / mask.sum().item()) < 1e-12, direction
    weighted = kl_penalty(model, ours, mask, weights=[0.0, 1.0, 2.0])
    expected = ((p * (p / q).log()).sum(-1) * mask).sum(-1) @ torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64) / mask.sum()
    assert abs(weighted.value.item() - expected.item()) < 1e-12
    broken = ours.clone()
    broken[mask == 0] = float("nan")  # of padding
    assert kl_penalty(model, broken, mask).value.item() == kl_penalty(model, ours, mask).value.item()
    nothing = kl_penalty(model, ours, mask * 0)
    assert nothing.value.item() == 0.0 and math.isnan(nothing.measured)
    assert answer_mask(torch.tensor([[-100, 5, 6, -100]])).tolist() == [[1.0, 1.0, 0.0, 0.0]]


def linear_of(weights, bias):
    head = torch.nn.Linear(H, V, dtype=weights.dtype)
    head.load_state_dict({"weight": weights, "bias": bias})
    return head


def chunks_give_the_value_and_gradient_of_the_whole():
    hidden, other, weights, reference, mask = logits_of(2)
    made = torch.Generator().manual_seed(9)
    bias, forbidden = (torch.randn(V, generator=made) for _ in range(2))
    forbidden[3] = -math.inf  # as a trainer masks a token of the vocabulary
    largest = 0.0
    for lambdas, b, direction in ((None, bias, "model_ref"), ([0.5, 0.0, 2.0], bias, "ref_model"), (None, forbidden, "model_ref"),
                                  (None, forbidden, "ref_model")):
        theirs = linear_of(reference, b)
        results = []
        for way in ("whole", "linear", "any head"):
            h, head = hidden.clone().requires_grad_(), linear_of(weights, b)
            if way == "whole":
                found = kl_penalty(head(h), theirs(other), mask, weights=lambdas, direction=direction)
            else:
                of = head if way == "linear" else lambda x: head(x)  # noqa: B023
                found = kl_from_hidden(h, other, of, mask, reference_head=theirs, weights=lambdas, direction=direction, chunk=4)
            (3.0 * found.value).backward()
            results.append((found.value.detach(), torch.tensor(found.measured), h.grad, head.weight.grad, head.bias.grad))
        for whole, linear, any_head in zip(*results):
            assert bool(torch.isfinite(whole).all())
            for one in (linear, any_head):
                assert torch.allclose(whole, one, rtol=1e-5, atol=1e-5), (whole, one)
                largest = max(largest, (whole - one).abs().max().item())
    print(f"  largest difference of values and gradients: {largest:.1e}")
    empty = kl_from_hidden(hidden.clone().requires_grad_(), other, linear_of(weights, bias), mask * 0)
    assert empty.value.item() == 0.0 and math.isnan(empty.measured) and empty.positions == 0
    empty.value.backward()


def what_is_no_number_is_counted_and_not_added():
    hidden, other, weights, reference, mask = logits_of(6)
    head, theirs = linear_of(weights, torch.zeros(V)), linear_of(reference, torch.zeros(V))
    mask[0, 0] = mask[1, 1] = 1.0
    for broken in (other, hidden):
        kept = broken.clone()
        broken[0, 0], broken[1, 1] = math.nan, math.inf
        for of in (head, lambda x: head(x)):
            h = hidden.clone().requires_grad_()
            for found in (kl_penalty(head(h), theirs(other), mask), kl_from_hidden(h, other, of, mask, reference_head=theirs, chunk=4)):
                assert found.not_finite == 2 and found.value.item() == 0.0 and math.isnan(found.measured), found
                (found.value + 0.0 * head.weight.sum()).backward()
            assert bool(torch.isfinite(head.weight.grad).all())
        broken.copy_(kept)
    one, two = torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)
    two[..., 0] = -math.inf  # mass where the reference has none
    assert kl_penalty(one, two, torch.ones(1, 1)).not_finite == 1 and kl_penalty(two, one, torch.ones(1, 1)).not_finite == 0
    hidden, other, weights, reference, mask = logits_of(7)
    other[mask == 0] = math.nan  # of padding: counts nowhere, and reaches no gradient
    h = hidden.clone().requires_grad_()
    kl_penalty(head(h), theirs(other), mask).value.backward()
    assert bool(torch.isfinite(h.grad).all()) and bool((h.grad[mask > 0] != 0).any())


def micro_batches_add_up_to_the_step():
    hidden, other, weights, reference, mask = logits_of(3, dtype=torch.float64)
    gradients = []
    for parts in (1, 3):
        w = weights.clone().requires_grad_()
        for h, o, m in zip(hidden.chunk(parts), other.chunk(parts), mask.chunk(parts)):
            kl_penalty(h @ w.T, o @ reference.T, m, total=mask.sum().item()).value.backward()
        gradients.append(w.grad)
    assert torch.allclose(*gradients, rtol=0, atol=1e-12)


def the_kernel_and_torch_agree():
    hidden, _, weights, reference, _ = logits_of(4, rows=(5,))
    model, ours = hidden @ weights.T, hidden @ reference.T
    kernel, exact = js(model, ours), js(model.double(), ours.double())
    assert all(abs(a - b) < 2e-7 for a, b in zip(kernel, exact)), (kernel, exact)
    halves = js(model.bfloat16(), ours.bfloat16())
    expected = js(model.bfloat16().double(), ours.bfloat16().double())
    assert all(abs(a - b) < 2e-7 for a, b in zip(halves, expected)), (halves, expected)
    model[1, 3] = float("nan")
    assert math.isnan(js(model, ours)[1]) and js(model[:1], model[:1]) == [0.0]


def trained(steps, rolled_back=False):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(H, H), torch.nn.Dropout(0.3), torch.nn.Linear(H, 1))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    snapshots = Snapshots(model, optimizer, scheduler=scheduler, keep=3)

    def run(begin, end):
        for n in range(begin, end):
            if n % 2 == 0:
                snapshots.take(n)
            optimizer.zero_grad()
            model(torch.randn(4, H)).square().mean().backward()
            optimizer.step()
            scheduler.step()

    run(0, steps)
    if rolled_back:
        assert snapshots.steps == [0, 6, 8], snapshots.steps
        assert snapshots.restore(7) == 6 and snapshots.steps == [0, 6]
        run(6, steps)
        assert snapshots.restore(-1) == 0
        run(0, steps)
        try:
            Snapshots(model, optimizer).restore(5)
        except LookupError as error:
            assert "no snapshot" in str(error)
        else:
            raise AssertionError("restored what is not there")
    return [value.detach().clone() for value in model.parameters()]


def a_rollback_is_bit_for_bit():
    once, again = trained(10), trained(10, rolled_back=True)
    assert all(torch.equal(a, b) for a, b in zip(once, again))


def data_of(step):
    made = torch.Generator().manual_seed(step)
    return torch.randint(0, V, (8, 6), generator=made)


def loop(pg_endpoint, run, rank=0, ranks=1, micro=1, steps=8):
    """A plain loop in float64: `ranks` share each batch of 8, each in `micro` parts. Its lambda trace and weights."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(V, H), torch.nn.Linear(H, V)).double()
    reference = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    snapshots = Snapshots(model, optimizer)
    session = Session(run, signals=SIGNALS, knobs={"kl": Knob(0.0, 4.0)}, endpoint=pg_endpoint, rollback=snapshots.restore) if rank == 0 else None
    guard, trace = Ranks(session, restore=snapshots.restore), []
    n = 0
    while n < steps:
        snapshots.take(n)
        batch = data_of(n).chunk(ranks)[rank]
        score = guard.mean(0.95 if n >= 4 and 1 not in {s for _, _, s in trace} else 0.1, len(batch))
        plan = guard.begin_step(n, {"judge/score": score}, wait=5.0)
        trace.append((plan.step, plan["kl"], plan.segment))
        if plan.rolled_back:
            n = plan.step
            continue
        total = guard.total(float(batch.numel()))
        optimizer.zero_grad()
        for part in batch.chunk(micro):
            logits, mask = model(part), torch.ones(part.shape, dtype=torch.float64)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), part.roll(-1, 1).flatten(), reduction="sum") / total
            (loss + plan["kl"] * kl_penalty(logits, reference(part), mask, total=total).value).backward()
        if ranks > 1:
            for value in model.parameters():
                torch.distributed.all_reduce(value.grad)
        optimizer.step()
        n += 1
    if session:
        session.finish()
    return trace, [value.detach() for value in model.parameters()]


def rank_main(endpoint, run, rank, out):
    torch.distributed.init_process_group("gloo", init_method=f"file://{out}.init", rank=rank, world_size=2)
    torch.save(loop(endpoint, run, rank, 2), f"{out}.{rank}")
    torch.distributed.destroy_process_group()  # gloo's threads must not outlive the interpreter


def accumulation_and_ranks_change_nothing():
    with daemon(POLICY.replace("latch = true", 'latch = true\nrequest = "rollback"')) as pg, tempfile.TemporaryDirectory() as folder:
        results = [loop(pg.endpoint, f"micro-{micro}", micro=micro) for micro in (1, 2, 4)]
        out = os.path.join(folder, "rank")
        ranks = [subprocess.Popen([sys.executable, "-B", __file__, str(SOURCE), str(BUILD), "rank", pg.endpoint, "ranks", str(rank), out]) for rank in (0, 1)]
        assert [rank.wait() for rank in ranks] == [0, 0]
        results += [torch.load(f"{out}.{rank}") for rank in (0, 1)]
        trace, weights = results[0]
        assert {kl for _, kl, _ in trace} == {0.0, 2.0} and trace[-1][2] == 1, trace
        for other, theirs in results[1:]:
            assert other == trace, (other, trace)
            assert all(torch.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(weights, theirs))
        assert pg.ctl("verify", pg.run_file("ranks")).returncode == 0


def main():
    if sys.argv[3:4] == ["rank"]:
        return rank_main(sys.argv[4], sys.argv[5], int(sys.argv[6]), sys.argv[7])
    print(f"torch {torch.__version__}")
    for test in (the_penalty_is_the_formula_both_ways, chunks_give_the_value_and_gradient_of_the_whole,
                 what_is_no_number_is_counted_and_not_added, micro_batches_add_up_to_the_step,
                 the_kernel_and_torch_agree, a_rollback_is_bit_for_bit, accumulation_and_ranks_change_nothing):
        test()
        print(f"{test.__name__}: ok")


if __name__ == "__main__":
    main()
