"""What operators may do, from docs/POLICY.md, "Operators": judged against the
state a command meets, then applied. A part of Reference."""
import math


class Operators:
    def expire_inhibitions(self):
        for rule in self.rules.values():
            if rule.inhibited_until is not None and self.odo_steps >= rule.inhibited_until:
                rule.inhibited_until = None
                self.events["changed"] = True

    def expire_overrides(self):
        for k in self.knobs.values():
            if k.override and k.override["until"] is not None and self.odo_steps >= k.override["until"]:
                k.override = None
                self.events["changed"] = True

    def command(self, c):
        c = dict(c)
        if isinstance(c["expected"], str):
            c["expected"] = self.version + int(c["expected"][2:])
        if c["id"] in self.commands:
            return self.commands[c["id"]]
        verdict = self.judge(c)
        if c["id"]:
            self.commands[c["id"]] = verdict
        if verdict == "logged":
            self.events["changed"] = True
            getattr(self, "do_" + c["action"])(c)
        return verdict

    def judge(self, c):
        action = c["action"]
        if not c["id"] or c["expires"] < 0:
            return "refused"
        if action in ("force", "release"):
            if c["knob"] not in self.knobs:
                return "refused"
            return self.judge_force(c) if action == "force" else self.judge_release(c)
        if action in ("reset", "inhibit", "allow"):
            rule = self.rules.get(c["rule"])
            if rule is None:
                return "refused"
            if action == "allow":
                return "logged" if rule.inhibited_until is not None else "refused"
            if action == "reset" and rule.mode != "latched":
                return "refused"
            if action == "inhibit" and (rule.mode == "latched" or c["expires"] == 0):
                return "refused"
            return self.with_version(c, needs_reason=True)
        return "refused"

    def with_version(self, c, needs_reason):
        if needs_reason and not c["reason"]:
            return "refused"
        if c["expected"] < 0:
            return "refused"
        return "logged" if self.steady <= c["expected"] <= self.version else "conflict"

    def judge_force(self, c):
        k, value = self.knobs[c["knob"]], c["value"]
        if not math.isfinite(value) or not k.min <= value <= k.max:
            return "refused"
        floor, auto = self.tripped(c["knob"]), self.automatic(c["knob"])
        if value >= max(k.value, k.target, auto.value):
            return "logged"
        if floor and value < floor.value:
            return "refused"
        if value < auto.value and (not c["reason"] or c["expires"] == 0):
            return "refused"
        return self.with_version(c, needs_reason=False)

    def judge_release(self, c):
        k = self.knobs[c["knob"]]
        if k.override is None:
            return "refused"
        if self.automatic(c["knob"]).value >= k.target:
            return "logged"
        return self.with_version(c, needs_reason=False)

    def do_force(self, c):
        k = self.knobs[c["knob"]]
        until = self.odo_steps + c["expires"] if c["expires"] else None
        k.override = {"value": c["value"], "operator": c["operator"], "until": until,
                      "lowering": c["value"] < self.automatic(c["knob"]).value}

    def do_release(self, c):
        self.knobs[c["knob"]].override = None

    def do_reset(self, c):
        rule = self.rules[c["rule"]]
        holds = rule.votes(self) >= rule.needed
        rule.go_quiet(rule.now(self))
        rule.armed = not holds

    def do_inhibit(self, c):
        rule = self.rules[c["rule"]]
        rule.inhibited_until = self.odo_steps + c["expires"]
        if rule.in_force:
            rule.go_quiet(rule.now(self))

    def do_allow(self, c):
        self.rules[c["rule"]].inhibited_until = None
