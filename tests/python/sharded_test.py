#!/usr/bin/env python3
"""Models in pieces: what shards a model is named, what is not done with it is refused; snapshots and adapter-off under FSDP on two
gloo ranks, where the torch at hand can.

usage: sharded_test.py SOURCE_DIR BUILD_DIR
"""
import contextlib
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    import torch.distributed as dist
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import BUILD, SOURCE

from phaseguard import PhaseGuardError, Session
from phaseguard.torch import Ranks, Reference, Snapshots, Unsupported, check_penalty, sharding_of

torch.set_num_threads(1)
H, CANNOT = 8, 3


class FullyShardedDataParallel(torch.nn.Module):
    """The names that torch and DeepSpeed give their classes."""


class DeepSpeedEngine(torch.nn.Module):
    def __init__(self, stage):
        super().__init__()
        self.zero_optimization_stage = lambda: stage


class DTensor(torch.nn.Parameter):
    pass


class DeepSpeedZeroOptimizer_Stage3:
    pass


def model_with(parameter=None, part=None):
    model = torch.nn.Sequential(torch.nn.Linear(H, H))
    if parameter is not None:
        model.weight = parameter
    if part is not None:
        model.add_module("part", part)
    return model


def what_shards_a_model_is_named():
    partitioned = torch.nn.Parameter(torch.zeros(1))
    partitioned.ds_id = 0
    for model, optimizer, named in ((model_with(), None, None), (DeepSpeedEngine(3), None, "ZeRO-3"), (DeepSpeedEngine(2), None, "ZeRO-2"),
                                    (FullyShardedDataParallel(), None, "FSDP"), (model_with(part=FullyShardedDataParallel()), None, "FSDP"),
                                    (model_with(DTensor(torch.zeros(1))), None, "tensor parallelism"), (model_with(partitioned), None, "ZeRO-3"),
                                    (model_with(), DeepSpeedZeroOptimizer_Stage3(), "ZeRO-3")):
        assert sharding_of(model, optimizer) == named, (model, named)
        if named is None:
            continue
        refused = [lambda: Reference.frozen(model)] if optimizer is None else []  # noqa: B023
        if named != "FSDP":
            refused.append(lambda: Snapshots(model, optimizer))  # noqa: B023
        if named != "FSDP" and optimizer is None:
            refused.append(lambda: Reference.adapter_off(model))  # noqa: B023
        for call in refused:
            try:
                call()
            except Unsupported as error:
                assert isinstance(error, PhaseGuardError) and named in str(error) and "in shadow" in str(error), error
            else:
                raise AssertionError(f"{named} was taken")
    found = check_penalty(DeepSpeedEngine(3), lambda weight: weight, lambda: ())
    assert not found and "ZeRO-3" in found.words, found


class Adapted(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.up, self.on = torch.nn.Linear(H, H), torch.nn.Linear(H, H, bias=False), True
        torch.nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.body(x) + self.up(x) if self.on else self.body(x)

    @contextlib.contextmanager
    def disable_adapter(self):
        self.on = False
        try:
            yield
        finally:
            self.on = True


def sharded(rank, init):
    dist.init_process_group("gloo", init_method=f"file://{init}", rank=rank, world_size=2)
    try:
        from torch.distributed.fsdp import FullyShardedDataParallel as Fsdp
        model = Fsdp(Adapted(), device_id=torch.device("cpu"), use_orig_params=True)
        model(torch.zeros(2, H)).sum().backward()
    except Exception as error:  # of a torch that cannot
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        return CANNOT
    assert sharding_of(model) == "FSDP"
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    optimizer.zero_grad()
    snapshots, reference = Snapshots(model, optimizer), Reference.adapter_off(model)
    session = Session("fsdp", signals=["train/loss"], knobs={"kl": (0.0, 4.0)}, require=False, endpoint=f"ipc://{init}.none",
                      rollback=snapshots.restore) if rank == 0 else None
    guard, inputs = Ranks(session, restore=snapshots.restore), torch.randn(4, H, generator=torch.Generator().manual_seed(rank))
    found = reference.check(model, inputs)
    assert found and "agree" in found.words, found
    shards = {}

    def train(begin, end):
        for n in range(begin, end):
            snapshots.take(n)
            shards[n] = [p.detach().clone() for p in model.parameters()]
            assert guard.begin_step(n)["kl"] == 0.0
            model(inputs + torch.randn(4, H) * 0.1).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    torch.manual_seed(rank)
    train(0, 4)
    moved = reference.check_moved(model, inputs)
    assert moved, moved
    once = [p.detach().clone() for p in model.parameters()]
    whole = sum(p.numel() for p in Adapted().parameters())
    assert sum(p.numel() for p in once) < whole, "each rank has its own shards"
    decided = guard._restore_together(2)
    assert decided == {"restored": 2}, decided
    assert all(torch.equal(a, b) for a, b in zip(shards[2], model.parameters()))
    train(2, 4)
    assert all(torch.equal(a, b) for a, b in zip(once, model.parameters())), "the same steps again gave other weights"
    if rank == 1:
        del snapshots._kept[1], snapshots._kept[0]
    decided = guard._restore_together(1)
    assert "rank 1 cannot: no snapshot" in decided["cannot"], decided
    assert all(torch.equal(a, b) for a, b in zip(once, model.parameters()))
    guard.total(1.0)  # nobody leaves before the other is here
    return 0


def fsdp_on_two_ranks():
    with tempfile.TemporaryDirectory() as folder:
        ranks = [subprocess.Popen([sys.executable, "-B", __file__, SOURCE, BUILD, str(rank), pathlib.Path(folder) / "init"],
                                  stdout=subprocess.PIPE, text=True) for rank in (0, 1)]
        said = [rank.communicate()[0] for rank in ranks]
        codes = [rank.returncode for rank in ranks]
    if CANNOT in codes:
        print(f"  SKIPPED: torch {torch.__version__} has no FSDP on the CPU: {max(said, key=len).strip()}")
        return
    assert codes == [0, 0], said


def main():
    if len(sys.argv) > 3:
        code = sharded(int(sys.argv[3]), sys.argv[4])
        dist.destroy_process_group()  # gloo's threads must not outlive the interpreter
        return code
    print(f"torch {torch.__version__}")
    for test in (what_shards_a_model_is_named, fsdp_on_two_ranks):
        test()
        print(f"{test.__name__}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
