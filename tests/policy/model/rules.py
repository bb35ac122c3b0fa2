"""Rules, by looking back over what every event brought. Written from docs/POLICY.md, "Rules"."""


def span(text):
    """("interval" | "point" | "step" | "", count); seconds have the unit ""."""
    count, unit = text.split(" ")
    return ("" if unit == "s" else unit.rstrip("s")), float(count)


class Moment:
    """What the run's odometers showed: steps and seconds gone by, a rule's own measurements."""

    def __init__(self, steps, seconds, points):
        self.steps, self.seconds, self.points = steps, seconds, points

    def over(self, since, text):
        unit, count = span(text)
        gone = {"step": self.steps - since.steps, "point": self.points - since.points,
                "": self.seconds - since.seconds}[unit]
        return gone >= count


class Rule:
    def __init__(self, name, table):
        self.name, self.t = name, table
        self.when = table.get("when", "all")
        self.of = table.get("of", [])
        n = len(self.of)
        self.needed = {"all": n, "any": 1, "not": n, "always": 0}.get(self.when)
        if self.needed is None:
            self.needed = int(self.when.split("_of_")[0])
        self.latch = table.get("latch", False)
        self.priority = table.get("priority", 0)
        self.mode = "quiet"
        self.armed = True
        self.fired, self.order, self.at_floor = -1, 0, False
        self.points = 0
        self.facts = []  # while its conditions count: (holds, new measurement, moment)
        self.voters = set()
        self.fired_at = self.quiet_at = None
        self.inhibited_until = None  # of the step odometer
        self.rollbacks, self.rollback_at = 0, None
        self.controllers = {}

    @property
    def in_force(self):
        return self.mode != "quiet"

    def cast(self, term, run):
        is_rule = term.startswith("rule.")
        return run.rules[term[5:]].in_force if is_rule else run.readings[term].voting

    def vote(self, term, run):
        if self.when != "not":
            return self.cast(term, run)
        return not self.cast(term, run) and (term.startswith("rule.") or run.readings[term].quiet)

    def votes(self, run):
        return sum(1 for t in self.of if self.vote(t, run))

    def sees_new(self, run):
        return any(run.series_of[d].count > run.counts_before[d] for d in self.detectors(run))

    def detectors(self, run):
        out = []
        for term in self.of:
            if term.startswith("rule."):
                out += run.rules[term[5:]].detectors(run)
            elif term not in out:
                out.append(term)
        return list(dict.fromkeys(out))

    def now(self, run):
        return Moment(run.odo_steps, run.odo_seconds, self.points)

    def sticky(self, run):
        """Votes while it is active: who voted since it fired still does unless its newest measurement
        is GOOD and below its threshold."""
        if self.when == "not":  # lost data are no vote against it
            return sum(1 for term in self.of if not self.cast(term, run))
        count = 0
        for term in self.of:
            if self.vote(term, run):
                self.voters.add(term)
            stands = not term.startswith("rule.") and not run.readings[term].calm
            count += self.vote(term, run) or (term in self.voters and stands)
        return count

    def run(self, run):
        """What became of it: "fired", "quiet" or None."""
        new = self.sees_new(run)
        self.points += new
        now = self.now(run)
        if self.mode == "latched":
            return None
        if self.mode == "active":
            holds = self.sticky(run) >= self.needed
            self.facts.append((holds, new, now))
            return self.release(now) if not holds else None
        holds = self.votes(run) >= self.needed
        self.facts.append((holds, new, now))
        if not holds:
            self.armed = True
            return None
        if self.may_fire(run, now):
            return self.fire(run, now)
        return None

    def in_a_row(self, holds):
        """New measurements in the newest stretch of events whose condition was `holds`."""
        count, first = 0, None
        for fact in reversed(self.facts):
            if fact[0] != holds:
                break
            count += fact[1]
            first = fact[2]
        return count, first

    def may_fire(self, run, now):
        t = self.t
        points, since = self.in_a_row(True)
        if not self.armed or self.inhibited_until is not None:
            return False
        if run.step < t.get("from_step", 0):
            return False
        if t.get("for_points", 1) > 1 and points < t["for_points"]:
            return False
        if "for" in t and not now.over(since, t["for"]):
            return False
        if "cooldown" in t and self.quiet_at and not now.over(self.quiet_at, t["cooldown"]):
            return False
        return True

    def fire(self, run, now):
        self.mode = "latched" if self.latch else "active"
        self.fired, self.fired_at = run.step, now
        self.facts = []
        self.voters = {term for term in self.of if self.vote(term, run)}
        return "fired"

    def release(self, now):
        points, _ = self.in_a_row(False)
        if points < self.t.get("release_points", 0):
            return None
        if "hold" in self.t and not now.over(self.fired_at, self.t["hold"]):
            return None
        self.go_quiet(now)
        return "quiet"

    def go_quiet(self, now):
        self.mode, self.quiet_at, self.facts, self.voters = "quiet", now, [], set()

    def quiet_step(self, run):
        """Newest step at which every detector that is raised now was quiet; 0: none."""
        steps = [run.quiet_step(d) for d in self.detectors(run) if run.readings[d].raised]
        return max(0, min(steps)) if steps else run.step
