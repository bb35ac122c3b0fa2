"""The policy engine once more, obviously right and slow: the whole history is kept and detectors
are computed from it anew after every event. Standard library only; written from the specification
by another hand than the engine. compare_test.py runs both on the same traces."""
import math
import tomllib

from arbitration import Arbitration
from controllers import Controller
from laws import GOOD, NAN, Detector, tail
from operators import Operators
from rules import Rule, span
from series import Signals


GRAVITY = ["", "info", "medium", "high", "critical"]


class Knob:
    def __init__(self, table, decl):
        self.base = float(table["base"])
        self.min = max(float(table.get("min", 0.0)), decl["min"])
        self.max = min(float(table["max"]), decl["max"])
        self.slew = table.get("slew_per_step")
        self.value = self.target = self.base
        self.items, self.site, self.cause, self.decision = [], "", ("base", ""), 0
        self.other = self.value  # what a batch gets whose report gave none of it
        self.override = None  # dict of value, operator, lowering, until (odometer; None: released)

    def setting(self):
        kind, who = self.cause
        cause = kind if kind == "base" else f"{kind}:{who}"
        return [self.value, list(self.items), cause, self.decision, self.site]


class Reference(Arbitration, Operators):
    def __init__(self, toml, decl):
        self.doc = tomllib.loads(toml)
        on = self.doc.get("on", {})
        self.bad = on.get("bad_signal", "alarm")
        self.missing_after = int(span(on.get("missing_after", "3 intervals"))[1])
        self.carried = on.get("resume") == "carried"
        self.signals = Signals(decl)
        self.detectors = {n: Detector(t, self.bad) for n, t in self.doc.get("detector", {}).items()}
        self.series_of = {n: self.signals.watch(t) for n, t in self.doc["detector"].items()}
        self.knobs = {n: Knob(t, decl["knobs"][n]) for n, t in self.doc.get("knob", {}).items()}
        self.by_batch = "batches" in decl["laws"]
        self.rules = {n: Rule(n, t) for n, t in self.doc.get("rule", {}).items()}
        for rule in self.rules.values():
            for knob, table in rule.t.get("set", {}).items():
                base = self.knobs[knob].base
                rule.controllers[knob] = Controller(table, self.signals, base, self.by_batch)
        self.readings = {}
        self.shown_ages = {}
        self.counts_before = {}
        self.attempt, self.segment, self.step, self.start = 0, 0, 0, 0
        self.clock = NAN
        self.odo_steps = self.odo_seconds = 0
        self.version = self.steady = self.decisions = self.firings = self.seq = 0
        self.requests = []  # of the run: dict id, type, rule, fallback, settled
        self.commands = {}

    # ---- events

    def on(self, e):
        """Takes one event; gives the decision's facts, or None."""
        self.seq += 1
        self.events = {"changed": False, "steady": False, "alerts": [], "requests": [], "said": False}
        self.signals.faulty = []
        self.counts_before = {n: s.count for n, s in self.series_of.items()}
        before = [k.setting() for k in self.knobs.values()]
        self.batch = None  # of the event: its batch's id, 0: a batch without one
        verdict = ""
        kind = e["kind"]
        if kind == "command":
            verdict = self.command(e)
            if not self.events["changed"]:
                return verdict, None  # refused, or handled before
        elif kind == "hello":
            self.begin_attempt(e)
        elif kind in ("tick", "heartbeat") or e["attempt"] < self.attempt:
            return verdict, None
        else:
            self.trainer(e)
        return verdict, self.decide(before, e)

    def trainer(self, e):
        if e["kind"] == "report":
            self.pass_time(e)
            self.aged = True
            self.signals.clock = self.clock
            if e["origin"] == 2:
                self.batch = e["batch"]
            self.signals.report(e["step"], e["samples"])
            self.signals.infer(self.step, self.missing_after)
        if e["kind"] == "applied":
            if e["segment"] > self.segment:
                self.segment = e["segment"]
                self.restart(e["step"], False)
            for outcome in e["outcomes"]:
                self.outcome(outcome)

    def pass_time(self, e):
        if e["step"] > self.step:
            self.odo_steps += e["step"] - self.step
            self.step = e["step"]
        if math.isnan(self.clock):
            self.clock = e["t"]
        if e["t"] > self.clock:
            self.odo_seconds += e["t"] - self.clock
            self.clock = e["t"]
        if math.isnan(self.start_clock):
            self.start_clock = self.clock

    def begin_attempt(self, e):
        first = self.attempt == 0
        self.attempt, self.segment = e["attempt"], 0
        self.clock = NAN  # until its first report
        if first:
            self.step = self.start = e["start"]
            self.start_clock, self.aged = NAN, False
            self.signals.restart(self.start, False)
        else:
            self.restart(e["start"], self.carried)

    def restart(self, start, carried):
        self.step = self.start = start
        self.start_clock, self.aged = NAN, False
        if not carried:
            self.shown_ages = {}
        self.signals.restart(start, carried)
        for rule in self.rules.values():
            if not carried:
                rule.facts, rule.armed = [], True
            for c in rule.controllers.values():
                c.restart(carried)

    # ---- what detectors show

    def read_detectors(self):
        self.readings = {}
        for name, d in self.detectors.items():
            track = self.series_of[name]
            self.readings[name] = self.read_stale(d, track) if d.type == "stale" else d.read(track.history)

    def read_stale(self, d, track):
        """What went by since the newest GOOD measurement, or the start, in the unit of `after`."""
        out = d.read([])
        judged = track.history
        if judged:
            out.step, out.value, out.quality = judged[-1].step_shown, judged[-1].value, judged[-1].quality
        good = [m for m in judged if m.quality == GOOD and m.step > 0]  # the baseline is not counted
        is_fresh = bool(good) and good[-1].era == self.signals.era
        since = max(good[-1].step, self.start) if is_fresh else self.start
        unit, after = span(d.t["after"])
        if unit == "":
            out.statistic = self.clock - (good[-1].time if is_fresh else self.start_clock)
        else:
            out.statistic = float(self.step - since)
            if unit == "interval":
                out.statistic /= track.every
        if not self.aged:  # as it was last shown
            out.statistic = self.shown_ages.get(id(d), NAN)
        self.shown_ages[id(d)] = out.statistic
        out.threshold = after
        out.n = len(good)
        out.faults = tail(judged, lambda m: m.quality != GOOD and m.step > 0)
        out.streak = int(out.statistic > after)
        out.raised = out.streak > 0
        out.voting = out.raised or (d.votes_bad and out.faults >= 3)
        out.calm = bool(judged) and judged[-1].step > 0 and judged[-1].quality == GOOD and not out.streak
        out.quiet = out.n > 0 and judged[-1].quality == GOOD and not out.voting
        return out

    def quiet_step(self, name):
        d, history = self.detectors[name], self.series_of[name].history
        best = -1
        for i, m in enumerate(history):
            calm = m.quality == GOOD if d.type == "stale" else d.read(history[:i + 1]).calm
            if m.step == 0 or calm:
                best = m.step_shown
        return best

    # ---- deciding

    def decide(self, before, e):
        ev = self.events
        self.read_detectors()
        self.expire_inhibitions()
        for track in self.signals.faulty:
            ev["alerts"].append(("high", "signal:" + track.name))
        for rule in self.ordered():
            self.run_rule(rule)
        for rule in self.rules.values():
            for knob, c in rule.controllers.items():
                k = self.knobs[knob]
                manual = k.value if k.cause[0] == "operator" else None
                if c.run(rule.in_force, manual, self.odo_steps, self.batch):
                    ev["alerts"].append(("medium", "controller:" + rule.name + "/" + knob))
        self.expire_overrides()
        moved, steady = self.move()
        closing = e["kind"] == "goodbye"
        if not (ev["changed"] or moved or ev["alerts"] or ev["requests"] or closing):
            return None
        self.decisions += 1
        if ev["changed"] or moved:
            self.version += 1
        if ev["changed"] or steady:
            self.steady = self.version
        for k in self.moved:
            k.decision = self.decisions
        after = [k.setting() for k in self.knobs.values()]
        return {"id": self.decisions, "because": self.seq, "v": self.version, "before": before,
                "after": after, "requests": ev["requests"], "alerts": ev["alerts"]}

    def ordered(self):
        """As in the file, but that a rule's terms come before it."""
        out = []

        def visit(rule):
            for term in rule.of:
                if term.startswith("rule."):
                    visit(self.rules[term[5:]])
            if rule not in out:
                out.append(rule)

        for rule in self.rules.values():
            visit(rule)
        return out

    def run_rule(self, rule):
        first = self.first_out()
        change = rule.run(self)
        if change is None:
            return
        self.events["changed"] = True
        if change == "quiet":
            return
        self.firings += 1
        rule.order = self.firings
        rule.at_floor = rule.fired == self.earliest(rule)
        for knob, c in rule.controllers.items():
            c.fire(self.knobs[knob].value, self.odo_steps)
        if rule.t.get("alert"):
            news = rule.t["alert"]
            if rule.latch and first and GRAVITY.index(news) <= GRAVITY.index(
                    self.rules[first].t.get("alert", "")):
                news = "info"
            self.events["alerts"].append((news, "rule:" + rule.name))
        asked = rule.t.get("request", [])
        for kind in [asked] if isinstance(asked, str) else asked:
            if kind == "rollback" and not self.may_roll_back(rule):
                continue
            self.ask(rule, kind, rule.quiet_step(self) if kind == "rollback" else -1, False)

    def may_roll_back(self, rule):
        options, now = rule.t.get("rollback", {}), rule.now(self)
        spent = options.get("at_most", 0) and rule.rollbacks >= options["at_most"]
        early = ("every" in options and rule.rollback_at
                 and not now.over(rule.rollback_at, options["every"]))
        if spent or early:
            self.events["alerts"].append(("medium", "rule:" + rule.name))
            return False
        rule.rollbacks += 1
        rule.rollback_at = now
        return True

    def ask(self, rule, kind, before_step, fallback):
        made = {"id": len(self.requests) + 1, "type": kind, "rule": rule, "fallback": fallback,
                "settled": False}
        self.requests.append(made)
        self.events["requests"].append([made["id"], kind, self.decisions + 1, before_step])

    def outcome(self, o):
        for r in self.requests:
            if r["id"] == o["id"] and not r["settled"]:
                r["settled"] = True
                if o["status"] == "done":
                    return
                self.events["alerts"].append(("high", "request:" + r["type"]))
                if r["type"] == "rollback" and not r["fallback"]:
                    choice = r["rule"].t.get("rollback", {}).get("without_snapshot", "reference")
                    kind = {"reference": "rollback", "nothing": None}.get(choice, choice)
                    if kind:
                        self.ask(r["rule"], kind, -1, True)

    def first_out(self):
        latched = [r for r in self.rules.values() if r.mode == "latched"]
        return min(latched, key=lambda r: r.order).name if latched else ""

    def earliest(self, rule):
        return None  # the engine's own estimate; not decided by

    # ---- what is shown

    def state(self):
        rules = []
        for r in self.rules.values():
            word = "inhibited" if r.inhibited_until is not None else r.mode
            votes = r.votes(self) if self.readings else 0
            rules.append([word, votes, r.needed, len(r.of), r.fired])
        words = {"inhibited" for (word, votes, needed, *_) in rules
                 if word == "inhibited" and votes >= needed}
        words |= {"tripped" for r in self.rules.values() if r.mode == "latched"}
        words |= {"manual" for k in self.knobs.values() if k.override}
        control = next((w for w in ("manual", "tripped", "inhibited") if w in words), "auto")
        return {"k": [k.setting() for k in self.knobs.values()],
                "b": [self.of_batch(n) for n in self.knobs],
                "d": [self.shown(n) for n in self.detectors], "r": rules, "v": self.version,
                "c": control,
                "f": self.first_out(), "o": self.override()}

    def of_batch(self, knob):
        """The batch whose own report gave the knob's value, and what any other one gets: by
        themselves equal values are nobody's."""
        k = self.knobs[knob]
        ids = {rule.name: rule.controllers[knob].batch for rule in self.rules.values()
               if rule.in_force and knob in rule.controllers}
        if k.items or not k.other == k.target:
            return [max(ids.values(), default=0) or -1, k.other]
        return [ids.get(k.cause[1], 0) or -1 if k.cause[0] == "rule" else -1, k.value]

    def shown(self, name):
        r, d = self.readings[name], self.detectors[name]
        return [r.step, r.quality, r.value, r.statistic, r.threshold, r.streak, d.consecutive, r.n,
                d.warmup, r.voting]

    def override(self):
        for name, k in self.knobs.items():
            if k.override:
                o = k.override
                until = -1 if o["until"] is None else self.step + o["until"] - self.odo_steps
                return [True, name, o["value"], o["operator"], until]
        return [False, "", NAN, "", -1]
