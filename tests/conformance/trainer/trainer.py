"""A trainer in 60 lines that keeps docs/PROTOCOL.md, without a model. faults.py runs it, and makes one mistake at a time."""
import os, time, uuid, msgpack, zmq


class Trainer:
    HELLO = dict(requests=["rollback"], knobs=[dict(name="kl", unit="1", min=0.0, max=4.0)],
                 signals=[dict(name=name, unit="1", min=0.0, max=1.0) for name in ("judge/score", "train/accuracy")])

    def __init__(self, steps, session=None):
        self.steps, self.session, self.setting = steps, session or uuid.uuid4().hex, dict(value=0.0, decision=0)
        self.attempt, self.number, self.step, self.segment, self.epoch, self.seen = 0, 1, 0, 0, -1, 0
        self.linked, self.heard, self.said, self.beaten, self.journal, self.requests, self.outcomes = False, 0.0, 0.0, 0.0, {}, {}, []
        self.started, self.socket = time.time() - time.monotonic(), zmq.Context().socket(zmq.DEALER)
        self.socket.linger, self.socket.immediate = 0, 1
        self.socket.connect(os.environ["PHASEGUARD_TELEMETRY"])

    def frame(self, kind, number, **more):
        more = dict(seq=number, step=self.step, t=self.started + time.monotonic(), attempt=self.attempt, **more)
        return msgpack.packb(dict(v=[1, 1], kind=kind, run="sixty", **more))

    def send(self, *frames):  # where nobody is there the journal has it
        [self.socket.send(frame) for frame in frames if self.socket.poll(0, zmq.POLLOUT)]

    def report(self, kind, **more):
        self.number += 1
        self.journal[self.number] = self.frame(kind, self.number, **more)
        self.send(*[self.journal[self.number]] * self.linked)

    def pump(self, seconds):
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            self.linked = self.linked and now - self.heard < 2.0
            if not self.linked and now - self.said > 0.3:
                self.said, more = now, {"from": min(self.journal, default=self.number + 1), **self.HELLO}
                self.send(self.frame("hello", 1, session=self.session, total_steps=self.steps, segment=self.segment, **more))
            if self.linked and now - self.beaten > 0.2:
                self.beaten = now
                self.send(self.frame("heartbeat", self.number, state="linked", journaled=len(self.journal)))
            while self.socket.poll(5):
                self.take(msgpack.unpackb(self.socket.recv()))

    def take(self, m):
        self.heard, kind, settings = time.monotonic(), m["kind"], m.get("knobs", [])
        if kind == "welcome":
            self.linked, self.epoch, self.attempt, self.seen = True, m["epoch"], m["attempt"], 0
        if kind in ("heartbeat", "reject") or m["epoch"] != self.epoch or m["seq"] <= self.seen:
            return
        self.seen, self.journal = m["seq"], {n: frame for n, frame in self.journal.items() if n > m.get("ack", 0)}
        self.requests |= {m["id"]: "asked"} if kind == "request" and m["id"] not in self.requests else {}
        if all(k["knob"] == "kl" and 0.0 <= k["value"] <= 4.0 for k in settings) and m.get("valid_until_step", self.step) >= self.step:
            self.setting = (settings or [self.setting])[0]
        self.send(*[frame for n, frame in self.journal.items() if kind in ("welcome", "resend") and n >= m.get("from", 0)])

    def update(self):
        self.report("batch", samples=[dict(signal="judge/score", value=0.1)], batch=self.step + 1)
        for number in [n for n, state in self.requests.items() if state == "asked"]:
            self.requests[number], self.step, self.segment = "done", max(0, self.step - 5), self.segment + 1
            self.outcomes.append(dict(id=number, status="done", restored_step=self.step))
        self.setting = dict(decision=0, **self.setting["then"]) if 0 <= self.setting.get("expires_step", -1) <= self.step else self.setting
        in_force = [dict(name="kl", value=self.setting["value"], decision=self.setting["decision"])]
        self.report("applied", source="daemon", segment=self.segment, requests=self.outcomes, knobs=in_force)
        self.outcomes, self.step = [], self.step + 1
        self.report("step", samples=[dict(signal="train/accuracy", value=0.5)])
        self.pump(0.03)

    def train(self):
        self.pump(1.0)
        while self.step < self.steps:
            self.update()
        self.report("goodbye", reason="finished")
        self.pump(0.5)
