"""Controllers, from docs/POLICY.md, "Controllers". A controller folds its inputs in
order; what it has put out so far is its whole state."""
import math

from laws import GOOD, MISSING, NAN


def clamp(x, low, high):
    return min(max(x, low), high)


def risk_clamp_beta(s):
    return clamp((s - 2.0) / 3.0, 0.1, 0.9)


def convex_lambda(s):
    beta = risk_clamp_beta(s)  # alpha is clamped as well: lambda = beta / alpha
    return beta / clamp(1.0 - beta, 0.1, 0.9)


def to_lambda(beta):
    return beta / (1.0 - beta)


def dead_zone(r, f, low, high):
    return low + (high - low) * clamp((r - 2.0 * f) / (1.0 - 3.0 * f), 0.0, 1.0)


def adaptive(value, kl, t, n):
    e = clamp(kl / t["target"] - 1.0, -0.2, 0.2)
    return clamp(value * (1.0 + e * n / t["horizon"]), t["floor"], t["ceiling"])


SCORED = ("ladder", "risk_linear", "risk_clamp", "per_sample")  # laws that know `unscored`


class Controller:
    def __init__(self, table, signals, base, by_batch=False):
        if not isinstance(table, dict):
            table = {"controller": "constant", "value": float(table)}
        self.t, self.kind, self.base = table, table["controller"], base
        self.by_batch = by_batch and self.kind in SCORED
        self.batch, self.other = 0, NAN  # whose own report gave the output, 0: none; what others get
        self.below_zero = by_batch  # a KL below 0 is off its scale: since the same law
        self.track = signals.watch(table) if "signal" in table else None
        self.seen = self.track.count if self.track else 0
        self.output, self.items = NAN, []
        self.smoothed, self.rung = NAN, -1
        self.start_odo, self.start_value = 0, 0.0
        self.bad = self.told = False
        if self.kind == "constant":
            self.output = table["value"]

    def fire(self, knob_value, odo):
        if self.kind == "ramp":
            self.start_value, self.start_odo, self.output = knob_value, odo, knob_value
        if self.kind == "adaptive_kl":
            self.output, self.bad, self.batch = NAN, False, 0
        self.told = False

    def gives(self, of):
        return self.other if of == "other" and self.by_batch and self.batch else self.output

    def highest(self):
        """What the law gives at its highest risk."""
        if self.kind == "ladder":
            return float(self.t["rungs"][-1][1])
        if self.kind == "risk_clamp":
            return convex_lambda(5.0)
        return to_lambda(self.t["max"]) if self.t.get("output") == "beta" else float(self.t["max"])

    def unscored(self):
        """What a batch without scores gets after this one, whose output and items are there."""
        word = self.t.get("unscored", "hold")
        if word == "hold":
            return max(self.items, default=self.output)
        return self.base if word == "base" else self.highest()

    def restart(self, carried):
        self.output = self.gives("other")
        self.items, self.batch = [], 0
        self.bad = self.told = False
        if not carried:
            self.smoothed = NAN

    def run(self, in_force, manual, odo, batch):
        """`manual`: the value that an operator gives the knob now, or None. `batch`: the one that
        the event is a report of, 0 without an id, or None. True: alert."""
        if self.kind == "ramp" and in_force:
            if manual is not None:
                self.start_value, self.start_odo = manual, odo
            part = min((odo - self.start_odo) / self.t["steps"], 1.0)
            self.output = self.start_value + (self.t["to"] - self.start_value) * part
        if self.track is None:
            return False
        follows = self.kind == "adaptive_kl" and manual is not None and in_force
        if follows:
            self.output, self.batch = clamp(manual, self.t["floor"], self.t["ceiling"]), 0
        new = self.track.count > self.seen
        self.seen = self.track.count
        if self.kind == "adaptive_kl" and not in_force:
            return False
        if batch is not None and not new and not self.by_batch:
            self.items = []  # a batch of which the signal tells nothing: the mean for all
        if new:
            m = self.track.newest
            usable = m.quality != MISSING if self.kind == "per_sample" else m.quality == GOOD
            self.bad = not (usable and (follows or self.take(m)))
            if not self.bad:
                self.told = False
            elif not self.by_batch:
                self.items = []
        if self.by_batch:
            self.hand_out(new, batch)
        elif new and not self.bad and not follows:
            self.batch = batch or 0  # adaptive_kl: every other batch has the same
        if in_force and self.bad and not self.told:
            self.told = True
            return True
        return False

    def hand_out(self, new, batch):
        """docs/POLICY.md, "Values of a batch": whom the output of this event is for."""
        if new and not self.bad:
            if batch or self.kind == "per_sample":  # else nobody's: it holds for all
                self.other = self.unscored()
            self.batch = batch or 0
            if not batch and self.items:  # asked for by no batch
                self.items, self.output = [], self.other
        elif new or (batch is not None and not (batch and batch == self.batch)):
            self.leave_unscored(batch)

    def leave_unscored(self, batch):
        """Its report tells nothing that can be used: it is answered by what holds for such a one."""
        held = self.kind != "per_sample" and self.t.get("unscored", "hold") == "hold"
        self.items = []
        if not held and not math.isnan(self.other):
            self.output, self.batch = self.other, batch or 0

    def take(self, m):
        """False: the law cannot use the input."""
        t, x = self.t, m.value
        if self.kind == "ladder":
            rungs = t["rungs"]
            up = max([i for i, (above, _) in enumerate(rungs) if x > above], default=-1)
            if up < self.rung:
                kept = [i for i in range(up + 1, self.rung + 1)
                        if x > rungs[i][0] - t.get("hysteresis", 0.0)]
                up = max(kept, default=up)
            self.rung = up
            self.output = self.base if up < 0 else float(rungs[up][1])
            return True
        if self.kind == "risk_linear":
            return self.risk_linear(x)
        if self.kind == "risk_clamp":
            if t["scale"] == "risk":
                if not 0 <= x <= 1:
                    return False
                x = 1.0 + 4.0 * x
            if not 1 <= x <= 5:
                return False
            self.output = convex_lambda(x)
            return True
        if self.kind == "per_sample":
            return self.per_sample(m)
        if self.kind == "adaptive_kl":
            before = self.output
            if math.isnan(before):
                before = clamp(t["init"], t["floor"], t["ceiling"])
            if self.below_zero and x < 0:  # it stays, at first where it starts
                self.output = before
                return False
            self.output = adaptive(before, x, t, t.get("per_update", 1))
            return True
        raise AssertionError(self.kind)

    def risk_linear(self, x):
        if not 0 <= x <= 1:
            return False
        t = self.t
        a = t.get("smoothing", 1.0)
        self.smoothed = x if math.isnan(self.smoothed) else self.smoothed + a * (x - self.smoothed)
        low, high = t.get("min", 0.0), t["max"]
        if "noise_floor" in t:
            out = dead_zone(self.smoothed, t["noise_floor"], low, high)
        else:
            out = low + (high - low) * self.smoothed
        self.output = to_lambda(out) if t.get("output") == "beta" else out
        return True

    def per_sample(self, m):
        t = self.t

        def scored(r):
            return math.isfinite(r) and ("above" in t or 0 <= r <= 1)

        def law(r):
            if "above" in t:
                return t["max"] if r > t["above"] else 0.0
            if "noise_floor" in t:
                return dead_zone(r, t["noise_floor"], 0.0, t["max"])
            return t["max"] * r

        good = [law(r) for r in m.items if scored(r)]
        if not m.items or 2 * len(good) < len(m.items):
            return False
        mean = 0.0
        for x in good:
            mean += x
        mean /= len(good)
        word = t.get("unscored", "hold") if self.by_batch else "hold"
        lost = {"hold": mean, "base": self.base, "law": float(t["max"])}[word]
        self.items = [law(r) if scored(r) else lost for r in m.items]
        total = 0.0
        for x in self.items:
            total += x
        self.output = total / len(self.items)
        return True
