#!/usr/bin/env python3
"""Mutants of the dashboard that an operator would pay for: a control that is alive without a path, a
lowering by one click, a shelf that never ends. Each is one change of one source file; the objects of
a build are linked with it, and a test must fail.

    scripts/mutate_dashboard.py BUILD FOLDER [NAME ...]
    scripts/mutate_dashboard.py --check

BUILD is a folder of CMake's in which test_dashboard_runs has been built, which is left as it is;
FOLDER takes the mutated objects. With NAMEs, those whose name has one of them. Prints a line per
mutant and the count; fails when one survives. docs/MUTATION.md says what came of it. --check builds
nothing: every mutant must still find the line that it changes."""
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOM = "monitor/dashboard/"
TEST = "test_dashboard_runs"
# name, file, what it says, what it says then
MUTANTS = [
    ("control alive without a daemon", "model/control/commands.cpp",
     'if (!source.connected) return "the daemon does not answer: a command would not arrive";', ""),
    ("control alive of a lost trainer", "model/control/commands.cpp", "if (link == wire::LinkState::kLost) {", "if (false) {"),
    ("control alive of an ended run", "model/control/commands.cpp",
     'if (link == wire::LinkState::kEnded) return "the run has ended";', ""),
    ("control alive of a recording", "model/control/commands.cpp",
     'if (!source.live) return "a recording: there is no trainer to command";', ""),
    ("lowering of a silent trainer", "model/control/commands.cpp", "if (!why.empty() || health(run).link != wire::LinkState::kSilent) return why;",
     "return why;"),
    ("no reason is needed", "model/control/commands.cpp", 'if (is_blank(command.reason)) return "give a reason";', ""),
    ("no expiry is needed", "model/control/commands.cpp", 'return expires && command.expires_after_steps <= 0 ? "give an expiry" : "";',
     'return expires ? "" : "";'),
    ("a lowering names no version", "model/control/commands.cpp", "raises ? -1 : version", "-1"),
    ("a command goes to the shown run", "model/control/commands.cpp", "message.header.run = run;", "message.header.run = shown()->run;"),
    ("reset of a rule that is not latched", "model/control/commands.cpp", 'return latched ? "" : shown + " is not latched";', 'return "";'),
    ("pending of another run", "panels/protection.cpp", "if (pending.run == state->run) commands", "commands"),
    ("Cancel sends", "panels/dialog.cpp", "return done;", "return done || cancelled;"),
    ("one click is enough", "panels/dialog.cpp", "how == Ask::kHold ? hold_button(view, what, size, obstacle)",
     "how == Ask::kHold ? button(view, what, size, obstacle)"),
    ("a hold of 0 s", "model/control/hold.cpp", "held_s_ >= kHoldS", "held_s_ >= 0.0"),
    ("a hold that goes on when let go", "model/control/hold.cpp", "if (button == button_) *this = {};", ""),
    ("a hold that another button takes over", "model/control/hold.cpp", "if (button != button_) *this = {};", ""),
    ("a frame counts for all its time", "model/control/hold.cpp", "std::clamp(frame_s, 0.0, kFrameS)", "frame_s + 0.0 * kFrameS"),
    ("a hold goes on beside the button", "panels/ui.cpp", " && ImGui::IsItemActive() && ImGui::IsItemHovered();", " && ImGui::IsItemActive();"),
    ("a hold with an obstacle", "panels/ui.cpp", "obstacle.empty() && ImGui::IsItemActive()", "ImGui::IsItemActive()"),
    ("a raise that lowers by now", "model/knobs.cpp", "if (now == nullptr || !run::is_lowering(now->protects, now->in_force, value)) return \"\";",
     "return \"\";"),
    ("a dialog of another run", "model/knobs.cpp", "if (state == nullptr || state->run != subject.run) {", "if (state == nullptr) {"),
    ("a rule that has changed", "model/control/rules.cpp", "if (now != nullptr && is_another(subject.rule, *now)) {", "if (false) {"),
    ("a rule of another run", "model/control/rules.cpp", "if (state == nullptr || state->run != subject.run) {", "if (state == nullptr) {"),
    ("panic lowers a knob", "model/control/panic.cpp", "out.value = proposed_value(knob);", "out.value = knob.rule_value;"),
    ("panic of a knob that protects in no direction", "model/control/panic.cpp", "if (knob.protects == wire::Protects::kNone) {", "if (false) {"),
    ("panic without looking again", "model/control/panic.cpp", "if (why.empty()) why = obstacle_to_raise(model, subject, planned.value);", ""),
    ("panic by one key", "panels/panic_dialog.cpp", "if (view.chord_s <= 0.0 || io.KeyCtrl", "if (io.KeyCtrl"),
    ("panic by a second key at any time", "panels/panic_dialog.cpp", "std::min(static_cast<double>(io.DeltaTime), kChordS)", "0.0 * kChordS"),
    ("a shelf that never ends", "model/alarm_book.cpp", "(reached || now.mono >= entry.shelf_ends)", "reached"),
    ("a shelf that outlasts its step", "model/alarm_book.cpp", "(reached || now.mono >= entry.shelf_ends)", "now.mono >= entry.shelf_ends"),
    ("a shelf of any length", "model/alarm_book.cpp", "std::min(shelf.for_s, kLongestShelfS)", "shelf.for_s"),
    ("a shelf without a reason", "model/alarm_book.cpp", "if (is_blank(shelf.reason)) return false;", ""),
    ("a shelf over what grows graver", "model/alarm_book.cpp", "if (graver || again)", "if (again)"),
    ("an alarm that went unseen is forgotten", "model/alarm_book.cpp",
     "if (entry.state == AlarmState::kUnacknowledged) entry.state = AlarmState::kReturned;", ""),
    ("first-out by arrival", "model/alarm_book.cpp", "return came(a) < came(b);", "return a < b;"),
    ("what is over of the view itself is another run's", "model/alarm_rows.cpp", "return id.run.empty() || (", "return ("),
    ("all alarms came together", "model/alarm_book.cpp", "came_s - last_came_s_ > kTogetherS", "came_s < 0.0 * kTogetherS"),
    ("the list moves under the mouse", "panels/alarm_list.cpp", "if (!hovered) order.clear();", "order.clear();"),
    ("shelved alarms stay on the banner", "model/alarms.cpp", "return book.is_shelved(id_of(one));", "return false && book.is_shelved(id_of(one));"),
    ("a vote has an alarm's colour", "model/alarms.cpp", "if (!is_in_force(state, info.name)) continue;", ""),
    ("a stale run has an alarm's colour", "panels/left.cpp", "stale || running ? p.text : p.dim, word", "stale ? p.medium : p.dim, word"),
    ("a broken link is always high", "panels/left.cpp", "sign_of(link.level, p).colour, link.word", "p.high, link.word"),
    ("inhibitions are not on the banner", "panels/banners.cpp", "inhibitions(*model.shown())", "std::vector<ByHand>{}"),
    ("two rows a step of a slew", "model/events.cpp", "if (slews.take(entry)) continue;", ""),
    ("a refused force counts as in force", "model/control/by_hand.cpp", "return wanted(entry.body) && took_effect(state, entry);", "return wanted(entry.body);"),
]


class Build:
    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        commands = json.loads((self.build / "compile_commands.json").read_text())
        self.compile = {c["file"]: c["command"] for c in commands}
        lines = subprocess.run(["ninja", "-t", "commands", f"tests/{TEST}"], cwd=self.build, capture_output=True,
                               text=True, check=True).stdout.splitlines()
        self.link = [line for line in lines if f"-o tests/{TEST}" in line][-1]

    def object_of(self, source, text):
        copy = self.folder / source.name
        copy.write_text(text)
        words = shlex.split(self.compile[str(source)])
        words[words.index("-c") + 1] = str(copy)
        target = self.folder / (source.name + ".o")
        words[words.index("-o") + 1] = str(target)
        words = [w for w in words if not re.fullmatch(r"-O\d", w) and w != "-Werror"] + ["-O0", "-w"]
        done = subprocess.run(words, cwd=self.build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-1500:])
        return target

    def program(self, source, text):
        changed = self.object_of(source, text)
        library = "libphaseguard_dash_model.a" if "/model/" in str(source) else "libphaseguard_panels.a"
        mine = self.folder / library
        shutil.copy(self.build / ROOM / library, mine)
        subprocess.run(["ar", "r", str(mine), str(changed)], check=True, capture_output=True)
        target = self.folder / "mutant"
        link = self.link.replace(f"-o tests/{TEST}", f"-o {target}").replace(ROOM + library, str(mine))
        subprocess.run(link, shell=True, cwd=self.build, check=True, capture_output=True)
        return target

    def is_killed(self, program):
        try:
            done = subprocess.run([str(program)], capture_output=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0


def text_to_change(file, old):
    text = (ROOT / ROOM / file).read_text()
    if text.count(old) != 1:
        sys.exit(f"{file}: expected once, found {text.count(old)} times: {old}")
    return text


def main():
    if sys.argv[1:] == ["--check"]:
        for _, file, old, _ in MUTANTS:
            text_to_change(file, old)
        print(f"{len(MUTANTS)} mutants find their lines")
        return
    build = Build(sys.argv[1], sys.argv[2])
    wanted = [m for m in MUTANTS if not sys.argv[3:] or any(name in m[0] for name in sys.argv[3:])]
    killed = 0
    for name, file, old, new in wanted:
        source = ROOT / ROOM / file
        text = text_to_change(file, old)
        dead = build.is_killed(build.program(source, text.replace(old, new)))
        killed += dead
        print(f"{'killed  ' if dead else 'SURVIVED'} {name}", flush=True)
    print(f"{killed} of {len(wanted)} killed")
    sys.exit(0 if killed == len(wanted) else 1)


main()
