"""Runs the trainer of 60 lines with one mistake in it, from step 30 on: faults.py STEPS FAULT. No fault: as it is.

The faults are those of tests/daemon/engine/swarm_test.cpp, each an everyday mistake of a trainer that means well.
"""
import math
import os
import sys

import msgpack
import zmq

from trainer import Trainer

FROM = 30


class Shown(Trainer):
    """Says another step than the one it is at."""
    def shown(self, step):
        raise NotImplementedError

    def frame(self, kind, number, **more):
        real = self.step
        self.step = self.shown(real) if real >= FROM else real
        said = super().frame(kind, number, **more)
        self.step = real
        return said


class StepFalls(Shown):
    def shown(self, step):
        return step - FROM


class StepJumps(Shown):
    def shown(self, step):
        return 10 ** 6 if step == FROM else step


class StepRepeats(Shown):
    def shown(self, step):
        return FROM


class MicroBatches(Trainer):
    def report(self, kind, **more):
        for _ in range(4 if kind == "batch" and self.step >= FROM else 1):
            super().report(kind, **more)


class Retry(Trainer):
    def report(self, kind, **more):
        if kind == "batch" and self.step >= FROM:
            super().report(kind, **{**more, "samples": [{"signal": "judge/score", "value": math.nan}]})
        super().report(kind, **more)


class LateFrame(Trainer):
    """The value of an earlier step comes once more, behind those of later ones."""
    def report(self, kind, **more):
        if kind == "batch" and self.step == FROM:
            self.step -= 2
            super().report(kind, **more)
            self.step += 2
        super().report(kind, **more)


class Gap(Trainer):
    def report(self, kind, **more):
        self.number += kind == "batch" and self.step == FROM
        super().report(kind, **more)


class Clock(Trainer):
    """Another time in its frames."""
    def wrong(self, t):
        raise NotImplementedError

    def frame(self, kind, number, **more):
        said = msgpack.unpackb(super().frame(kind, number, **more))
        return msgpack.packb({**said, "t": self.wrong(said["t"]) if self.step >= FROM else said["t"]})


class ClockSpike(Clock):
    def wrong(self, t):
        return t + (365 * 86400.0 if self.step == FROM else 0.0)


class Milliseconds(Clock):
    def wrong(self, t):
        return 1000.0 * t


class ClockZero(Clock):
    def wrong(self, t):
        return 0.0


class Renamed(Trainer):
    """Values of a signal come under another name, or not at all."""
    name = None

    def report(self, kind, **more):
        if kind == "batch" and self.step >= FROM:
            more["samples"] = [{**sample, "signal": self.name} for sample in more["samples"] if self.name]
        super().report(kind, **more)


class Misspelt(Renamed):
    name = "judge/scores"


class Undeclared(Renamed):
    name = "mine/quality"


class Silent(Renamed):
    name = None


class Fork(Trainer):
    """A child goes on training too, under the session that it was forked with."""
    has_child = False

    def update(self):
        if self.step == FROM and not self.has_child:
            self.has_child = True
            if os.fork() == 0:
                self.socket = zmq.Context().socket(zmq.DEALER)  # a socket does not outlive a fork
                self.socket.linger, self.socket.immediate, self.linked = 0, 1, False
                self.socket.connect(os.environ["PHASEGUARD_TELEMETRY"])
        super().update()


class Restart(Trainer):
    """The script is killed and started again, and its session token is written in it."""
    has_died = False

    def update(self):
        if self.step == FROM and not Restart.has_died:
            Restart.has_died = True
            self.socket.close()
            Restart(self.steps, self.session).train()
            sys.exit(0)
        super().update()


class ObeysAll(Trainer):
    """Whatever a control says."""
    def take(self, m):
        super().take(m)
        for setting in m.get("knobs", []):
            self.setting = setting if setting["knob"] == "kl" else self.setting


class ObeysNothing(Trainer):
    def take(self, m):
        super().take(m)
        self.setting = dict(value=0.0, decision=0)


class Without(Trainer):
    """Frames of one kind are not sent."""
    kind = None

    def report(self, kind, **more):
        if kind != self.kind:
            super().report(kind, **more)

    def send(self, *frames):
        super().send(*[frame for frame in frames if msgpack.unpackb(frame)["kind"] != self.kind])


class NoHeartbeats(Without):
    kind = "heartbeat"


class NoApplied(Without):
    kind = "applied"


class NoGoodbye(Without):
    kind = "goodbye"


class NoJournal(Trainer):
    def report(self, kind, **more):
        super().report(kind, **more)
        self.journal.clear()


class LowersOnLoss(Trainer):
    def update(self):
        if not self.linked:
            self.setting = dict(value=0.0, decision=0)
        super().update()


class LoweringStays(Trainer):
    def take(self, m):
        super().take(m)
        self.setting.pop("expires_step", None)


class RequestsTwice(Trainer):
    def take(self, m):
        super().take(m)
        if m["kind"] == "request":
            self.requests[m["id"]] = "asked"


class Outside(Trainer):
    def report(self, kind, **more):
        if kind == "batch":
            more["samples"] = [{"signal": "judge/score", "value": 1.5}]
        super().report(kind, **more)


class KnobOutside(Trainer):
    def report(self, kind, **more):
        if kind == "applied" and self.step >= FROM:
            more["knobs"] = [{**knob, "value": -1.0} for knob in more["knobs"]]
        super().report(kind, **more)


class Incomplete(Trainer):
    def report(self, kind, **more):
        super().report(kind, **more, **({"part": [1, 2]} if kind == "batch" else {}))


class Unreadable(Trainer):
    def update(self):
        if self.step == FROM:
            self.send(b"\x81\xa1v\x92\x01")
        super().update()


class Nonsense(Trainer):
    HELLO = {**Trainer.HELLO, "knobs": [dict(name="kl", unit="1", min=4.0, max=0.0)]}


# By the name under which the checker finds it: those of everyday, and one or more of each further rule.
EVERYDAY = {"step falls": StepFalls, "step jumps": StepJumps, "step repeats": StepRepeats, "micro-batches": MicroBatches,
            "retry": Retry, "late value": LateFrame, "gap": Gap, "clock spike": ClockSpike, "milliseconds": Milliseconds,
            "clock zero": ClockZero, "misspelt signal": Misspelt, "undeclared signal": Undeclared, "silent signal": Silent,
            "second process": Fork, "same session again": Restart}
FURTHER = {"control of another epoch": ObeysAll, "not obeyed": ObeysNothing, "no heartbeats": NoHeartbeats, "no applied": NoApplied,
           "no goodbye": NoGoodbye, "not sent again": NoJournal, "lowered": LowersOnLoss, "does not end": LoweringStays,
           "done twice": RequestsTwice, "out of range": Outside, "outside range": KnobOutside, "incomplete": Incomplete,
           "refused (malformed)": Nonsense, "unreadable": Unreadable}

if __name__ == "__main__":
    {"": Trainer, **EVERYDAY, **FURTHER}[" ".join(sys.argv[2:])](int(sys.argv[1])).train()
