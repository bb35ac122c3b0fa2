"""Runs scripts of events through policy_trace and through the reference, and says where they first
differ. A case is {"toml", "decl", "events"}; events are dicts, "cut" among them."""
import json
import math
import struct
import subprocess

from laws import TooClose
from reference import Reference


def bits(x):
    return struct.pack(">d", x).hex()


def number(text):
    return math.nan if text == "nan" else struct.unpack(">d", bytes.fromhex(text))[0]


def word(text):
    return text or "-"


def line_of(e):
    kind = e["kind"]
    if kind == "cut":
        return "cut"
    head = f'{kind} {e["step"]} {bits(e.get("t", 0.0))} {e.get("attempt", 0)}'
    if kind == "hello":
        return f'{head} {e["start"]}'
    if kind == "report":
        out = [head, f'{e["origin"]} {e["batch"]}']
        for s in e["samples"]:
            if s.get("missing"):
                out.append(f'{s["signal"]} missing')
            else:
                items = s.get("items", [])
                out.append(f'{s["signal"]} {bits(s["value"])} {len(items)} '
                           + " ".join(bits(x) for x in items))
        return " ".join(out)
    if kind == "applied":
        return f'{head} {e["segment"]} ' + " ".join(
            f'{o["id"]} {o["status"]} -1' for o in e["outcomes"])
    if kind == "command":
        return " ".join([head, word(e["id"]), e["action"], word(e["operator"]), word(e["reason"]),
                         word(e["knob"]), bits(e["value"]), word(e["rule"]), str(e["expires"]),
                         str(e["expected"])])
    return head


def script(case):
    decl, toml = case["decl"], case["toml"].encode()
    out = [f"policy {len(toml)}\n".encode() + toml + b"\n"]
    lines = [f'canaries {word(",".join(decl["canaries"]))}', f'cadence {decl["cadence"]}',
             "requests rollback,checkpoint,pause,stop", f'laws {word(",".join(decl["laws"]))}']
    for name, s in decl["signals"].items():
        lines.append(f'signal {name} {bits(s["min"])} {bits(s["max"])} {word(s["items"])} '
                     f'{s["every"]} {s.get("columns", 0)}')
    for name, k in decl["knobs"].items():
        lines.append(f'knob {name} {bits(k["min"])} {bits(k["max"])} 1 batch,replay')
    lines += [line_of(e) for e in case["events"]] + ["end"]
    return b"".join(out) + "\n".join(lines).encode() + b"\n"


def same(a, b, slack=1e-12):
    """`a` of the reference, `b` printed: equal, but that sums may differ in their last bits."""
    if a is None:  # any
        return True
    if isinstance(a, float):
        x = number(b) if isinstance(b, str) else float(b)
        return (a != a and x != x) or a == x or abs(a - x) <= slack * (max(abs(a), abs(x)) + 1e-3)
    if isinstance(a, (list, tuple)):
        return isinstance(b, list) and len(a) == len(b) and all(same(x, y, slack) for x, y in zip(a, b))
    if isinstance(a, bool):
        return int(a) == b
    return a == b


def readable(x):
    if isinstance(x, str) and (x == "nan" or (len(x) == 16 and all(c in "0123456789abcdef" for c in x))):
        return number(x)
    if isinstance(x, list):
        return [readable(y) for y in x]
    return x


def difference(case, printed):
    """None, or a text that says at which event they differ and in what. "refused": the reference
    made a policy that the engine does not take."""
    model = Reference(case["toml"], case["decl"])
    printed = iter(printed)
    try:
        for i, e in enumerate(case["events"]):
            if e["kind"] == "cut":
                continue
            shown = next(printed)
            if "refused" in shown:
                return f'refused: {shown["refused"]}'
            verdict, decision = model.on(e)
            found = compare(model, verdict, decision, shown)
            if found:
                return f"event {i} {line_of(e)}: {found}"
    except TooClose:
        pass
    return None


def batches(shown):
    """Without a value of their own, batches that were not scored get that of the knob."""
    return [[of, k[0] if other == "nan" else other]
            for (of, other), k in zip(shown["b"], shown["k"])]


def compare(model, verdict, decision, shown):
    if verdict != shown["verdict"]:
        return f"verdict {verdict} against {shown['verdict']}"
    mine = model.state()
    rules = [r[:4] + [r[5]] for r in shown["r"]]
    for key in ("d", "r", "f", "k", "b", "o", "v", "c"):
        theirs = rules if key == "r" else batches(shown) if key == "b" else shown[key]
        if not same(mine[key], theirs, 1e-12 if key == "d" else 1e-15):
            return f"{key}: reference {mine[key]}, engine {readable(theirs)}"
    theirs = shown.get("decision")
    if (decision is None) != (theirs is None):
        return f"decision: reference {decision}, engine {theirs}"
    for key in decision or ():
        a, b = decision[key], theirs[key]
        if key == "alerts":
            a, b = sorted(list(x) for x in a), sorted(b)
        if not same(a, b, 1e-15):
            return f"decision {key}: reference {a}, engine {readable(b)}"
    return None


def run(binary, cases):
    done = subprocess.run([binary], input=b"".join(script(c) for c in cases),
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{binary} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    lines = iter(done.stdout.splitlines())
    out = []
    for case in cases:
        out.append([json.loads(next(lines)) for e in case["events"] if e["kind"] != "cut"])
    return out
