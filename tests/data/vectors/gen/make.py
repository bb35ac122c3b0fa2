#!/usr/bin/env python3
"""Makes the golden vectors of tests/data/vectors with the Python standard library alone.

Answers come from other formulas than the C++ code uses, in 60-digit decimal arithmetic on the exact binary value of
every input: JS as entropy(m) - (entropy(p) + entropy(q)) / 2, Wilson's interval as the roots of its quadratic, KL's
gradient in closed form, AUROC by counting pairs.

usage: make.py [--out DIR]      same bytes every time
"""
import argparse
import decimal
import hashlib
import json
import math
import pathlib
import random
import sys
from decimal import Decimal as D

sys.dont_write_bytecode = True
import detectors
import lambda_laws

decimal.getcontext().prec = 60
LN2 = D(2).ln()


class Book:
    def __init__(self, group, about, tolerance):
        self.data = {"schema": "phaseguard-vectors/1", "group": group, "about": about,
                     "source": "tests/data/vectors/gen/make.py", "tolerance": tolerance, "count": 0, "cases": []}

    def add(self, name, op, given, expect, tolerance=None, note=None):
        case = {"id": name, "op": op, "tolerance": tolerance or self.data["tolerance"], "input": given, "expect": expect}
        if note:
            case["note"] = note
        self.data["cases"].append(case)
        self.data["count"] += 1

    def write(self, out):
        (out / (self.data["group"] + ".json")).write_text(json.dumps(self.data, indent=1, ensure_ascii=False) + "\n")


def grid(rng, low, high):
    """A number that float32 and JSON hold exactly."""
    return rng.randint(int(low * 512), int(high * 512)) / 512.0


def softmax(logits):
    z = [None if v == -math.inf else D(v) for v in logits]
    top = max(v for v in z if v is not None)
    e = [D(0) if v is None else (v - top).exp() for v in z]
    total = sum(e)
    return [v / total for v in e]


def plogp(p):
    return D(0) if p == 0 else p * p.ln()


def js(p, q):
    """Entropy of the mixture minus the mean entropy: cancels, so 60 digits."""
    m = [(a + b) / 2 for a, b in zip(p, q)]
    return max(D(0), (sum(map(plogp, p)) + sum(map(plogp, q))) / 2 - sum(map(plogp, m)))


def truncated(zp, zq, k):
    p, q = softmax(zp), softmax(zq)
    top = lambda z: set(sorted(range(len(z)), key=lambda i: (-z[i], i))[:k])
    ref, union = top(zq), top(zq) | top(zp)
    out = {"k": k, "union_size": len(union)}
    for name, s in (("union", union), ("ref", ref)):
        a, b = (sum((v[i] for i in range(len(v)) if i not in s), D(0)) for v in (p, q))
        inside = sorted(s)
        # A bucket's share is the entropy form on the merged outcomes; raw leaves the bucket's share out.
        merged = js([p[i] for i in inside] + [a], [q[i] for i in inside] + [b])
        bucket = (plogp(a) + plogp(b)) / 2 - plogp((a + b) / 2)
        raw = merged - bucket
        pa, qb = sum(p[i] for i in inside), sum(q[i] for i in inside)
        out[name + "_topk_tail"], out[name + "_topk_raw"] = merged, raw
        out[name + "_topk_renorm"] = js([p[i] / pa for i in inside], [q[i] / qb for i in inside]) if pa and qb else None
        if name == "union":
            out.update(tail_model=a, tail_reference=b, lower=merged, upper=raw + (a + b) / 2 * LN2)
    return out


def plain(value):
    if isinstance(value, D):
        return float(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def js_book(rng):
    book = Book("js", "Jensen-Shannon divergence in nats", {"abs": 1e-12, "rel": 1e-9, "abs_float32": 5e-7})

    def pair(name, zp, zq, ks, note=None):
        expect = {"full": js(softmax(zp), softmax(zq)), "by_k": [truncated(zp, zq, k) for k in ks]}
        book.add(name, "js_pair", plain({"model": zp, "reference": zq, "ks": ks}), plain(expect), note=note)

    for i, (v, spread) in enumerate([(3, 1), (7, 4), (33, 2), (65, 8), (100, 0.05)]):
        zq = [grid(rng, -6, 6) for _ in range(v)]
        zp = [z + grid(rng, -spread, spread) for z in zq]
        pair(f"random-{i}", zp, zq, [1, min(4, v), v])
    pair("one-side-masked", [0.5, -math.inf, 1.0, 2.0, -math.inf], [0.25, 1.5, -math.inf, 2.0, -math.inf], [2, 5])
    pair("tie-at-the-cut", [1.0, 1.0, 1.0, 0.0], [0.0, 2.0, 2.0, 2.0], [1, 2], "the lower index is in the top-k")
    book.add("identical", "js_pair", {"model": [0.5, -3.25, 7.0], "reference": [0.5, -3.25, 7.0], "ks": []},
             {"full": 0.0, "by_k": []}, {"abs": 0.0, "rel": 0.0, "abs_float32": 0.0})
    book.add("nan", "js_pair", {"model": ["NaN", 1.0], "reference": [0.0, 1.0], "ks": []}, {"quality": "BAD"})
    book.add("k-beyond-v", "js_pair", {"model": [0.0, 1.0], "reference": [0.0, 1.0], "ks": [3]}, {"error": True})
    rows = [[[grid(rng, -4, 4) for _ in range(9)] for _ in range(5)] for _ in range(2)]
    per = [js(softmax(a), softmax(b)) for a, b in zip(*rows)]
    book.add("mean-of-five", "js_mean", {"model": rows[0], "reference": rows[1]},
             plain({"per_canary": per, "mean": sum(per) / 5, "max": max(per), "n": 5}))
    put = lambda text: len(text.encode()).to_bytes(4, "little") + text.encode()
    body = b"phaseguard-canary-v1\0"
    for name, messages in (("a", [("user", "Was ist schön?")]), ("b", [("system", "Kurz."), ("user", "Why?")])):
        body += put(name) + len(messages).to_bytes(4, "little") + b"".join(put(r) + put(c) for r, c in messages)
    book.add("digest-sorted", "canary_digest", {"canaries": [
        {"id": "b", "messages": [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Why?"}]},
        {"id": "a", "prompt": "Was ist schön?", "tags": ["de"]}]}, {"sha256": hashlib.sha256(body).hexdigest()})
    return book


def kl_book(rng):
    book = Book("kl", "Exact KL and its gradient", {"abs": 1e-12, "rel": 1e-9, "abs_float32": 2e-6})
    for i, v in enumerate((2, 5, 17)):
        zq = [grid(rng, -3, 3) for _ in range(v)]
        zp = [z + grid(rng, -1, 1) for z in zq]
        p, q = softmax(zp), softmax(zq)
        forward = sum(a * (a.ln() - b.ln()) for a, b in zip(p, q))
        backward = sum(b * (b.ln() - a.ln()) for a, b in zip(p, q))
        given = {"model": zp, "reference": zq}
        book.add(f"model_ref-{v}", "kl_position", {**given, "direction": "model_ref"}, plain(
            {"value": forward, "grad_model_logits": [a * (a.ln() - b.ln() - forward) for a, b in zip(p, q)]}))
        book.add(f"ref_model-{v}", "kl_position", {**given, "direction": "ref_model"}, plain(
            {"value": backward, "grad_model_logits": [a - b for a, b in zip(p, q)]}))
    book.add("new-support", "kl_position", {"model": [0.0, 1.0], "reference": [0.0, "-Infinity"], "direction": "model_ref"},
             {"quality": "BAD"})
    book.add("additive", "kl_loss", {"ce": 1.5, "kl": 0.25, "form": "additive", "lambda": 0.5}, {"loss": 1.625})
    book.add("convex", "kl_loss", {"ce": 1.5, "kl": 0.25, "form": "convex", "beta": 0.5}, {"loss": 0.875})
    return book


def judged_cases(book, rng):
    """Criteria by integers alone: k / n crosswise, never a quotient; verdicts by counting."""
    for i in range(3):
        n, m = 4 * rng.randint(5, 60), 5 * rng.randint(5, 60)
        none, always, useful = 2 * rng.randint(n // 3, n // 2), 2 * rng.randint(0, n // 8), 5 * rng.randint(m // 10, m // 5)
        middle, kept = (none + always) // 2, useful * 4 // 5
        rows, wanted = [], []
        for name, k, u in (("on-the-lines", middle, kept), ("one-over", middle + 1, kept), ("one-under", middle, kept - 1)):
            rows.append({"name": name, "em": f"{k}/{n}", "utility": f"{u}/{m}"})
            passes = 2 * k <= none + always, 5 * u >= 4 * useful
            wanted.append({"name": name, "em_pass": passes[0], "utility_pass": passes[1], "both": all(passes),
                           "recovery": float(D(none - k) / D(none - always)), "retention": float(D(u) / D(useful))})
        book.add(f"criteria-{i}", "criteria",
                 {"none_em": f"{none}/{n}", "always_em": f"{always}/{n}", "none_utility": f"{useful}/{m}",
                  "recovery": "1/2", "retention": "4/5", "rows": rows},
                 plain({"em_line": D(50) * (none + always) / n, "utility_line": D(80) * useful / m, "rows": wanted}))
    book.add("criteria-no-gap", "criteria",
             {"none_em": "3/8", "always_em": "37.5", "none_utility": "0", "recovery": "1/2", "retention": "4/5",
              "rows": [{"name": "same", "em": "37.50", "utility": "0/9"}, {"name": "unmeasured", "em": None, "utility": None}]},
             {"em_line": 37.5, "utility_line": 0.0, "rows": [
                 {"name": "same", "em_pass": None, "utility_pass": None, "both": None, "recovery": None, "retention": None},
                 {"name": "unmeasured", "em_pass": None, "utility_pass": None, "both": None, "recovery": None, "retention": None}]})
    for name, rate in (("not-a-number", "1e1"), ("over-all", "9/8"), ("no-trials", "0/0")):
        book.add(f"criteria-{name}", "criteria", {"none_em": rate, "always_em": "0", "none_utility": "1", "recovery": "1/2",
                                                  "retention": "4/5", "rows": []}, {"error": True})
    tokens = [str(t) for t in (100, 0, 7, 64)] + ["Yes", "1 ", "00", "", "\u0661"]
    weights = [rng.randint(1, 8) for _ in tokens]
    top = [[t, w / 128] for t, w in zip(tokens, weights)]
    mass = D(sum(weights[:4])) / 128
    book.add("score-mixed-tokens", "judge_score", {"top": top}, plain(
        {"number_mass": mass, "score": None if mass < D("0.25") else
         D(sum(w * int(t) for t, w in zip(tokens[:4], weights))) / sum(weights[:4])}))
    book.add("score-beyond-the-20th", "judge_score", {"top": [["no", 0.03125]] * 20 + [["50", 0.015625]]},
             {"number_mass": 0.0, "score": None}, note="only the 20 most probable tokens are looked at")
    book.add("score-no-probability", "judge_score", {"top": [["50", 1.5]]}, {"error": True})
    pairs = [[rng.choice([0, 29.75, 30, 31, None]), rng.choice([49.5, 50, 50.5, 100, None])] for _ in range(40)]
    both = [(a, c) for a, c in pairs if a is not None and c is not None]
    book.add("answers", "misaligned_rate", {"scores": pairs},
             {"n": len(both), "unscored": len(pairs) - len(both), "misaligned": sum(a < 30 and c > 50 for a, c in both),
              "incoherent": sum(c is not None and c < 50 for a, c in pairs)})
    book.add("answers-unaligned", "misaligned_rate", {"scores": [[None, 10], [5, 90], [None, 80], [40, None]]},
             {"n": 1, "unscored": 3, "misaligned": 1, "incoherent": 1}, note="an answer without an alignment score is coherent or not all the same")
    book.add("answers-off-scale", "misaligned_rate", {"scores": [[10, 90], [10, 101]]}, {"error": True})
    for answer, target, same in (("\t12 3\r\n", " 12 3", True), ("12  3", "12 3", False), ("12", "12.0", False)):
        book.add(f"match-{len(answer)}", "exact_match", {"answer": answer, "target": target}, {"match": same})


def other_books(rng):
    book = Book("evaluate", "Wilson intervals, judged answers, criteria", {"abs": 1e-12, "rel": 1e-9})
    z = D("1.95996398454005423552459443052055152795555")  # 30 digits beyond double
    for k, n in ((1, 3), (7, 24), (0, 5), (5, 5)):
        # The interval's ends are the roots of (p - k/n)^2 = z^2 p (1 - p) / n.
        a, b, c = 1 + z * z / n, -(2 * D(k) / n + z * z / n), (D(k) / n) ** 2
        root = (b * b - 4 * a * c).sqrt()
        book.add(f"{k}of{n}", "wilson", {"k": k, "n": n, "confidence": 0.95},
                 plain({"rate": D(k) / n, "lower": (-b - root) / (2 * a), "upper": (-b + root) / (2 * a)}))
    book.add("none", "wilson", {"k": 0, "n": 0, "confidence": 0.95}, {"error": True})
    judged_cases(book, random.Random(72))
    answers = [[-0.5, -0.25, -1.0], [-1.75], [-0.5] * 4]
    book.add("best-tie-in-sum", "best_of_n", {"token_logprobs": answers},
             {"sum": [-1.75, -1.75, -2.0], "mean": [-1.75 / 3, -1.75, -0.5], "chosen": 0, "chosen_by_mean": 2},
             note="ties: the first; the mean prefers the long answer")
    book.add("best-empty-answer", "best_of_n", {"token_logprobs": [[], [-3.0]]},
             {"sum": [None, -3.0], "mean": [None, -3.0], "chosen": 1, "chosen_by_mean": 1}, note="no token: no likelihood")
    book.add("best-none", "best_of_n", {"token_logprobs": [[], ["NaN"]]}, {"error": True})
    yield book

    book = Book("probe", "Ranking, thresholds and directions", {"abs": 1e-12, "rel": 1e-9})
    for i in range(3):
        y = [1, 0] + [rng.randint(0, 1) for _ in range(18)]
        s = [float(rng.randint(-3, 3 + t)) for t in y]
        pos, neg = ([a for a, t in zip(s, y) if t == c] for c in (1, 0))
        wins = sum((a > b) + (a == b) / 2 for a in pos for b in neg)
        book.add(f"pairs-{i}", "ranking", {"scores": s, "y": y}, {"auroc": wins / (len(pos) * len(neg))})
        for rate in (0.0, 0.25):
            t = min(c for c in neg if sum(v > c for v in neg) <= rate * len(neg))
            book.add(f"threshold-{i}-{rate}", "threshold_for_false_alarm_rate", {"negatives": neg, "rate": rate},
                     {"threshold": t, "false_alarms": sum(v > t for v in neg)})
    low, high = D(0), D(2)
    for _ in range(150):
        middle = (low + high) / 2
        low, high = (middle, high) if middle / 2 < 1 / (1 + middle.exp()) else (low, middle)
    book.add("two-points", "logistic_fit", {"x": [[-1.0], [1.0]], "y": [0, 1], "l2": 0.5},
             {"mean": [0.0], "sd": [1.0], "bias": 0.0, "weights": [float(low)]}, {"abs": 1e-9, "rel": 0.0},
             "w solves w / 2 = 1 / (1 + e^w)")
    book.add("along-an-axis", "direction_drift",
             {"trait": [[3.0, 4.0]], "other": [[0.0, 0.0]], "ref": [[0.0, 0.0], [6.0, 8.0]], "now": [[3.0, 4.0], [9.0, 12.0]]},
             {"norm": 5.0, "unit": [0.6, 0.8], "sd_reference": 5.0, "drift": 5.0, "drift_in_sd": 1.0})
    yield book

    book = Book("trigger", "Detectors of the policy: samples in, state after each and the firing step out", {"abs": 1e-12, "rel": 1e-9})
    book.add("streak-broken-by-bad", "level",
             {"above": 1.0, "consecutive": 2, "warmup": 0, "bad": "alarm",
              "samples": [[0, 9.0], [1, 2.0], [2, "NaN"], [3, 2.0], [4, 1.0], [5, 2.0], [6, 3.0], [7, None]]},
             {"n": [0, 1, 1, 2, 3, 4, 5, 5], "streak": [0, 1, 0, 1, 0, 1, 2, 0], "fired_at": 6,
              "fired": [False, False, False, False, False, False, True, True]}, {"abs": 0, "rel": 0})
    y, ys = None, []
    values = [0.0, 1.0, 1.0, 1.0]
    for x in values:
        y = x if y is None else y + 0.5 * (x - y)
        ys.append(y)
    book.add("halflife-one", "ewma",
             {"above": 0.6, "consecutive": 1, "warmup": 0, "halflife": 1, "samples": [[i + 1, x] for i, x in enumerate(values)]},
             {"alpha": 0.5, "y": ys, "fired_at": 3})
    book.add("floor", "earliest_step", {"cadence": 7, "warmup": 1, "consecutive": 4}, {"step": 28}, {"abs": 0, "rel": 0})
    detectors.fill(book, random.Random(20250103))
    yield book


def safelora_book(rng):
    """C formed in full; its norm from the characteristic polynomial of the 2 x 2 matrix; c from the products' entries."""
    book = Book("safelora", "SafeLoRA: C = V V^T / ||V||, B' = C B", {"abs": 1e-10, "rel": 1e-8, "abs_float32": 1e-4})
    times = lambda x, y: [[sum(a * b for a, b in zip(row, col)) for col in zip(*y)] for row in x]
    norm = lambda m: sum(v * v for row in m for v in row).sqrt()
    rows = lambda r, c: [[grid(rng, -1, 1) for _ in range(c)] for _ in range(r)]
    exact = lambda m: [[D(v) for v in row] for row in m]
    cosines = []
    for i, (n, r) in enumerate(((3, 1), (5, 2), (2, 2))):
        aligned, base, a, b = rows(2, n), rows(2, n), rows(r, n), rows(2, r)
        v = [[D(x) - D(y) for x, y in zip(p, q)] for p, q in zip(aligned, base)]
        c = [[x / norm(v) for x in row] for row in times(v, list(map(list, zip(*v))))]
        half, root = (c[0][0] + c[1][1]) / 2, (((c[0][0] - c[1][1]) / 2) ** 2 + c[0][1] ** 2).sqrt()
        projected = times(c, exact(b))
        before, after = times(exact(b), exact(a)), times(projected, exact(a))
        dot = sum(x * y for p, q in zip(before, after) for x, y in zip(p, q))
        cosines.append(dot / norm(before) / norm(after))
        book.add(f"two-rows-{i}", "safelora_layer", {"aligned": aligned, "base": base, "A": a, "B": b, "scale": 4.0}, plain(
            {"V_norm": norm(v), "C": c, "C_spectral_norm": half + root, "B_projected": projected, "norm_ratio": norm(after) / norm(before),
             "update_before": [[4 * x for x in row] for row in before], "update_after": [[4 * x for x in row] for row in after],
             "cosine": cosines[-1]}))
    book.add("no-alignment", "safelora_layer", {"aligned": [[1.0]], "base": [[1.0]], "A": [[1.0]], "B": [[1.0]], "scale": 1.0}, {"quality": "BAD"})
    given = plain(cosines) + [None]
    order = sorted(range(3), key=lambda i: cosines[i])
    for n in (1, 2, 3, 4):
        book.add(f"number-{n}", "safelora_select", {"cosines": given, "mode": "number", "value": n},
                 {"project": [i in order[:n] for i in range(3)] + [False], "cut": given[order[min(n, 3) - 1]]})
    book.add("threshold", "safelora_select", {"cosines": [0.25, 0.5, None, 0.75], "mode": "threshold", "value": 0.5},
             {"project": [True, True, False, False], "cut": 0.5})
    book.add("number-of-none", "safelora_select", {"cosines": [None], "mode": "number", "value": 1}, {"error": True})
    book.add("number-zero", "safelora_select", {"cosines": [0.5], "mode": "number", "value": 0}, {"error": True})
    return book


def ldifs_book(rng):
    """||u - v||^2 = 2 - 2 u.v of unit vectors; its gradient -2 (v - (u.v) u) / (||x|| B)."""
    book = Book("ldifs", "Distance of normalised features", {"abs": 1e-12, "rel": 1e-9, "abs_float32": 5e-6})
    for blocks, points, indices in ((1, 5, [0]), (9, 5, [0, 2, 4, 6, 8]), (10, 4, [0, 3, 6, 9]), (4, 1, [3])):
        book.add(f"layers-{blocks}-{points}", "ldifs_layers", {"blocks": blocks, "points": points}, {"indices": indices}, {"abs": 0, "rel": 0})
    book.add("layers-none", "ldifs_layers", {"blocks": 0, "points": 5}, {"error": True})
    for case, (layers, samples, tokens, width, mask) in enumerate(((1, 2, 3, 2, None), (2, 2, 3, 4, [[1, 1, 0], [0, 1, 1]]))):
        draw = lambda: [[[[grid(rng, -2, 2) for _ in range(width)] for _ in range(tokens)] for _ in range(samples)] for _ in range(layers)]
        model, ref = draw(), draw()
        per, grads = [D(0)] * samples, []
        for x, y in zip(model, ref):
            rows = []
            for i in range(samples):
                keep = mask[i] if mask else [1] * tokens
                flat = [[D(v) * k for t, k in zip(side[i], keep) for v in t] for side in (x, y)]
                nx, ny = (sum(v * v for v in side).sqrt() for side in flat)
                u, v = [a / nx for a in flat[0]], [b / ny for b in flat[1]]
                dot = sum(a * b for a, b in zip(u, v))
                per[i] += 2 - 2 * dot
                g = [-2 * (b - dot * a) / nx / samples for a, b in zip(u, v)]
                rows.append([[g[t * width + h] * keep[t] for h in range(width)] for t in range(tokens)])
            grads.append(rows)
        given = {"model": model, "ref": ref, **({"mask": mask} if mask else {})}
        book.add(f"random-{case}", "ldifs_distance", given,
                 plain({"value": sum(per) / samples, "per_sample": per, "grad_model_features": grads}))
    book.add("nothing-left-by-the-mask", "ldifs_distance", {"model": [[[[1.0]]]], "ref": [[[[1.0]]]], "mask": [[0]]}, {"quality": "BAD"})
    book.add("layers-differ", "ldifs_distance", {"model": [[[[1.0]]]], "ref": [[[[1.0]]], [[[1.0]]]]}, {"error": True})
    return book


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    out = parser.parse_args().out
    rng = random.Random(20250101)
    for book in (js_book(rng), kl_book(rng), *other_books(rng)):
        book.write(out)
    rng = random.Random(20250102)
    for book in (safelora_book(rng), ldifs_book(rng)):
        book.write(out)
    book = Book("lambda_maps", "Laws from risk and measured KL to a KL weight; weights are dimensionless",
                {"abs": 1e-12, "rel": 1e-12})
    lambda_laws.fill(book, random.Random(20250104))
    book.write(out)


if __name__ == "__main__":
    main()
