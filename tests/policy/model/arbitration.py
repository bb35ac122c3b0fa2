"""Who wins on a knob: docs/POLICY.md, "Who wins", anew after every event. A part
of Reference."""
import math


class Wanted:
    def __init__(self, value, cause=("base", ""), at_once=False, items=(), moves=False):
        self.value, self.cause, self.at_once = value, cause, at_once
        self.items, self.moves = list(items), moves


def floored(value, items, floor):
    """Values per sample, none below `floor`; when all are at it there is one value for all."""
    if any(x > floor for x in items):
        items = [max(x, floor) for x in items]
        return mean(items), items
    return max(value, floor), []


def raised(best, floor):
    """A latched rule's output as a floor under `best`, sample by sample where there are samples."""
    if floor.items and len(best.items) in (0, len(floor.items)):
        under = best.items or [best.value] * len(floor.items)
        items = [max(a, b) for a, b in zip(floor.items, under)]
        over = Wanted(mean(items), floor.cause, floor.at_once, items, floor.moves)
        return over if over.value > best.value else best
    over = floor if floor.value > best.value else best
    value, items = floored(over.value, best.items, floor.value)
    return Wanted(value, over.cause, over.at_once, items, over.moves)


def mean(items):
    total = 0.0
    for x in items:
        total += x
    return total / len(items)


class Arbitration:
    def outputs(self, knob, latched_only, of="output"):
        """`of` "other": what the rules give a batch that is not the scored one."""
        out = []
        for place, rule in enumerate(self.rules.values()):
            c = rule.controllers.get(knob)
            value = None if c is None else c.gives(of)
            if not rule.in_force or value is None or math.isnan(value):
                continue
            if rule.mode == "latched" or not latched_only:
                at_once = c.kind == "constant" or (self.by_batch and rule.mode == "latched")
                w = Wanted(value, ("rule", rule.name), at_once, c.items if of == "output" else [],
                           c.kind != "constant")
                out.append((rule, place, w))
        return out

    def best(self, outputs, by_priority):
        def key(o):
            return (o[0].priority if by_priority else 0, o[2].value, -o[1])
        return max(outputs, key=key)[2]

    def tripped(self, knob, of="output"):
        best = None
        for _, _, offer in self.outputs(knob, True, of):
            best = offer if best is None else raised(best, offer)
        return best

    def automatic(self, knob, of="output"):
        out = self.outputs(knob, False, of)
        best = self.best(out, True) if out else Wanted(self.knobs[knob].base)
        for _, _, floor in self.outputs(knob, True, of):
            best = raised(best, floor)
        return best

    def wanted(self, knob, of="output"):
        k, auto = self.knobs[knob], self.automatic(knob, of)
        if k.override is None:
            return auto
        own = Wanted(k.override["value"], ("operator", k.override["operator"]), True)
        if not k.override["lowering"]:
            best = auto if auto.value > own.value else own
            best.value, best.items = floored(best.value, auto.items, own.value)
            return best
        best = own if own.value < auto.value else auto
        for _, _, floor in self.outputs(knob, True, of):
            best = raised(best, floor)
        return best

    def site(self, knob):
        out = []
        for place, rule in enumerate(self.rules.values()):
            if rule.in_force and knob in rule.t.get("site", {}):
                key = (rule.priority, rule.mode == "latched", -place)
                out.append((key, rule.t["site"][knob]))
        return max(out)[1] if out else ""

    def move(self):
        moved = steady = False
        self.moved = []
        for name, k in self.knobs.items():
            w, site = self.wanted(name), self.site(name)
            other = self.wanted(name, "other").value if self.by_batch else w.value
            value = self.towards(k, w)
            if (w.cause, site) != (k.cause, k.site) or (w.value != k.target and not w.moves):
                steady = moved = True
            if (value, w.items) != (k.value, k.items) or (w.value, other) != (k.target, k.other):
                moved = True
            if (value, w.value, w.items, w.cause, site, other) != (
                    k.value, k.target, k.items, k.cause, k.site, k.other):
                self.moved.append(k)
            k.other = other
            k.value, k.items, k.cause, k.site, k.target = value, w.items, w.cause, site, w.value
            k.slewed_to = self.odo_steps
        return moved, steady

    def towards(self, k, w):
        if k.slew is None or w.items or (w.at_once and w.value > k.value):
            return w.value
        if self.by_batch and self.step <= self.start and w.value > k.value:
            return w.value  # before the first update no rise is slewed
        room = k.slew * (self.odo_steps - getattr(k, "slewed_to", self.odo_steps))
        if abs(w.value - k.value) <= room:
            return w.value
        return k.value + room if w.value > k.value else k.value - room
