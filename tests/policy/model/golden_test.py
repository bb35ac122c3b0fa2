"""The reference model's detectors and weight laws against golden vectors that neither it nor the
engine made (tests/data/vectors: rational arithmetic and closed forms). phaseguard-conformance holds
the engine against the same files, so that model and engine agree on more than each other.

    golden_test.py FOLDER        FOLDER has trigger.json and lambda_maps.json

Prints the figures; exits 1 at the first case that differs or that it does not know."""
import json
import math
import pathlib
import sys

import controllers
import laws
from laws import BAD, GOOD, MISSING, NAN, Detector, Measurement, TooClose

# Not in the model: no controller uses these maps, and refusals of a bad constant are the parser's.
NOT_MODELLED = {"additive_to_convex", "preflight_lambda"}


def number(x):
    return {"NaN": NAN, "Infinity": math.inf, "-Infinity": -math.inf}.get(x, x)


def quality(x):
    return MISSING if x is None else GOOD if math.isfinite(number(x)) else BAD


class Case:
    def __init__(self, case):
        self.id, self.input, self.expect = case["id"], case["input"], case["expect"]
        self.slack = case["tolerance"]

    def same(self, key, got):
        self.check(key, self.expect[key], got)

    def check(self, what, want, got):
        if isinstance(want, list):
            if len(want) != len(got):
                raise ValueError(f"{self.id}: {what} has {len(got)} entries, expected {len(want)}")
            for i, (w, g) in enumerate(zip(want, got)):
                self.check(f"{what}[{i}]", w, g)
            return
        want = number(want)
        if want is None or isinstance(want, bool) or isinstance(got, bool):
            fits = want is got or (want is None and got != got)
        else:
            room = self.slack["abs"] + self.slack["rel"] * abs(want)
            fits = got is not None and (got == want or abs(got - want) <= room)
        if not fits:
            raise ValueError(f"{self.id}: {what}: expected {want}, the model gives {got}")


# ---- detectors

class Deciding(Detector):
    """Compares also where the model proper leaves it to rounding; such a golden case is exact."""

    def trips(self, good):
        try:
            return super().trips(good)
        except TooClose:
            statistic, limit = self.statistic(good)
            is_calibration = self.type == "mad_shift" and len(good) <= 1 + self.calibrate
            return not is_calibration and statistic > limit


TABLES = {"level": ("above", "consecutive", "warmup", "bad"),
          "ewma": ("halflife", "above", "consecutive", "warmup"),
          "rate": ("window", "above"), "zscore": ("window", "above"),
          "mad_shift": ("keep", "calibrate", "mads", "consecutive"),
          "cusum": ("slack", "limit"), "page_hinkley": ("delta", "limit"),
          "eprocess": ("bet", "alpha", "form"), "window_js": ("window", "above")}
STATISTIC = {"ewma": "y", "rate": "slope", "zscore": "z", "mad_shift": "delta", "cusum": "s",
             "page_hinkley": "m_minus_min", "eprocess": "m", "window_js": "dissimilarity"}


def table_of(op, given):
    table = {"type": op, **{key: given[key] for key in TABLES[op]}}
    table.update({mine: given[theirs] for mine, theirs in (("mean", "mu"), ("null_mean", "m0"))
                  if theirs in given})
    return table


def measurements(op, given):
    if op == "window_js":
        flat = [[p for row in rows for p in row] for rows in given["rows"]]
        columns = len(given["rows"][0][0])
        return [Measurement(i + 1, GOOD, 0.0, items, columns) for i, items in enumerate(flat)]
    return [Measurement(step, quality(x), NAN if x is None else number(x))
            for step, x in given["samples"]]


def trace(case, op):
    detector, history = Deciding(table_of(op, case.input), "alarm"), measurements(op, case.input)
    readings = [detector.read(history[:i + 1]) for i in range(len(history))]
    if op == "window_js":
        return window_js(case, detector, readings)
    steps = [m.step for m in history]
    case.same("fired_at", next((s for s, r in zip(steps, readings) if r.voting), None))
    fired = [any(r.voting for r in readings[:i + 1]) for i in range(len(readings))]
    for key, got in (("n", [r.n for r in readings]), ("streak", [r.streak for r in readings]),
                     ("fired", fired)):
        if key in case.expect:
            case.same(key, got)
    if op in STATISTIC:
        # null: nothing was computed at this sample; the model then shows the newest that was
        for i, want in enumerate(case.expect[STATISTIC[op]]):
            if want is not None:
                before = 1.0 if op == "eprocess" and case.input["form"] != "esr" else 0.0
                got = readings[i].statistic
                case.check(f"{STATISTIC[op]}[{i}]", want, before if got != got else got)
            elif history[i].quality == GOOD:
                case.check(f"{STATISTIC[op]}[{i}]", None, readings[i].statistic)
    if op == "eprocess":
        case.same("bad", [r.quality != GOOD for r in readings])
    if op == "mad_shift":
        calibration(case, readings, history)
    return None


def calibration(case, readings, history):
    xs = [m.value for m in history if m.quality == GOOD and m.step > 0]
    d = laws.increments(xs, case.input["keep"])[:case.input["calibrate"]] if xs else []
    if len(d) < case.input["calibrate"]:
        return
    middle = laws.median(d)
    case.same("median", middle)
    case.same("mad", laws.median([abs(x - middle) for x in d]))
    case.same("threshold", readings[-1].threshold)


def window_js(case, detector, readings):
    first = 2 * detector.t["window"] - 1
    case.same("dissimilarity", [r.statistic for r in readings[first:]])
    case.same("decided_at", list(range(first, len(readings))))
    case.same("fired_at_index", next((i for i, r in enumerate(readings) if r.voting), None))


def earliest_step(case):
    """By trying: the largest values from the first measurement on."""
    i = case.input
    detector = Detector({"type": "level", "above": 0.5, "consecutive": i["consecutive"],
                         "warmup": i["warmup"]}, "alarm")
    history = []
    while not (history and detector.read(history).voting):
        history.append(Measurement(i["cadence"] * (len(history) + 1), GOOD, 1.0))
    case.same("step", history[-1].step)


# ---- weights

def risk_clamp(case):
    score = number(case.input["score"])
    law = controllers.Controller({"controller": "risk_clamp", "scale": "score"}, None, 0.0)
    usable = law.take(Measurement(1, GOOD, score))
    if "quality" in case.expect:
        case.check("usable", False, usable)
        return
    beta = controllers.risk_clamp_beta(score)
    case.same("beta", beta)
    case.same("additive_lambda", law.output)


def risk_linear(case):
    i = case.input
    law = controllers.Controller({"controller": "risk_linear", "min": i["beta_min"],
                                  "max": i["beta_max"], "smoothing": i["alpha_ema"]}, None, 0.0)
    for at, score in enumerate(i["scores"]):
        usable = score is not None and law.risk_linear(number(score))
        case.check(f"bad[{at}]", case.expect["bad"][at], not usable)
        case.check(f"smoothed[{at}]", case.expect["smoothed"][at], law.smoothed)
        case.check(f"beta[{at}]", case.expect["beta"][at], law.output)


def dead_zone(case):
    i = case.input
    risk = number(i["risk"])
    if case.expect.get("error") is True:
        return False  # a noise floor that the parser refuses
    law = controllers.Controller({"controller": "risk_linear", "max": i["lambda_max"],
                                  "noise_floor": i["noise_floor"]}, None, 0.0)
    usable = risk is not None and law.risk_linear(risk)
    if "quality" in case.expect:
        case.check("usable", False, usable)
    else:
        case.same("lambda", law.output)
    return True


def convex_to_additive(case):
    if case.expect.get("error") is True:
        return False
    case.same("lambda", controllers.to_lambda(case.input["beta"]))
    return True


def adaptive_kl(case):
    i = case.input
    if case.expect.get("error") is True:
        return False
    value = controllers.clamp(i["init"], i["floor"], i["ceiling"])
    for at, (kl, n) in enumerate(zip(i["kls"], i["ns"])):
        case.check(f"applied[{at}]", case.expect["applied"][at], value)
        if kl is not None and math.isfinite(number(kl)):
            value = controllers.adaptive(value, number(kl), i, n)
        case.check(f"after[{at}]", case.expect["after"][at], value)
    return True


OTHERS = {"earliest_step": earliest_step, "risk_clamp": risk_clamp, "risk_linear": risk_linear,
          "dead_zone": dead_zone, "convex_to_additive": convex_to_additive,
          "adaptive_kl": adaptive_kl}


def main():
    folder = pathlib.Path(sys.argv[1])
    confirmed, beside = {}, {}
    for name in ("trigger.json", "lambda_maps.json"):
        for given in json.loads((folder / name).read_text())["cases"]:
            op, case = given["op"], Case(given)
            if op in NOT_MODELLED:
                beside[op] = beside.get(op, 0) + 1
                continue
            if op not in TABLES and op not in OTHERS:
                raise ValueError(f"{case.id}: the model knows no {op}")
            held = trace(case, op) if op in TABLES else OTHERS[op](case)
            count = beside if held is False else confirmed
            count[op] = count.get(op, 0) + 1
    print(f"confirmed {sum(confirmed.values())}: {confirmed}")
    print(f"beside the model {sum(beside.values())}: {beside}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as found:
        print(found)
        sys.exit(1)
