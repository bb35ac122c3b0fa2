"""Random policies and traces, biased to the edges: thresholds exactly and one ulp to either side,
streaks of n-1, n and n+1, gaps, duplicates, late points, NaN, resumes and commands anywhere."""
import json
import math

from controllers import SCORED

LN2 = math.log(2)
SIGNALS = {
    "s/a": {"min": 0.0, "max": 1.0, "items": "", "every": 5},
    "s/b": {"min": -8.0, "max": 8.0, "items": "", "every": 5},
    "s/c": {"min": 0.0, "max": 5.0, "items": "", "every": 1},
    "s/d": {"min": -8.0, "max": 8.0, "items": "", "every": 10},
    "t/free": {"min": 0.0, "max": 8.0, "items": "", "every": 0},
    "v/x": {"min": 0.0, "max": 1.0, "items": "sample", "every": 5},
    "canary/js": {"min": 0.0, "max": LN2 + 1e-6, "items": "canary", "every": 0},
    "w/dist": {"min": -math.inf, "max": math.inf, "items": "distribution", "every": 5, "columns": 2},
}
KNOBS = {"kl": {"min": 0.0, "max": 9.5}, "aux": {"min": 0.0, "max": 10.0}}
DECL = {"signals": SIGNALS, "knobs": KNOBS, "canaries": ["a", "b"], "cadence": 5}
EDGES = [0.125, 0.25, 0.5]  # thresholds; values lie on them, beside them and well away


def near(rng, x):
    return rng.choice([x, math.nextafter(x, math.inf), math.nextafter(x, -math.inf)])


def value(rng, name):
    low, high = SIGNALS[name]["min"], SIGNALS[name]["max"]
    roll = rng.random()
    if roll < 0.30:
        return near(rng, rng.choice(EDGES))
    if roll < 0.55:
        return rng.choice([0.75, 0.625, 0.6875])
    if roll < 0.80:
        return rng.choice([0.0, 0.0625, 0.1, -0.0])
    if roll < 0.86:
        return rng.choice([math.nan, math.inf, -math.inf, high * 2 + 1 if high < 100 else math.nan])
    if roll < 0.92:
        return rng.choice([low, high]) if math.isfinite(high) else 0.3
    if high >= 5:
        return rng.choice([1.0, 2.0, 2.3, 3.0, 4.0, 4.7, 5.0])
    return rng.randrange(0, 41) / 64


def sample(rng, name):
    if rng.random() < 0.04:
        return {"signal": name, "missing": True}
    items = SIGNALS[name]["items"]
    out = {"signal": name, "value": value(rng, name), "items": []}
    if items == "canary":
        out["items"] = [value(rng, name) for _ in range(2 if rng.random() < 0.9 else rng.randrange(3))]
    elif items == "sample":
        out["items"] = [value(rng, name) for _ in range(rng.randrange(5))]
    elif items == "distribution":
        out["value"] = 0.0
        for _ in range(2 if rng.random() < 0.95 else rng.randrange(3)):
            p = rng.randrange(0, 9) / 8 if rng.random() < 0.95 else 1.5
            out["items"] += [p, 1 - p]
    return out


def source(rng, plain=None):
    roll = rng.random()
    if plain or roll < 0.6:
        return {"signal": plain or rng.choice(["s/a", "s/a", "s/b", "s/c", "s/d", "t/free", "v/x"])}
    if roll < 0.68:
        return {"signal": "canary/js/" + rng.choice("ab")}
    if roll < 0.80:
        return {"signal": rng.choice(["canary/js/*", "v/x/*", "s/*"]),
                "combine": rng.choice(["max", "mean"])}
    a, b = rng.sample(["s/a", "s/b", "s/c", "s/d"], 2)
    return {"signal": a, rng.choice(["minus", "over"]): b}


def streak_keys(rng):
    out = {"above": rng.choice(EDGES), "consecutive": rng.randrange(1, 4),
           "warmup": rng.choice([0, 0, 1, 3])}
    if rng.random() < 0.3:
        out["clear"] = rng.choice([x for x in EDGES if x <= out["above"]])
    if rng.random() < 0.2:
        out["clear_consecutive"] = rng.randrange(1, 4)
    return out


def detector(rng):
    kind = rng.choice(["level"] * 5 + ["ewma", "ewma", "rate", "zscore", "mad_shift", "cusum",
                                       "page_hinkley", "window_js", "eprocess", "stale"])
    t = dict(source(rng), type=kind)
    if kind in ("level", "ewma", "rate", "zscore"):
        t.update(streak_keys(rng))
    if kind == "ewma":
        t["halflife"] = rng.choice([1.0, 2.0, 0.5])
    if kind in ("rate", "zscore"):
        t["window"] = rng.randrange(2, 5)
        t["above"] = rng.choice([0.013, 0.07, 1.1]) if kind == "zscore" else rng.choice([0.0131, 0.051])
        t.pop("clear", None)
    if kind == "mad_shift":
        t.update({"keep": 0.9, "calibrate": rng.randrange(1, 4), "mads": 3.0,
                  "consecutive": rng.randrange(1, 3)})
    if kind == "cusum":
        t.update({"mean": 0.125, "slack": rng.choice([0.0, 0.125]), "limit": rng.choice([0.5, 1.0])})
    if kind == "page_hinkley":
        t.update({"delta": rng.choice([0.0, 0.0625]), "limit": rng.choice([0.253, 0.51])})
    if kind == "window_js":
        t = {"signal": "w/dist", "type": kind, "window": rng.randrange(1, 4), "above": 0.031}
    if kind == "eprocess":
        t.update({"form": rng.choice(["ville", "esr", "ecusum"]), "null_mean": 0.25,
                  "bet": rng.choice([0.5, 2.0, 4.0]), "alpha": rng.choice([0.5, 0.125])})
    if kind == "stale":
        t = {"signal": rng.choice(["s/a", "s/d"]), "type": kind,
             "after": rng.choice(["2 intervals", "7 steps", "10 steps", "12 s"])}
    if rng.random() < 0.4:
        t["bad"] = rng.choice(["alarm", "vote"])
    return t


def controller(rng):
    t = law(rng)
    if isinstance(t, dict) and t["controller"] in SCORED and rng.random() < 0.7:
        t["unscored"] = rng.choice(["hold", "base", "law"])
    return t


def law(rng):
    kind = rng.choice(["number"] * 4 + ["ramp", "ladder", "risk_linear", "risk_clamp", "per_sample",
                                        "adaptive_kl"])
    if kind == "number":
        return rng.choice([0.5, 1.0, 2.0, 2.0])
    if kind == "ramp":
        return {"controller": kind, "to": rng.choice([0.0, 1.0, 3.0]), "steps": rng.choice([1, 4, 16])}
    if kind == "ladder":
        return dict(source(rng), controller=kind, rungs=[[0.125, 0.5], [0.5, 1.5], [0.75, 2.5]],
                    hysteresis=rng.choice([0.0, 0.125]))
    if kind == "risk_linear":
        t = {"signal": "s/a", "controller": kind, "min": rng.choice([0.0, 0.25]),
             "max": 0.75, "smoothing": rng.choice([1.0, 0.5])}
        if rng.random() < 0.4:
            t["noise_floor"] = 0.125
        if rng.random() < 0.3:
            t["output"] = "beta"
        return t
    if kind == "risk_clamp":
        return {"controller": kind, **rng.choice([{"signal": "s/a", "scale": "risk"},
                                                  {"signal": "s/c", "scale": "score"}])}
    if kind == "per_sample":
        t = {"controller": kind, "signal": "v/x", "max": 2.0}
        t.update(rng.choice([{}, {"noise_floor": 0.125}, {"above": 0.25}]))
        return t
    return {"controller": kind, "signal": rng.choice(["t/free", "s/b"]), "target": 0.25, "horizon": 4.0, "floor": 0.125,
            "ceiling": 3.0, "init": rng.choice([0.0, 1.0]), "per_update": rng.choice([1, 2])}


def rule(rng, detectors, before):
    terms = list(detectors) + ["rule." + r for r in before]
    of = rng.sample(terms, rng.randrange(1, min(3, len(terms)) + 1))
    is_always = rng.random() < 0.07
    some = f"{rng.randrange(1, len(of) + 1)}_of_n"
    when = "always" if is_always else rng.choice(["all", "any", some, "any", "not"])
    t = {"when": when} if is_always else {"when": when, "of": of}
    if rng.random() < 0.4:
        t["latch"] = True
    elif not is_always:
        if rng.random() < 0.25:
            t["hold"] = rng.choice(["2 points", "8 steps", "9 s"])
        if rng.random() < 0.25:
            t["release_points"] = rng.randrange(1, 4)
        if rng.random() < 0.25:
            t["cooldown"] = rng.choice(["2 points", "10 steps", "11 s"])
    if rng.random() < 0.15:
        t["from_step"] = rng.choice([10, 15, 16])
    if rng.random() < 0.2 and not is_always:
        t["for_points"] = rng.randrange(2, 4)
    if rng.random() < 0.2 and not is_always:
        t["for"] = rng.choice(["10 steps", "6 s"])
    if rng.random() < 0.3:
        t["priority"] = rng.randrange(-1, 3)
    for knob in KNOBS:
        if rng.random() < (0.8 if knob == "kl" else 0.25):
            t.setdefault("set", {})[knob] = controller(rng)
    if rng.random() < 0.2:
        t["site"] = {"kl": rng.choice(["batch", "replay"])}
    if rng.random() < 0.4 or ("set" not in t and "site" not in t):
        t["alert"] = rng.choice(["info", "medium", "high", "critical"])
    if rng.random() < 0.3:
        t["request"] = rng.sample(["rollback", "checkpoint", "pause"], rng.randrange(1, 3))
        if "rollback" in t["request"] and rng.random() < 0.5:
            t["rollback"] = {"at_most": rng.randrange(1, 3), "every": rng.choice(["10 steps", "9 s"]),
                             "without_snapshot": rng.choice(["reference", "pause", "stop", "nothing"])}
    return t


def toml_value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, str):
        return json.dumps(v)
    if isinstance(v, list):
        return "[" + ", ".join(toml_value(x) for x in v) + "]"
    if isinstance(v, dict):
        return "{" + ", ".join(f"{k} = {toml_value(x)}" for k, x in v.items()) + "}"
    return repr(v)


def table(head, t):
    lines = [f"[{head}]"]
    for k, v in t.items():
        if k in ("set", "site"):
            lines += [f"{k}.{knob} = {toml_value(x)}" for knob, x in v.items()]
        else:
            lines.append(f"{k} = {toml_value(v)}")
    return "\n".join(lines) + "\n"


def policy(rng):
    knobs = {"kl": {"base": rng.choice([0.0, 0.25]), "max": 9.25}, "aux": {"base": 1.0, "max": 10.0}}
    if rng.random() < 0.4:
        knobs["kl"]["slew_per_step"] = rng.choice([0.03125, 0.25])
    detectors = {f"d{i}": detector(rng) for i in range(rng.randrange(1, 4))}
    rules = {}
    for i in range(rng.randrange(1, 4)):
        rules[f"r{i}"] = rule(rng, detectors, list(rules))
    order = list(rules)
    rng.shuffle(order)
    text = 'version = 1\nname = "random"\nmode = "enforce"\n'
    text += "".join(table("knob." + n, t) for n, t in knobs.items())
    text += "".join(table("detector." + n, t) for n, t in detectors.items())
    text += "".join(table("rule." + n, rules[n]) for n in order)
    on = {"bad_signal": rng.choice(["alarm", "alarm", "vote"]),
          "missing_after": rng.choice(["1 intervals", "2 intervals", "3 intervals"])}
    if rng.random() < 0.3:
        on["resume"] = "carried"
    return text + table("on", on), order


class Trace:
    def __init__(self, rng, rules):
        self.rng, self.rules = rng, rules
        self.step, self.t, self.attempt, self.segment, self.id = 0, 100.0, 1, 0, 0
        self.batch = 0
        self.events = [self.event("hello", start=0)]

    def event(self, kind, **more):
        return dict(kind=kind, step=self.step, t=self.t, attempt=self.attempt, **more)

    def report(self, step):
        rng = self.rng
        names = [n for n in SIGNALS if rng.random() < (0.9 if step % 5 == 0 else 0.3)]
        if names and rng.random() < 0.05:
            names.append(rng.choice(names))
        origin = rng.randrange(3)
        if origin == 2 and rng.random() < 0.8:  # else the same again, or a part of it
            self.batch += 1
        e = self.event("report", origin=origin, samples=[sample(rng, n) for n in names])
        e["step"], e["batch"] = step, self.batch if origin == 2 and rng.random() < 0.9 else 0
        return e

    def command(self):
        rng = self.rng
        self.id += 1
        e = self.event("command", id=str(self.id if rng.random() < 0.95 else max(1, self.id - 1)),
                       action=rng.choice(["force", "force", "release", "reset", "reset", "inhibit",
                                          "allow"]),
                       operator=rng.choice(["ann", "bob"]), reason=rng.choice(["why", "why", ""]),
                       knob=rng.choice(["kl", "kl", "kl", "aux", "other"]),
                       value=rng.choice([0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 3.0, 9.0, 9.375, math.nan]),
                       rule=rng.choice(self.rules + ["other"]), expires=rng.choice([0, 5, 5, 10, 20]),
                       expected=rng.choice(["v+0"] * 5 + ["v+-1", "v+1", -1, 0]))
        e["attempt"] = 0
        return e

    def advance(self):
        rng = self.rng
        self.step += rng.choice([5 - self.step % 5] * 7 + [1, 0, 2, 10 - self.step % 5, 15 - self.step % 5])
        self.t += rng.choice([1.0, 3.0, 3.0, 0.0, 6.0, -1.0])

    def add(self):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.70:
            self.advance()
            late = rng.random() < 0.04
            self.events.append(self.report(max(0, self.step - 5) if late else self.step))
        elif roll < 0.84:
            self.events.append(self.command())
        elif roll < 0.88:
            self.step = max(0, self.step - rng.choice([0, 5, 10]))
            self.segment += 1
            self.events.append(self.event("applied", segment=self.segment, outcomes=[]))
        elif roll < 0.91:
            self.step = max(0, self.step - rng.choice([0, 3, 5, 10]))
            self.attempt, self.segment, self.t = self.attempt + 1, 0, self.t + rng.choice([50.0, -50.0])
            self.events.append(self.event("hello", start=self.step))
        elif roll < 0.94:
            outcome = {"id": rng.randrange(1, 4), "status": rng.choice(["done", "failed", "refused"])}
            self.events.append(self.event("applied", segment=self.segment, outcomes=[outcome]))
        elif roll < 0.96:
            self.advance()
            self.events.append(self.event("heartbeat"))
        elif roll < 0.97:
            old = self.report(self.step)
            old["attempt"] = self.attempt - 1
            self.events.append(old)
        elif roll < 0.99:
            self.events.append({"kind": "cut"})
        else:
            self.events.append(self.event(rng.choice(["tick", "goodbye"])))


def case(rng, length):
    toml, rules = policy(rng)
    trace = Trace(rng, rules)
    while len(trace.events) < length:
        trace.add()
    laws = rng.choice([[], ["batches"], ["batches"]])  # without: as older records are decided
    return {"toml": toml, "decl": dict(DECL, laws=laws), "events": trace.events}
