"""A trainer in another language, with all that docs/PROTOCOL.md asks of one: heartbeats, a journal, parts of a step, obeying, requests,
and going on from a checkpoint. No model: it reports what it is told. pyzmq and msgpack; one thread."""
import collections
import json
import time
import uuid

import msgpack
import zmq

PENALTY = {"site": "batch", "direction": "model_ref", "mask": "answer", "normaliser": "token_mean_step", "form": "additive"}


class Trainer:
    MOST_JOURNALED = 4096

    def __init__(self, endpoint, run, signals, checkpoint=None):
        self.run, self.signals = run, signals
        self.session, self.attempt, self.number = uuid.uuid4().hex, 0, 1
        self.journal = collections.deque()  # (number, kind, message), not acknowledged
        self.acknowledged = 1
        self.first_kept = 2                 # lowest number that can still be sent
        self.linked, self.heard_at, self.hello_at, self.beat_at = False, 0.0, 0.0, 0.0
        self.epoch, self.control_number, self.answered, self.version = -1, 0, 0, -1
        self.record, self.position, self.rollbacks, self.segment, self.held = "", -1, -1, 0, []
        self.step, self.value, self.cause, self.decision = 0, 0.0, "initial", 0
        self.requests, self.outcomes, self.rejected = {}, [], []
        if checkpoint:
            for key, value in json.loads(checkpoint).items():
                setattr(self, key, value)
            self.value = max([self.value] + [h["value"] for h in self.held if h.get("knob") == "kl"])
        self.start = self.step
        # Wall time of the start plus a monotonic difference: no set clock makes it jump.
        self.wall, self.ticks = time.time(), time.monotonic()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger, self.socket.immediate = 0, 1
        self.socket.connect(endpoint)

    # ---- frames

    def frame(self, kind, number, fields):
        return {"v": [1, 1], "kind": kind, "run": self.run, "seq": number, "step": self.step,
                "t": self.wall + time.monotonic() - self.ticks, "attempt": self.attempt, **fields}

    def put(self, message):
        try:
            self.socket.send(msgpack.packb(message), zmq.NOBLOCK)
        except zmq.Again:
            pass  # nobody is there: the journal has it

    def report(self, kind, **fields):
        self.number += 1
        message = self.frame(kind, self.number, fields)
        self.journal.append((self.number, message))
        if len(self.journal) > self.MOST_JOURNALED:
            self.first_kept = self.journal.popleft()[0] + 1
            self.linked = False  # what fell out is told of with a hello before anything after it
        if self.linked:
            self.put(message)

    def hello(self):
        more = {"held": self.held} if self.held else {}
        more |= {"record": self.record, "position": self.position} if self.record else {}
        more |= {"rollbacks": self.rollbacks} if self.rollbacks >= 0 else {}
        self.put(self.frame("hello", 1, {
            "session": self.session, "start_step": self.start, "cadence_steps": 5, "from": self.first_kept, "segment": self.segment,
            "signals": self.signals, "requests": ["rollback"], "segments": True, "snapshots": True,
            "knobs": [{"name": "kl", "unit": "1", "min": 0.0, "max": 4.0, "initial": 0.0, "reference": "base", **PENALTY}], **more}))
        self.hello_at = time.monotonic()

    # ---- what the daemon says

    def pump(self, seconds=0.0):
        """Heartbeats, hellos and what has come, for so long."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            if self.linked and now - self.heard_at > 2.0:
                self.linked = False
            if not self.linked and now - self.hello_at > 0.2:
                self.hello()
            if self.linked and now - self.beat_at > 0.2:
                self.beat_at = now
                self.put(self.frame("heartbeat", self.number, {"state": "linked", "journaled": len(self.journal)}))
            left = max(0.0, min(until - time.monotonic(), 0.05))
            while self.socket.poll(int(left * 1000)):
                self.take(msgpack.unpackb(self.socket.recv()))
                left = 0.0
            if time.monotonic() >= until:
                return

    def take(self, message):
        kind = message["kind"]
        self.heard_at = time.monotonic()
        if kind == "reject":
            self.rejected.append(message["reason"])
            self.linked = False
        elif kind == "welcome":
            self.linked, self.epoch, self.control_number = True, message["epoch"], message["seq"]
            self.attempt = message["attempt"]
            self.record, self.position = message["record"], message["position"]
            self.rollbacks = max(self.rollbacks, message.get("rollbacks", 0))
            self.acknowledge(message["ack"])
            self.obey(message)
            for number, kept in list(self.journal):
                if number > self.acknowledged:
                    self.put({**kept, "attempt": self.attempt})
        elif kind == "resend" and message["epoch"] == self.epoch:
            for number, kept in list(self.journal):
                if number >= message["from"]:
                    self.put({**kept, "attempt": self.attempt})
        elif kind in ("control", "request") and message["epoch"] == self.epoch and message["seq"] > self.control_number:
            self.control_number = message["seq"]
            if kind == "request":
                self.requests.setdefault(message["id"], message)
                return
            self.acknowledge(message["ack"])
            self.position, self.held = message["position"], message.get("held", [])
            self.version, self.answered = message["state_version"], message["answers_batch"]
            self.obey(message)

    def acknowledge(self, ack):
        self.acknowledged = max(self.acknowledged, ack)
        while self.journal and self.journal[0][0] <= ack:
            self.journal.popleft()

    def obey(self, message):
        for setting in message.get("knobs", []):
            if setting["knob"] == "kl" and 0.0 <= setting["value"] <= 4.0:
                self.value, self.cause, self.decision = setting["value"], setting["cause"], setting["decision"]

    # ---- training

    def update(self, parts, weights=None):
        """One update over micro-batches: `parts` has the samples of each. Waits a little for the answer to the last."""
        for k, samples in enumerate(parts, 1):
            last = k == len(parts)
            self.report("batch", samples=samples, part=[k, len(parts)], weight=(weights or [1.0] * len(parts))[k - 1],
                        batch=self.step * 1000 + k, wants_control=last)
        deadline = time.monotonic() + (0.3 if self.linked else 0.0)
        while self.answered != self.step * 1000 + len(parts) and time.monotonic() < deadline:
            self.pump(0.005)
        self.do_requests()
        self.report("applied", source="daemon" if self.linked else "hold", segment=self.segment, requests=self.outcomes,
                    knobs=[{"name": "kl", "value": self.value, "decision": self.decision, "cause": self.cause}],
                    **({"state_version": self.version} if self.version >= 0 else {}))
        self.outcomes = []
        self.step += 1
        self.pump()

    def do_requests(self):
        for number, request in list(self.requests.items()):
            if request is None:
                continue
            self.requests[number] = None  # once
            self.segment += 1
            self.rollbacks += 1
            self.step = self.start
            self.outcomes.append({"id": number, "status": "done", "detail": "back to the first snapshot", "restored_step": self.start})

    def checkpoint(self):
        return json.dumps({"record": self.record, "position": self.position, "rollbacks": self.rollbacks, "step": self.step,
                           "held": self.held})

    def finish(self):
        self.report("goodbye", reason="finished")
        self.pump(0.5)
        self.socket.close()

    def vanish(self):
        self.socket.close()
