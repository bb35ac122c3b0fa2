"""One Session for all ranks of a training: rank 0 speaks with the daemon, and all do the same at every step.

Whatever the ranks have to agree on is a *round*: each posts what it knows, waits at most `timeout` seconds for the others, and then
concludes. The first conclusion that is written down wins, and every rank takes it, also one that was stopped meanwhile and comes late.
So no two ranks ever hold another value at one step, and none waits for a rank that is gone. Rounds are no collectives: they touch no
process group of the trainer's and no device. They are files of one folder where all ranks see it (ranks of one machine), else keys of
torch's TCP store; torchrun keeps that one outside of rank 0.
"""
import atexit
import json
import math
import os
import queue
import shutil
import tempfile
import threading
import time
import warnings
import weakref
from datetime import timedelta
from typing import Callable, Dict, List, Optional, Sequence

import torch.distributed as dist

from .session import Plan, Session, Setting

_KEPT = 64  # rounds: a rank is never so far behind, because each update has the ranks wait for each other
_HOLD = {"hold": True}
_NOBODY = "-"  # of a key that nobody has written


class _Files:
    """What is posted, and what was first to be concluded, as files of a folder that all ranks see."""

    def __init__(self, folder: str, rank: int):
        self._folder, self._mine = folder, os.path.join(folder, f"writing-{rank}")

    def post(self, key: str, text: str) -> None:
        self._write(text)
        os.replace(self._mine, os.path.join(self._folder, key))

    def read(self, key: str) -> Optional[str]:
        try:
            with open(os.path.join(self._folder, key)) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def agree(self, key: str, text: str) -> str:
        """`text`, or what another rank wrote under this key before: a link to a finished file is there or not, never in part."""
        self._write(text)
        try:
            os.link(self._mine, os.path.join(self._folder, key))
        except FileExistsError:
            pass
        os.unlink(self._mine)
        found = self.read(key)
        if found is None:
            raise OSError(f"{self._folder} is gone")
        return found

    def forget(self, key: str) -> None:
        try:
            os.unlink(os.path.join(self._folder, key))
        except FileNotFoundError:
            pass

    def _write(self, text: str) -> None:
        with open(self._mine, "w") as file:
            file.write(text)


class _Store:
    """The same as keys of a torch TCP store. Its calls have no bound of their own that holds in every version of torch, so another
    thread does them; one that does not come back in time is left alone, and nothing more is asked until it does."""

    def __init__(self, store, seconds: float):
        self._store, self._seconds = store, seconds
        self._work: queue.Queue = queue.Queue()
        self._busy = threading.Lock()
        threading.Thread(target=self._run, name="phaseguard-ranks", daemon=True).start()
        atexit.register(self._busy.acquire, timeout=seconds)  # a thread inside torch at the end of the process would abort it

    def post(self, key: str, text: str) -> None:
        self._call(lambda: self._store.set(key, text))

    def read(self, key: str) -> Optional[str]:
        found = self._swap(key, "", _NOBODY)  # torch 1.13 has no check(), and waits for ever for an empty value
        return None if found == _NOBODY else found

    def agree(self, key: str, text: str) -> str:
        self._swap(key, "", _NOBODY)
        return self._swap(key, _NOBODY, text)

    def _swap(self, key: str, expected: str, text: str) -> str:
        return self._call(lambda: self._store.compare_set(key, expected, text)).decode()

    def forget(self, key: str) -> None:
        try:
            self._call(lambda: self._store.delete_key(key))
        except OSError:  # then it stays
            pass

    def _call(self, what: Callable):
        if not self._busy.acquire(blocking=False):
            raise OSError("the store does not answer")
        answer: queue.Queue = queue.Queue()
        self._work.put((what, answer))
        try:
            done, found = answer.get(timeout=self._seconds)
        except queue.Empty:
            raise OSError(f"the store did not answer in {self._seconds} s") from None
        if not done:
            raise OSError(f"the store failed: {found}")
        return found

    def _run(self) -> None:
        while True:
            what, answer = self._work.get()
            try:
                found = (True, what())
            except Exception as error:  # of torch's, of the network's: the caller is told
                found = (False, error)
            self._busy.release()
            answer.put(found)


def _leave(folder: str, rank: int, world: int, process: int) -> None:
    """The last rank to leave removes the folder."""
    if os.getpid() != process:
        return
    try:
        open(os.path.join(folder, f"left-{rank}"), "w").close()
        if all(os.path.exists(os.path.join(folder, f"left-{other}")) for other in range(world)):
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass


def _sees(board, rank: int) -> bool:
    try:
        board.post(f"seen-{rank}", "")
        return board.agree("begin", "begun") == "begun"
    except OSError:
        return False


def _tcp_store():
    address, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    if not address or not port:
        raise ValueError("Ranks: expected a folder that all ranks see, or MASTER_ADDR and MASTER_PORT of a TCP store, found neither; "
                         "set TMPDIR to such a folder, or start with torchrun")
    without_libuv = {"use_libuv": False} if os.environ.get("USE_LIBUV") == "0" else {}  # torch's own start reads it, this class does not
    try:
        return dist.TCPStore(address, int(port), is_master=False, timeout=timedelta(seconds=60), **without_libuv)
    except TypeError:  # a torch before libuv
        return dist.TCPStore(address, int(port), is_master=False, timeout=timedelta(seconds=60))


def _packed(plan: Plan) -> dict:
    return {**plan._asdict(), "knobs": {name: list(setting) for name, setting in plan.knobs.items()}}


def _unpacked(told: dict) -> Plan:
    knobs = {name: Setting(value, tuple(items), *rest) for name, (value, items, *rest) in told["knobs"].items()}
    return Plan(**{**told, "knobs": knobs})


def _held(setting: Setting) -> Setting:
    """Without the values per sample, which were of another batch: none is lowered."""
    return setting._replace(value=max((setting.value, *setting.items)), items=())


class Ranks:
    """`session` is rank 0's; on the other ranks it is None. Make it on all ranks at the same place. Without torch.distributed there
    is one rank.

    timeout: how long a rank waits for another at most. A plan that rank 0 did not give in time is not taken by anybody, itself
    included: all hold what they had, with `source` "hold", and the next plan is taken by all. A rank that was late is waited for
    again once it is back; one that is gone is waited for once. Let it be longer than a checkpoint that the daemon may ask rank 0 for.

    restore: on every rank, as Session's `rollback` on rank 0. A rollback is all or none: each rank says to which step it could go
    back (`find`, by default that of the Snapshots whose method `restore` is), and when all say the same all do it, at one step."""

    def __init__(self, session: Optional[Session], *, restore: Optional[Callable[[int], int]] = None,
                 find: Optional[Callable[[int], int]] = None, timeout: float = 60.0):
        self._session, self._restore, self._timeout = session, restore, timeout
        self._find = find or getattr(getattr(restore, "__self__", None), "find", None)
        several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self._rank, self._world = (dist.get_rank(), dist.get_world_size()) if several else (0, 1)
        if (self._rank == 0) != (session is not None):
            raise ValueError("expected a session on rank 0 and None on the others")
        self._rounds, self._late, self._owed = 0, {}, {"stop": False, "pause": False, "checkpoint": False}
        self._gave_up, self._warned = False, set()
        if several:
            self._board = self._meet()
            if session is not None and session._do["rollback"] is not None:
                session._do["rollback"] = self._ask_for_rollback

    @property
    def is_first(self) -> bool:
        return self._rank == 0

    @property
    def rank(self) -> int:
        return self._rank

    def _meet(self):
        told: list = [(tempfile.mkdtemp(prefix="phaseguard-ranks-"), _packed(self._session._last)) if self.is_first else None]
        dist.broadcast_object_list(told, src=0)
        folder, first = told[0]
        self._last = _unpacked(first)
        board = _Files(folder, self._rank)
        if self._all(_sees(board, self._rank)):
            weakref.finalize(self, _leave, folder, self._rank, self._world, os.getpid())
            return board
        if self.is_first:
            shutil.rmtree(folder, ignore_errors=True)
        board = _Store(dist.PrefixStore(os.path.basename(folder), _tcp_store()), self._timeout)
        if not self._all(_sees(board, self._rank)):
            raise ValueError(f"Ranks: the TCP store at {os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} does not answer all ranks")
        return board

    def _all(self, mine: bool) -> bool:
        told: list = [None] * self._world
        dist.all_gather_object(told, mine)
        return all(told)

    # ---- what a trainer calls, on every rank in the same order

    def mean(self, value: float, weight: float = 1.0) -> float:
        """Sum over ranks of weight * value / sum of weight: a batch's score before it is reported. A rank that does not answer in time
        counts as the mean of those that do, here and in `total`, and every rank gets the same number."""
        if self._world == 1:
            return value
        total, weights = self._sums(value * weight, weight)
        return total / weights if weights else math.nan

    def total(self, positions: float) -> float:
        """Sum over ranks: N of the penalty."""
        return positions if self._world == 1 else self._sums(positions)[0]

    def gather(self, value) -> list:
        """What each rank gives, by rank; None: of one that does not answer in time. Every rank gets the same list. value: anything that
        JSON has, and NaN."""
        if self._world == 1:
            return [value]
        return self._round(value, range(self._world), lambda posted: [posted.get(rank) for rank in range(self._world)])

    def begin_step(self, step: int, batch: Optional[dict] = None, **more) -> Plan:
        """As Session.begin_step, the same plan on every rank."""
        if self._world == 1:
            return self._session.begin_step(step, batch, **more)
        return self._lead(step, batch, more) if self.is_first else self._follow(step)

    # ---- inside

    def _lead(self, step: int, batch: Optional[dict], more: dict) -> Plan:
        self._gave_up = False
        plan = self._session.begin_step(step, batch, **more)
        for what in self._owed:  # asked for in a plan that nobody took
            self._owed[what] = self._owed[what] or getattr(plan, what)
        plan = plan._replace(**self._owed)
        agreed = _HOLD if self._gave_up else self._ask({"plan": _packed(plan)})
        if "plan" in agreed:
            self._owed = dict.fromkeys(self._owed, False)
        else:
            self._warn("the other ranks went on before this plan was there: all hold what they had")
        return self._take(agreed, plan.step, plan.rolled_back)

    def _follow(self, step: int) -> Plan:
        restored = None
        while True:
            agreed = self._ask(None)
            if "rollback" not in agreed:
                return self._take(agreed, step if restored is None else restored, restored is not None)
            decided = self._restore_together(agreed["rollback"])
            restored = decided.get("restored", restored)

    def _ask(self, mine: Optional[dict]) -> dict:
        """What rank 0 says, or that all hold."""
        return self._round(mine, [0], lambda posted: posted.get(0, _HOLD), alone=_HOLD)

    def _take(self, agreed: dict, step: int, rolled_back: bool) -> Plan:
        if "plan" in agreed:
            self._last = _unpacked(agreed["plan"])
        else:
            knobs = {name: _held(setting) for name, setting in self._last.knobs.items()}
            self._last = self._last._replace(step=step, knobs=knobs, source="hold", answered=False, waited_s=0.0, rolled_back=rolled_back,
                                             pause=False, stop=False, checkpoint=False)
        return self._last

    def _ask_for_rollback(self, before: int) -> int:
        """Session's `rollback` of rank 0: what it raises is told to the daemon, and nobody has gone back."""
        if self._gave_up or "rollback" not in self._ask({"rollback": before}):
            self._gave_up = True
            raise RuntimeError("the other ranks went on without it")
        decided = self._restore_together(before)
        if "restored" not in decided:
            raise RuntimeError(decided["cannot"])
        return decided["restored"]

    def _restore_together(self, before: int) -> dict:
        decided = self._round(self._can_restore(before), range(self._world), self._verdict)
        if "restored" in decided:
            step = self._restore(before)
            if step != decided["restored"]:
                raise RuntimeError(f"rank {self._rank} went back to step {step}, the ranks agreed on {decided['restored']}: the weights of "
                                   "the ranks differ now; start again from a checkpoint")
        return decided

    def _can_restore(self, before: int) -> dict:
        if self._restore is None or self._find is None:
            return {"cannot": "has no restore=snapshots.restore"}
        try:
            return {"restored": int(self._find(before))}
        except Exception as error:  # the user's own code
            return {"cannot": f"cannot: {error}"}

    def _verdict(self, posted: Dict[int, dict]) -> dict:
        for rank in range(self._world):
            if "restored" not in posted.get(rank, {}):
                return {"cannot": f"rank {rank} {posted[rank]['cannot'] if rank in posted else 'does not answer'}; no rank went back"}
        steps = {rank: posted[rank]["restored"] for rank in sorted(posted)}
        if len(set(steps.values())) > 1:
            return {"cannot": f"the ranks would go back to different steps, {steps}; no rank did: take snapshots at the same steps"}
        return posted[0]

    def _sums(self, *values: float) -> List[float]:
        """Of all ranks; those that do not answer count as the mean of those that do, on every rank."""
        return self._round(list(values), range(self._world),
                           lambda posted: [sum(posted[r][i] for r in sorted(posted)) * (self._world / len(posted)) for i in range(len(values))])

    def _round(self, mine, of: Sequence[int], conclude: Callable[[dict], object], alone=None):
        """What all ranks agree on. `alone`: instead, where they cannot reach each other."""
        n, posted = self._rounds, {}
        self._rounds += 1
        try:
            if mine is not None:
                posted[self._rank] = mine
                self._board.post(f"{n}.{self._rank}", json.dumps(mine))
            self._wait(n, of, posted)
            agreed = self._board.agree(str(n), json.dumps(conclude(posted)))
            self._board.forget(f"{n - _KEPT}.{self._rank}")
            if self.is_first:
                self._board.forget(str(n - _KEPT))
            return json.loads(agreed)
        except OSError as error:
            self._warn(f"the ranks do not reach each other: {error}")
            return conclude(posted) if alone is None else alone

    def _wait(self, n: int, of: Sequence[int], posted: dict) -> None:
        """Until all of `of` have posted, or one has concluded, or the time is over."""
        until, pause = time.monotonic() + self._timeout, 5e-5
        while True:
            for rank in of:
                if rank not in posted:
                    text = self._board.read(f"{n}.{rank}")
                    if text is not None:
                        posted[rank] = json.loads(text)
            self._late = {rank: key for rank, key in self._late.items() if self._board.read(key) is None}
            missing = [rank for rank in of if rank not in posted]
            if all(rank in self._late for rank in missing) or self._board.read(str(n)) is not None:
                return
            if time.monotonic() >= until:
                self._late.update({rank: f"{n}.{rank}" for rank in missing})
                self._warn(f"rank {', '.join(map(str, missing))} did not answer in {self._timeout} s; it is not waited for until it is back")
                return
            time.sleep(pause)
            pause = min(2 * pause, 2e-3)

    def _warn(self, what: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"phaseguard: rank {self._rank}: {what}", RuntimeWarning, stacklevel=4)
