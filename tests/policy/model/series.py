"""What is measured: from reports to the histories that detectors and controllers look at.
Written from docs/POLICY.md, "What is measured" and "Sources"."""
import math

from laws import BAD, GOOD, MISSING, NAN, Measurement, is_rows


def source_text(t):
    if t.get("combine"):
        return f'{t["combine"]}({t["signal"]})'
    if t.get("minus"):
        return f'{t["signal"]} - {t["minus"]}'
    if t.get("over"):
        return f'{t["signal"]} / {t["over"]}'
    return t["signal"]


class Series:
    """One track: `reads` a declared signal, or joins `members`."""

    def __init__(self, name, every, reads=None, combine=None, item=None, members=(), join=None):
        self.name, self.every, self.reads, self.combine, self.item = name, every, reads, combine, item
        self.members, self.join = list(members), join
        self.watched = False
        self.newest = None
        self.is_declared = False
        self.history = []  # of the present attempt or segment, and of those carried over
        self.last = -1
        self.covered = 0
        self.faults = 0
        self.count = 0  # of the run
        self.parts = {}  # join: step -> {member index: measurement}

    def restart(self, start, carried):
        self.last, self.covered, self.faults, self.parts = -1, start, 0, {}
        if not carried:
            self.history = []
        for m in self.history:
            m.step_shown = min(m.step_shown, start)  # what came later is measured again


class Signals:
    def __init__(self, decl):
        self.decl = decl
        self.tracks = {}
        self.faulty = []
        self.era = 0  # attempts and segments so far
        for name in decl["signals"]:
            self.resolve({"signal": name}).is_declared = True

    def cadence(self, name):
        every = self.decl["signals"][name]["every"]
        if every == 0 and name.startswith("canary/"):
            every = self.decl["cadence"]
        return every

    def resolve(self, t):
        name = source_text(t)
        if name in self.tracks:
            return self.tracks[name]
        signals = self.decl["signals"]
        if t.get("combine"):
            prefix = t["signal"][:-1]
            vector = prefix[:-1]
            if vector in signals and signals[vector]["items"]:
                made = Series(name, self.cadence(vector), reads=vector, combine=t["combine"])
            else:
                members = [self.resolve({"signal": s}) for s in signals if s.startswith(prefix)]
                made = self.joined(name, members, t["combine"])
        elif t.get("minus") or t.get("over"):
            members = [self.resolve({"signal": s}) for s in (t["signal"], t.get("minus") or t["over"])]
            made = self.joined(name, members, "minus" if t.get("minus") else "over")
        elif name in signals:
            made = Series(name, self.cadence(name), reads=name)
        else:
            vector, item = name.rsplit("/", 1)
            made = Series(name, self.cadence(vector), reads=vector,
                          item=self.decl["canaries"].index(item))
        self.tracks[name] = made
        return made

    def joined(self, name, members, join):
        every = 0
        if all(m.every > 0 for m in members):
            every = math.lcm(*(m.every for m in members))
        for m in members:
            m.watched = True
        return Series(name, every, members=members, join=join)

    def watch(self, t):
        made = self.resolve(t)
        made.watched = True
        return made

    def restart(self, start, carried):
        self.era += 1
        for track in self.tracks.values():
            track.restart(start, carried)

    def report(self, step, samples):
        for sample in samples:
            for track in list(self.tracks.values()):
                if track.reads == sample["signal"]:
                    self.take(track, self.measure(track, step, sample))

    def measure(self, track, step, sample):
        decl = self.decl["signals"][track.reads]
        if sample.get("missing"):
            return Measurement(step, MISSING, NAN)
        value, items = sample["value"], sample.get("items", [])

        def good(x):
            return math.isfinite(x) and decl["min"] <= x <= decl["max"]

        rows = decl.get("columns", 0) or 1
        per_canary = decl["items"] in ("canary", "distribution")
        is_whole = not per_canary or len(items) == rows * len(self.decl["canaries"])
        if track.combine:
            if not items or not is_whole or not all(good(x) for x in items):
                return Measurement(step, BAD, None)
            if track.combine == "max":
                return Measurement(step, GOOD, max(items))
            total = 0.0
            for x in items:
                total += x
            return Measurement(step, GOOD, total / len(items))
        if track.item is not None:
            if not is_whole:
                return Measurement(step, BAD, None)
            value = items[track.item]
        elif decl["items"] == "distribution":
            q = GOOD if is_whole and is_rows(items, decl["columns"]) else BAD
            return Measurement(step, q, value, items, decl["columns"])
        is_good = good(value) and (is_whole or not items)
        return Measurement(step, GOOD if is_good else BAD, value, items)

    def take(self, track, m):
        if m.step <= track.last:
            return
        if track.watched and track.every > 0:
            for due in range(track.covered + track.every, m.step, track.every):
                self.add(track, Measurement(due, MISSING, NAN))
        self.add(track, m)

    def add(self, track, m):
        m.time, m.era = self.clock, self.era
        track.newest = m
        if not track.history or m.step > track.history[-1].step_shown:
            track.history.append(m)  # else carried over: seen before the new attempt
        track.last = track.covered = m.step
        track.count += 1
        if m.quality == GOOD:
            track.faults = 0
        elif m.step > 0 and m.own:  # a join's members have told their own
            track.faults += 1
            if track.faults == 3:
                self.faulty.append(track)
        for join in list(self.tracks.values()):
            for place, member in enumerate(join.members):
                if member is track and m.step > join.last:
                    if m.step not in join.parts and len(join.parts) == 64:
                        join.parts.pop(next(iter(join.parts)))  # begun first
                    join.parts.setdefault(m.step, {})[place] = m
                    if len(join.parts[m.step]) == len(join.members):
                        self.complete(join, m.step)

    def complete(self, join, step):
        parts = [join.parts[step][i] for i in range(len(join.members))]
        join.parts = {s: p for s, p in join.parts.items() if s > step}
        qualities = [p.quality for p in parts]
        q = BAD if BAD in qualities else MISSING if MISSING in qualities else GOOD
        value = NAN
        if q == GOOD:
            xs = [p.value for p in parts]
            if join.join == "max":
                value = max(xs)
            elif join.join == "mean":
                total = 0.0
                for x in xs:
                    total += x
                value = total / len(xs)
            elif join.join == "minus":
                value = xs[0] - xs[1]
            else:
                value = xs[0] / xs[1] if xs[1] != 0 else NAN
            q = GOOD if math.isfinite(value) else BAD
        self.take(join, Measurement(step, q, value, own=qualities == [GOOD] * len(qualities)))

    def infer(self, step, missing_after):
        """MISSING for what was due `missing_after` intervals ago, the due one being the first."""
        for track in list(self.tracks.values()):
            if not track.watched or track.every <= 0:
                continue
            # What is due at this very step may still come with another report of it.
            while step >= track.covered + max(track.every * missing_after, track.every + 1):
                self.take(track, Measurement(track.covered + track.every, MISSING, NAN))
