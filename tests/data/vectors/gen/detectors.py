"""Traces of the policy's detectors, by other formulas than the C++ code uses and from the whole history at each sample:
rational arithmetic, closed forms instead of recursions, moments instead of two passes, JS by entropies."""
import decimal
import math
from decimal import Decimal as D
from fractions import Fraction as F

NAN, INF = math.nan, math.inf
EXACT = {"abs": 0, "rel": 0}


def is_good(x):
    return x is not None and math.isfinite(x)


def counted(samples):
    """The good values so far, after each sample; None where this sample itself is not one of them."""
    past = []
    for step, x in samples:
        now = step != 0 and is_good(x)
        if now:
            past.append((F(step), F(x)))
        yield step, now, list(past)


def first(samples, fires):
    return next((step for (step, _), fire in zip(samples, fires) if fire), None)


def number(x):
    return None if x is None else float(x)


def root(x):
    return F((D(x.numerator) / D(x.denominator)).sqrt())


def median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def level(samples, above, consecutive, warmup, bad):
    """Recounted from the start for every prefix."""
    ns, streaks, fires = [], [], []
    for end in range(1, len(samples) + 1):
        points = [x for step, x in samples[:end] if step != 0]
        counts = [is_good(x) or bad == "vote" for x in points]
        high = [F(x) > F(above) if is_good(x) else bad == "vote" for x in points]
        streak = 0
        while streak < len(high) and high[-1 - streak]:
            streak += 1
        ns.append(sum(counts)), streaks.append(streak)
        fires.append(samples[end - 1][0] != 0 and sum(counts) > warmup and streak >= consecutive)
    return {"n": ns, "streak": streaks, "fired": [any(fires[:i + 1]) for i in range(len(fires))], "fired_at": first(samples, fires)}


def ewma_values(xs, keep):
    """y_n as a weighted sum of all values."""
    return [keep ** i * xs[0] + sum((1 - keep) * keep ** (i - j) * xs[j] for j in range(1, i + 1)) for i in range(len(xs))]


def ewma(samples, halflife, above, consecutive, warmup):
    keep = F(D(2) ** (D(-1) / D(halflife)))
    ys, streak, streaks, fires = [], 0, [], []
    for step, now, past in counted(samples):
        y = ewma_values([x for _, x in past], keep)[-1] if past else None
        if step != 0:
            streak = streak + 1 if now and y > F(above) else 0
        ys.append(number(y)), streaks.append(streak)
        fires.append(step != 0 and streak >= consecutive and len(past) > warmup)
    return {"alpha": float(1 - keep), "y": ys, "streak": streaks, "fired_at": first(samples, fires)}


def mad_shift(samples, keep, calibrate, mads, consecutive):
    med = mad = line = None
    emas, deltas, streak, streaks, fires = [], [], 0, [], []
    for step, now, past in counted(samples):
        es = ewma_values([x for _, x in past], F(keep))
        steps = [b - a for a, b in zip(es, es[1:])]
        if line is None and len(steps) >= calibrate:
            med = median(steps[:calibrate])
            mad = median([abs(d - med) for d in steps[:calibrate]])
            line = med + F(mads) * mad
        delta = steps[-1] if now and steps else None
        if step != 0:
            streak = streak + 1 if len(steps) > calibrate and delta is not None and delta > line else 0
        emas.append(number(es[-1] if es else None)), deltas.append(number(delta)), streaks.append(streak)
        fires.append(streak >= consecutive)
    return {"ema": emas, "delta": deltas, "median": number(med), "mad": number(mad), "threshold": number(line), "streak": streaks,
            "fired_at": first(samples, fires)}


def cusum(samples, mu, slack, limit):
    """The largest sum over a suffix, the empty one included."""
    out = []
    for _, _, past in counted(samples):
        gains = [x - F(mu) - F(slack) for _, x in past]
        out.append(max([F(0)] + [sum(gains[i:]) for i in range(len(gains))]))
    return {"s": [float(s) for s in out], "fired_at": first(samples, [s > F(limit) for s in out])}


def page_hinkley(samples, delta, limit):
    ms, gaps = [], []
    for _, _, past in counted(samples):
        xs = [x for _, x in past]
        path = [F(0)]
        for i, x in enumerate(xs):
            path.append(path[-1] + x - sum(xs[:i + 1]) / (i + 1) - F(delta))
        ms.append(path[-1]), gaps.append(path[-1] - min(path))
    return {"m": [float(m) for m in ms], "m_minus_min": [float(g) for g in gaps], "fired_at": first(samples, [g > F(limit) for g in gaps])}


def zscore(samples, window, above):
    """Mean of squares less square of the mean: exact, so nothing cancels."""
    out = []
    for _, now, past in counted(samples):
        z = None
        before = [x for _, x in past[-window - 1:-1]]
        if now and len(before) == window:
            mean = sum(before) / window
            variance = sum(x * x for x in before) / window - mean * mean
            z = (past[-1][1] - mean) / root(variance) if variance > 0 else None
        out.append(z)
    return {"z": [number(z) for z in out], "fired_at": first(samples, [z is not None and z > F(above) for z in out])}


def rate(samples, window, above):
    out = []
    for _, now, past in counted(samples):
        last = past[-window:]
        slope = None
        if now and len(last) == window:
            t, x = sum(a for a, _ in last), sum(b for _, b in last)
            slope = (window * sum(a * b for a, b in last) - t * x) / (window * sum(a * a for a, _ in last) - t * t)
        out.append(slope)
    return {"slope": [number(s) for s in out], "fired_at": first(samples, [s is not None and s > F(above) for s in out])}


def eprocess(samples, m0, bet, alpha, form):
    """Products of gains over suffixes: the whole (ville), their sum (esr), the largest (ecusum)."""
    ms, bad, gains, fires = [], [], [], []
    for step, x in samples:
        usable = is_good(x) and 0 <= x <= 1
        bad.append(step != 0 and not usable)
        if step != 0 and usable:
            gains.append(1 + F(bet) * (F(x) - F(m0)))
        products, product = [], F(1)
        for gain in reversed(gains):
            product *= gain
            products.append(product)
        m = {"ville": product, "esr": sum(products, F(0)), "ecusum": max(products, default=F(1))}[form]
        ms.append(float(m)), fires.append(m * F(alpha) >= 1)
    return {"m": ms, "bad": bad, "fired_at": first(samples, fires)}


def js(p, q):
    def h(x):
        x = D(x.numerator) / D(x.denominator)
        return -x * x.ln() if x > 0 else D(0)
    return sum((h((a + b) / 2) - (h(a) + h(b)) / 2 for a, b in zip(p, q)), D(0))


def window_js(rows, window, above):
    values, candidates = [], range(window - 1, len(rows) - window)
    for i in candidates:
        def mean(times, c):
            return [sum(F(rows[t][c][k]) for t in times) / window for k in range(len(rows[0][c]))]
        per = [js(mean(range(i - window + 1, i + 1), c), mean(range(i + 1, i + window + 1), c)) for c in range(len(rows[0]))]
        values.append(sum(per, D(0)) / len(per))
    fired = next((i + window for i, v in zip(candidates, values) if v > D(above)), None)
    peak = None if not values else candidates[max(range(len(values)), key=lambda k: values[k])]
    return {"dissimilarity": [float(v) for v in values], "candidate": list(candidates), "decided_at": [i + window for i in candidates],
            "peak_candidate": peak, "fired_at_index": fired}


LAWS = {"level": level, "ewma": ewma, "mad_shift": mad_shift, "cusum": cusum, "page_hinkley": page_hinkley, "zscore": zscore,
        "rate": rate, "eprocess": eprocess}


def shown(x):
    return x if x is None or math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def add(book, name, op, samples, tolerance=None, **arguments):
    book.add(name, op, {**arguments, "samples": [[s, shown(x)] for s, x in samples]}, LAWS[op](samples, **arguments), tolerance)


def trace(rng, jump, start=1):
    """A calm series that jumps, in eighths of a per cent, with a bad or a missing point now and then."""
    change = rng.randrange(6, 18)
    out = []
    for t in range(start, 26):
        x = rng.randrange(60, 220) / 800.0 + (jump if t >= change else 0.0)
        out.append([t * 4, rng.choice([NAN, None, INF]) if rng.randrange(9) == 0 else x])
    return out


def drifting_rows(rng, times, canaries, columns, change):
    rows = []
    for t in range(times):
        row = []
        for _ in range(canaries):
            parts = [rng.randrange(1, 9) + (20 if t >= change and k == 0 else 0) for k in range(columns)]
            unit = 1.0 / 2 ** math.ceil(math.log2(64 * sum(parts)))  # exact in binary
            weights = [round(part / sum(parts) / unit) * unit for part in parts]
            weights[-1] += 1.0 - sum(weights)
            row.append(weights)
        rows.append(row)
    return rows


def add_edges(book):
    up, line = math.nextafter, 0.4
    add(book, "level-at-the-line", "level", [[3, line], [6, up(line, 1)], [9, up(line, 0)], [12, up(line, 1)]], EXACT, above=line,
        consecutive=1, warmup=0, bad="alarm")
    add(book, "level-warm-up-boundary", "level", [[0, 9.0], [2, 9.0], [4, 9.0], [6, None], [8, 9.0], [10, 9.0]], EXACT, above=1.0,
        consecutive=2, warmup=3, bad="vote")
    add(book, "cusum-touches-limit", "cusum", [[1, 1.5], [2, 1.5], [3, 1.5], [4, 0.0]], mu=1.0, slack=0.25, limit=0.75)
    add(book, "page-hinkley-slow-drift", "page_hinkley", [[i, i / 64.0] for i in range(1, 30)], delta=0.25, limit=0.5)
    add(book, "zscore-flat-window", "zscore", [[1, 0.5], [2, 0.5], [3, 0.5], [4, 9.0], [5, 9.0]], window=3, above=2.0)
    add(book, "rate-uneven-steps", "rate", [[0, 9.0], [1, 0.0], [2, 1.0], [9, 2.0], [10, NAN], [31, 3.0], [32, 9.0]], window=3, above=0.5)
    add(book, "mad-zero", "mad_shift", [[i, 0.125] for i in range(1, 8)] + [[8, 0.25], [9, 0.25], [10, 0.25]], keep=0.875, calibrate=4,
        mads=3.0, consecutive=2)
    for form in ("ville", "esr", "ecusum"):
        add(book, "eprocess-all-or-nothing-" + form, "eprocess", [[0, 1.0], [2, 1.0], [4, 0.0], [6, 1.0], [8, 1.25], [10, 1.0], [12, 1.0]],
            m0=0.5, bet=1.5, alpha=0.125, form=form)
    book.add("window-js-step", "window_js", {"rows": (rows := [[[0.875, 0.125]]] * 3 + [[[0.125, 0.875]]] * 3), "window": 3, "above": 0.2},
             window_js(rows, 3, 0.2))


def add_random(book, rng):
    for i in range(4):
        samples = trace(rng, 0.5, i % 2)
        name = f"random-{i}-"
        add(book, name + "level", "level", samples, EXACT, above=0.25, consecutive=2 + i, warmup=i, bad="vote" if i % 2 else "alarm")
        add(book, name + "ewma", "ewma", samples, halflife=1 + i, above=0.3, consecutive=2, warmup=3)
        add(book, name + "mad", "mad_shift", samples, keep=0.75, calibrate=4 + i, mads=2.0, consecutive=2)
        add(book, name + "cusum", "cusum", samples, mu=0.2, slack=0.03125, limit=0.8)
        add(book, name + "page-hinkley", "page_hinkley", samples, delta=0.0625, limit=0.7)
        add(book, name + "zscore", "zscore", samples, window=4 + i, above=2.5)
        add(book, name + "rate", "rate", samples, window=3 + i, above=0.02)
        add(book, name + "eprocess", "eprocess", samples, m0=0.25, bet=1.75, alpha=0.05, form=("ville", "esr", "ecusum", "ville")[i])
        rows = drifting_rows(rng, 12 + i, 1 + i, 3 + i, 6)
        book.add(name + "window-js", "window_js", {"rows": rows, "window": 2 + i % 2, "above": 0.05}, window_js(rows, 2 + i % 2, 0.05))


def fill(book, rng):
    with decimal.localcontext() as context:
        context.prec = 50
        add_edges(book)
        add_random(book, rng)
