#!/usr/bin/env python3
"""Two gloo ranks under the real daemon while one of them is stopped, comes late, is killed, or cannot go back.

usage: ranks_test.py SOURCE_DIR BUILD_DIR
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

try:
    import torch
    import torch.distributed as dist
except ImportError:
    print("SKIPPED: no torch for this Python")
    sys.exit(77)
from support import BUILD, POLICY, SOURCE, daemon, wait_for

from phaseguard import Knob, Session, Signal, ranks
from phaseguard.torch import Ranks

STEPS = 16
TIMEOUTS = {"rollback": 60.0, "random": 0.2}  # else 4 s: a machine that is busy is no rank that stalls
SIGNALS = {"judge/score": Signal("1", 0.0, 1.0, every_steps=1)}


def stop_myself():
    os.kill(os.getpid(), signal.SIGSTOP)


def late_with(session, step):
    """Rank 0 is stopped when it has its decision and nobody else knows of it."""
    inner = session.begin_step

    def begin_step(n, *args, **more):
        plan = inner(n, *args, **more)
        if n == step:
            stop_myself()
        return plan
    session.begin_step = begin_step


def stopped_before_concluding(board, round_of):
    inner = board.agree

    def agree(key, text):
        if round_of(key):
            stop_myself()
        return inner(key, text)
    board.agree = agree


def train(out, endpoint, rank, case):
    """A loop whose gradient is one all-reduce a step. One line a step: what holds, and how long begin_step took."""
    dist.init_process_group("gloo", init_method=f"file://{out}.init", rank=rank, world_size=2)
    if case == "store":
        sees = ranks._sees
        ranks._sees = lambda board, *one: isinstance(board, ranks._Store) and sees(board, *one)  # as on two machines
    if case == "rollback":
        find = lambda before: 0 if rank == 0 else 1  # noqa: E731: as of snapshots that were taken at other steps
        restore = lambda before: 1 / 0  # noqa: E731
    else:
        find = restore = None
    session = None
    if rank == 0:
        session = Session(case, signals=SIGNALS, knobs={"kl": Knob(0.0, 4.0)}, endpoint=endpoint, rollback=restore, wait=60.0)
        late_with(session, 9 if case in ("stops", "store") else -1)
    guard = Ranks(session, restore=restore, find=find, timeout=TIMEOUTS.get(case, 4.0))
    if rank == 0 and case == "stops":
        stopped_before_concluding(guard._board, lambda key: key == str(3 * 12 + 1))  # the plan of step 12: three rounds a step
    with open(f"{out}.{rank}", "w", buffering=1) as trace:
        for n in range(STEPS if case != "random" else 100000):
            if rank == 0 and case in ("stops", "store") and n == 6:
                stop_myself()
            if rank == 0 and case == "killed" and n == 6:
                os.kill(os.getpid(), signal.SIGKILL)
            score = guard.mean(0.9 if n >= 2 else 0.1, weight=1.0 + rank)
            began = time.monotonic()
            plan = guard.begin_step(n, {"judge/score": score}, wait=5.0)
            took = time.monotonic() - began
            total = guard.total(10.0 + rank)
            print(json.dumps([n, plan.step, plan["kl"], total, plan.rolled_back, plan.source, took]), file=trace)
            over = torch.tensor([float(os.path.exists(f"{out}.end"))])
            try:
                dist.all_reduce(over)
            except RuntimeError:  # the trainer's own: the other rank is gone
                break
            if over.item():
                break
    if session:
        session.finish()
    dist.destroy_process_group()  # gloo's threads must not outlive the interpreter: they end it with SIGABRT


def gather(out, endpoint, rank):
    """Once with both ranks, once with one that comes when the other has given up."""
    dist.init_process_group("gloo", init_method=f"file://{out}.init", rank=rank, world_size=2)
    session = Session("gather", signals=SIGNALS, knobs={"kl": Knob(0.0, 4.0)}, endpoint=endpoint, wait=60.0) if rank == 0 else None
    guard = Ranks(session, timeout=4.0)
    assert guard.rank == rank
    told = [guard.gather({"items": [10.0 + rank, float("nan")]})]
    if rank == 1:
        wait_for(lambda: os.path.exists(f"{out}.given_up"), "rank 0 does not give up", 120.0)
    told.append(guard.gather([rank]))
    pathlib.Path(f"{out}.given_up").touch()
    pathlib.Path(f"{out}.{rank}").write_text(json.dumps(told) + "\n")
    if session:
        session.finish()
    dist.barrier()
    dist.destroy_process_group()


class Pair:
    def __init__(self, pg, folder, case, **environment):
        self.out = pathlib.Path(folder) / case
        self.ranks = [subprocess.Popen([sys.executable, "-B", __file__, SOURCE, BUILD, "rank", self.out, pg.endpoint, str(rank), case],
                                       env={**os.environ, **environment}) for rank in (0, 1)]

    def trace(self, rank):
        file = pathlib.Path(f"{self.out}.{rank}")
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def until_other_is_at(self, step):
        wait_for(lambda: len(self.trace(1)) > step or any(one.poll() is not None for one in self.ranks), f"rank 1 is not at step {step}", 120.0)
        assert len(self.trace(1)) > step, self.trace(1)

    def goes_on(self, rank=0):
        self.ranks[rank].send_signal(signal.SIGCONT)

    def ended(self):
        assert [one.wait() for one in self.ranks] == [0, 0]
        traces = self.trace(0), self.trace(1)
        same = [[line[:5] for line in trace] for trace in traces]
        assert same[0] == same[1], [pair for pair in zip(*same) if pair[0] != pair[1]]
        return traces


def a_stall_of_rank_0_is_held_by_all(pg, folder, case="stops", **environment):
    pair = Pair(pg, folder, case, **environment)
    for step in (6, 9):
        pair.until_other_is_at(step)
        pair.goes_on()
    if case == "stops":
        pair.until_other_is_at(12)
        pair.goes_on()
    leader, follower = pair.ended()
    held = [n for n, *_, source, _ in follower if source == "hold"]
    assert held == [6, 9], held
    assert [n for n, *_, source, _ in leader if source == "hold"] == held
    assert all(line[2] == (2.0 if line[0] >= 3 else 0.0) for line in follower), follower
    assert all(line[3] == 21.0 for line in follower if line[0] not in (6, 9, 12)), follower
    assert follower[9][-1] >= 4.0, follower


def a_stall_is_held_over_a_tcp_store_too(pg, folder):
    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)  # of another process than rank 0, as torchrun's
    a_stall_of_rank_0_is_held_by_all(pg, folder, "store", MASTER_ADDR="localhost", MASTER_PORT=str(store.port))
    assert store.num_keys() <= 2 + 4 * ranks._KEPT, store.num_keys()


def a_rank_that_dies_is_not_waited_for(pg, folder):
    pair = Pair(pg, folder, "killed")
    assert pair.ranks[0].wait() == -signal.SIGKILL and pair.ranks[1].wait() == 0
    last = pair.trace(1)[-1]
    assert last[:3] == [6, 6, 2.0] and last[5] == "hold", last


def stops_at_random_never_let_them_differ(pg, folder):
    pair, draw = Pair(pg, folder, "random"), random.Random(12)
    wait_for(lambda: len(pair.trace(1)) > 5, "no step", 120.0)
    for _ in range(40):
        rank = draw.randrange(2)
        pair.ranks[rank].send_signal(signal.SIGSTOP)
        time.sleep(draw.uniform(0.0, 2.0) * TIMEOUTS["random"])
        pair.goes_on(rank)
        time.sleep(draw.uniform(0.0, 0.05))
    pathlib.Path(f"{pair.out}.end").touch()
    leader, follower = pair.ended()
    print(f"  40 stops, {sum(line[5] == 'hold' for line in follower)} of {len(follower)} steps held")
    values = [line[2] for line in leader]
    assert values == sorted(values), values


def all_ranks_are_told_the_same(pg, folder):
    pair = Pair(pg, folder, "gather")
    assert [one.wait() for one in pair.ranks] == [0, 0]
    said = [pathlib.Path(f"{pair.out}.{rank}").read_text() for rank in (0, 1)]
    assert said[0] == said[1] == '[[{"items": [10.0, NaN]}, {"items": [11.0, NaN]}], [[0], null]]\n', said


def a_rollback_is_all_or_none(_, folder):
    with daemon(POLICY.replace("latch = true", 'latch = true\nrequest = "rollback"')) as pg:
        leader, follower = Pair(pg, folder, "rollback").ended()
        assert not any(line[4] for line in leader + follower)
        said = pg.ctl("export", pg.run_file("rollback"), "--format", "jsonl").stdout
        assert "the ranks would go back to different steps" in said, said[-2000:]


def main():
    if sys.argv[3:4] == ["rank"]:
        torch.set_num_threads(1)
        if sys.argv[7] == "gather":
            return gather(sys.argv[4], sys.argv[5], int(sys.argv[6]))
        return train(sys.argv[4], sys.argv[5], int(sys.argv[6]), sys.argv[7])
    print(f"torch {torch.__version__}")
    with daemon() as pg, tempfile.TemporaryDirectory() as folder:
        for test in (a_stall_of_rank_0_is_held_by_all, a_stall_is_held_over_a_tcp_store_too, a_rank_that_dies_is_not_waited_for,
                     stops_at_random_never_let_them_differ, all_ranks_are_told_the_same, a_rollback_is_all_or_none):
            test(pg, folder)
            print(f"{test.__name__}: ok", flush=True)


if __name__ == "__main__":
    main()
