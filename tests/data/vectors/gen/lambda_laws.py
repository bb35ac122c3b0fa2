"""lambda_maps.json: risk and measured KL to a weight, in rational arithmetic on the exact binary value of every input."""
import math
from fractions import Fraction as F

NAN = float("nan")


def clip(x, low, high):
    return max(low, min(high, x))


def is_risk(r):
    return r is not None and r == r and 0 <= r <= 1


def as_floats(x):
    if isinstance(x, F):
        return float(x)
    if isinstance(x, list):
        return [as_floats(v) for v in x]
    return {k: as_floats(v) for k, v in x.items()} if isinstance(x, dict) else x


def plain(x):
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    if isinstance(x, list):
        return [plain(v) for v in x]
    return {k: plain(v) for k, v in x.items()} if isinstance(x, dict) else x


def clamp_law(score):
    if not (1 <= score <= 5):
        return {"quality": "BAD"}
    beta = clip((F(score) - 2) / 3, F(1, 10), F(9, 10))
    return {"alpha": 1 - beta, "beta": beta, "additive_lambda": beta / (1 - beta)}


def linear_law(scores, beta_min, beta_max, alpha_ema):
    seen = []  # the average as the weighted sum of all GOOD scores so far, not step by step
    out = {"smoothed": [], "beta": [], "bad": []}
    for score in scores:
        out["bad"].append(not is_risk(score))
        if is_risk(score):
            seen.append(F(score))
        a, y = F(alpha_ema), None
        if seen:
            weights = [(1 - a) ** (len(seen) - 1 - i) * (a if i else 1) for i in range(len(seen))]
            y = sum(w * s for w, s in zip(weights, seen))
        out["smoothed"].append(y)
        out["beta"].append(None if y is None else F(beta_min) * (1 - y) + F(beta_max) * y)
    return out


def dead_zone(risk, noise_floor, lambda_max):
    if not (0 <= noise_floor < F(1, 3)):
        return {"error": True}
    low, high = 2 * F(noise_floor), 1 - F(noise_floor)
    r = F(risk)
    share = F(0) if r <= low else F(1) if r >= high else (r - low) / (high - low)
    return {"lambda": F(lambda_max) * share}


def adaptive(init, target, horizon, floor, ceiling, kls, ns):
    values = [init, target, horizon, floor, ceiling]
    if not all(math.isfinite(v) for v in values) or target <= 0 or horizon <= 0 or not 0 <= floor <= ceiling:
        return {"error": True}
    weight, out = clip(F(init), F(floor), F(ceiling)), {"applied": [], "error": [], "after": []}
    for kl, n in zip(kls, ns):
        out["applied"].append(weight)
        good = kl is not None and math.isfinite(kl)
        e = clip((F(kl) - F(target)) / F(target), F(-1, 5), F(1, 5)) if good else None
        out["error"].append(e)
        if good:
            weight = clip(weight + weight * e * n / F(horizon), F(floor), F(ceiling))
        out["after"].append(weight)
    return out


def fill(book, rng):
    def add(name, op, law, given):
        book.add(name, op, plain(given), as_floats(law(**given)))

    for score in (1.0, 1.5, 2.0, 2.25, 2.375, 2.5, 3.0, 3.5, 4.0, 4.5, 4.75, 5.0, 0.5, 5.5, 0.0, -1.0, NAN, math.inf):
        add(f"risk_clamp_{score}", "risk_clamp", clamp_law, {"score": score})
    for name, scores, low, high, a in (("plain", [0.0, 0.25, 1.0], 0.1, 0.9, 1.0), ("held", [0.5, NAN, 1.5, -0.1, 0.75], 0.0, 0.5, 0.5),
                                       ("bad_first", [NAN, None, 0.5], 0.0, 0.5, 0.5),
                                       ("long", [rng.randint(0, 64) / 64 for _ in range(40)], 0.125, 0.75, 0.25)):
        add(f"risk_linear_{name}", "risk_linear", linear_law, {"scores": scores, "beta_min": low, "beta_max": high, "alpha_ema": a})
    for f in (0.0, 0.125, 0.15, 0.25, 0.3125, 0.34, 0.5, -0.1, NAN):
        for risk in (0.0, 2 * f, 0.5, 1 - f, 1.0):
            if risk == risk and 0 <= risk <= 1:
                add(f"dead_zone_{f}_{risk}", "dead_zone", dead_zone, {"risk": risk, "noise_floor": f, "lambda_max": 2.0})
    for beta in (0.0, 0.1, 0.25, 0.5, 0.9, 1.0, -0.1, NAN):
        good = 0 <= beta < 1
        book.add(f"convex_to_additive_{beta}", "convex_to_additive", plain({"beta": beta}),
                 {"lambda": float(F(beta) / (1 - F(beta))), "loss_scale": float(1 - F(beta))} if good else {"error": True})
    for weight in (0.0, 0.03, 1.0, 2.0, 9.0, -1.0, math.inf):
        good = 0 <= weight < math.inf
        book.add(f"additive_to_convex_{weight}", "additive_to_convex", plain({"lambda": weight}),
                 {"alpha": float(1 / (1 + F(weight))), "beta": float(1 - 1 / (1 + F(weight)))} if good else {"error": True})
    usual = {"init": 1.0, "target": 0.125, "horizon": 100.0, "floor": 0.015625, "ceiling": 4.0}
    for name, change, kls in (("up_and_down", {}, [0.5, 0.5, 0.0, 0.125, 0.140625]), ("held", {}, [0.5, NAN, None, 0.5]),
                              ("stuck", {"init": 0.0, "floor": 0.0}, [9.0, 9.0]), ("lifted", {"init": 0.0}, [9.0, 9.0]),
                              ("ceiling", {"init": 3.9, "horizon": 10.0}, [9.0, 9.0, 0.0]), ("negative", {}, [-0.25, 0.25]),
                              ("target_0", {"target": 0.0}, [0.1]), ("horizon_0", {"horizon": 0.0}, [0.1]),
                              ("floor_above", {"floor": 5.0}, [0.1]), ("nan", {"init": NAN}, [0.1]),
                              ("long", {"horizon": 10000.0}, [rng.randint(0, 512) / 512 for _ in range(30)])):
        given = {**usual, **change, "kls": kls, "ns": [16 * (1 + i % 3) for i in range(len(kls))]}
        add(f"adaptive_kl_{name}", "adaptive_kl", adaptive, given)
    for nll in (1.0, 4.56, 8.0, 9.71):
        book.add(f"preflight_lambda_{nll}", "preflight_lambda", {"nll": nll}, {"lambda_star": float(F(2) / F(nll))})
    book.add("preflight_lambda_0", "preflight_lambda", {"nll": 0.0}, {"quality": "BAD"})
