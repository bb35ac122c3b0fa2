"""The detectors as functions of a whole history: no state is carried from one measurement to the
next. Slow on purpose. Written from docs/POLICY.md, "Detectors", not from the engine."""
import itertools
import math
from fractions import Fraction

NAN = float("nan")
GOOD, BAD, MISSING = 0, 1, 2
STREAKS = ("level", "ewma", "rate", "zscore", "mad_shift")


class TooClose(Exception):
    """The statistic is so near its threshold that rounding may decide: no verdict."""


def ewma(xs, halflife):
    a = -math.expm1(-math.log(2) / halflife)  # 1 - 2^(-1/halflife); which last bit is the record's to say
    y = xs[0]
    for x in xs[1:]:
        y = y + a * (x - y)
    return y


def slope(points):
    """Least squares, exactly, then rounded once."""
    ss = [Fraction(s) for s, _ in points]
    xs = [Fraction(x) for _, x in points]
    sm, xm = sum(ss) / len(ss), sum(xs) / len(xs)
    spread = sum((s - sm) ** 2 for s in ss)
    if spread == 0:
        return NAN
    return float(sum((s - sm) * (x - xm) for s, x in zip(ss, xs)) / spread)


def zscore(before, x):
    mean = sum(before) / len(before)
    sd = math.sqrt(sum((b - mean) ** 2 for b in before) / len(before))
    return (x - mean) / sd if sd > 0 else NAN


def median(values):
    v = sorted(values)
    n = len(v)
    return v[n // 2] if n % 2 else (v[n // 2 - 1] + v[n // 2]) / 2


def increments(xs, keep):
    e, out = xs[0], []
    for x in xs[1:]:
        new = keep * e + (1 - keep) * x
        out.append(new - e)
        e = new
    return out


def cusum(xs, mean, slack):
    s = 0.0
    for x in xs:
        s = max(0.0, s + x - mean - slack)
    return s


def page_hinkley(xs, delta):
    m, low = 0.0, 0.0
    for i in range(1, len(xs) + 1):
        total = 0.0
        for x in xs[:i]:
            total += x
        m += xs[i - 1] - total / i - delta
        low = min(low, m)
    return m - low


def wealth(xs, form, m0, bet):
    m = 0.0 if form == "esr" else 1.0
    for x in xs:
        before = {"ville": m, "esr": m + 1, "ecusum": max(m, 1.0)}[form]
        m = min(max(before * (1 + bet * (x - m0)), 1e-200), 1e200)
    return m


def js(p, q):
    total = 0.0
    for a, b in zip(p, q):
        m = (a + b) / 2
        if a > 0:
            total += a / 2 * math.log(a / m)
        if b > 0:
            total += b / 2 * math.log(b / m)
    return max(total, 0.0)


def window_js(rows, w, columns):
    left, right = rows[-2 * w:-w], rows[-w:]
    values = []
    for r in range(0, len(rows[0]), columns):
        mean = [[sum(m[r + c] for m in side) / w for c in range(columns)] for side in (left, right)]
        values.append(js(*mean))
    return sum(values) / len(values)


def is_rows(items, columns):
    if columns < 1 or not items or len(items) % columns:
        return False
    if any(not math.isfinite(p) or p < 0 or p > 1 for p in items):
        return False
    return all(abs(sum(items[i:i + columns]) - 1) <= 1e-4 for i in range(0, len(items), columns))


class Detector:
    """One [detector.NAME] table; `bad` and defaults filled in."""

    def __init__(self, table, bad_default):
        self.t, self.known = table, {}
        self.type = table["type"]
        self.streaky = self.type in STREAKS
        self.consecutive = table.get("consecutive", 2 if self.type == "mad_shift" else 1)
        if not self.streaky:
            self.consecutive = 1
        self.warmup = table.get("warmup", 0)
        self.calibrate = table.get("calibrate", 5)
        if self.type == "mad_shift":
            self.warmup = 1 + self.calibrate
        self.votes_bad = table.get("bad", bad_default) == "vote"
        self.clear = None
        if "clear" in table or "clear_consecutive" in table:
            self.clear = (table.get("clear", table.get("above")),
                          table.get("clear_consecutive", self.consecutive))

    def admits(self, m, before):
        if m.quality != GOOD:
            return False
        if self.type == "eprocess":
            return 0 <= m.value <= 1
        if self.type == "window_js":
            shapes = [len(b.items) for b in before if b.quality == GOOD and b.step != 0]
            return not shapes or shapes[0] == len(m.items)
        return True

    def statistic(self, good):
        """Of the newest of the counted GOOD measurements, with the threshold. Kept by the newest
        one's serial number, which says which prefix of the history it is."""
        key = good[-1].serial
        if key not in self.known:
            self.known[key] = self.compute(good)
        return self.known[key]

    def compute(self, good):
        xs, t = [m.value for m in good], self.t
        limit = t.get("above", t.get("limit", NAN))
        if self.type == "level":
            return xs[-1], limit
        if self.type == "ewma":
            return ewma(xs, t["halflife"]), limit
        w = t.get("window", 1)
        if self.type == "rate":
            ready = len(xs) >= w
            return (slope([(m.step, m.value) for m in good[-w:]]) if ready else NAN), limit
        if self.type == "zscore":
            return (zscore(xs[-w - 1:-1], xs[-1]) if len(xs) > w else NAN), limit
        if self.type == "mad_shift":
            d = increments(xs, t.get("keep", 0.9))
            if not d:
                return NAN, NAN
            if len(d) < self.calibrate:
                return d[-1], NAN
            med = median(d[:self.calibrate])
            mad = median([abs(x - med) for x in d[:self.calibrate]])
            limit = med + t.get("mads", 3.0) * mad
            return d[-1], limit
        if self.type == "cusum":
            return cusum(xs, t["mean"], t["slack"]), limit
        if self.type == "page_hinkley":
            return page_hinkley(xs, t["delta"]), limit
        if self.type == "eprocess":
            return wealth(xs, t.get("form", "ville"), t["null_mean"], t["bet"]), 1 / t["alpha"]
        if self.type == "window_js":
            ready = len(good) >= 2 * w
            rows = [m.items for m in good]
            return (window_js(rows, w, good[-1].columns) if ready else NAN), limit
        raise AssertionError(self.type)

    def trips(self, good):
        stat, limit = self.statistic(good)
        exact = self.type in ("level", "ewma", "cusum", "eprocess", "page_hinkley")
        if not exact and abs(stat - limit) <= 1e-9 * max(1.0, abs(limit)):
            raise TooClose
        if self.type == "mad_shift" and len(good) <= 1 + self.calibrate:
            return False  # calibration itself is never compared
        return stat >= limit if self.type == "eprocess" else stat > limit

    def read(self, history):
        """What the detector shows after these measurements (oldest first, none twice)."""
        out = Reading()
        judged = [(m, GOOD if self.admits(m, history[:i]) else (m.quality or BAD))
                  for i, m in enumerate(history)]
        if history:
            out.step, out.value, out.quality = history[-1].step_shown, history[-1].value, judged[-1][1]
        counted = [(m, q) for m, q in judged if m.step > 0]
        good, marks = [], []  # marks: per counted measurement "up", "down", "gap" or None
        verdicts = []  # (quality, above or None, statistic)
        for m, q in counted:
            if q == GOOD:
                good.append(m)
                verdicts.append((q, self.trips(list(good)), self.statistic(list(good))[0]))
            else:
                verdicts.append((q, None, NAN))
        for q, above, _ in verdicts:
            if q == GOOD:
                marks.append("up" if above else "down")
            elif self.streaky:
                marks.append("up" if self.votes_bad else "gap")
            else:
                marks.append(None)  # keeps the evidence as it is
        out.n = sum(1 for q, *_ in verdicts if q == GOOD or (self.streaky and self.votes_bad))
        kept = [m for m in marks if m is not None]
        out.streak = tail(kept, lambda m: m == "up")
        out.faults = tail(judged, lambda j: j[1] != GOOD and j[0].step > 0)
        if good:
            out.statistic, _ = self.statistic(good)
        out.threshold = self.threshold(good)
        out.held = self.is_held(verdicts, marks)
        out.voting = ((out.n > self.warmup and out.streak >= self.consecutive) or out.held
                      or (not self.streaky and self.votes_bad and out.faults >= 3))
        out.calm = (bool(counted) and history[-1].step > 0 and counted[-1][1] == GOOD
                    and out.streak == 0 and not out.held)
        out.quiet = (bool(history) and judged[-1][1] == GOOD and out.n > self.warmup
                     and not out.voting)
        out.raised = out.streak > 0 or out.held
        return out

    def threshold(self, good):
        if self.type == "eprocess":
            return 1 / self.t["alpha"]
        if self.type == "mad_shift":
            if len(good) < 1 + self.calibrate:
                return NAN
            return self.statistic(good)[1]
        return self.t.get("above", self.t.get("limit", NAN))

    def is_held(self, verdicts, marks):
        """Hysteresis: was there a vote after which no long enough run of clear measurements came?"""
        if self.clear is None:
            return False
        level, need = self.clear
        held, run, n, streak = False, 0, 0, 0
        for (q, _, stat), mark in zip(verdicts, marks):
            if q == GOOD or (self.streaky and self.votes_bad):
                n += 1
            streak = streak + 1 if mark == "up" else 0
            if q == GOOD:
                run = run + 1 if stat <= level else 0
            elif self.votes_bad:
                run = 0
            if n > self.warmup and streak >= self.consecutive:
                held, run = True, 0
            elif held and run >= need:
                held = False
        return held


def tail(items, holds):
    count = 0
    for item in reversed(items):
        if not holds(item):
            break
        count += 1
    return count


class Reading:
    step, quality, value, statistic, threshold = -1, MISSING, NAN, NAN, NAN
    streak = n = faults = 0
    held = voting = calm = quiet = raised = False


class Measurement:
    serials = itertools.count()

    def __init__(self, step, quality, value, items=(), columns=0, own=True):
        self.serial = next(self.serials)
        self.step, self.quality, self.value = step, quality, value
        self.step_shown = step
        self.items, self.columns = list(items), columns
        self.own = own  # of a join: a fault that none of its members has
