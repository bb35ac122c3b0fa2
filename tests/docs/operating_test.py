#!/usr/bin/env python3
"""docs/OPERATING.md has a row for every alarm that the product can raise: the words of each place in
the sources that raises one stand in the first cell of a row, and each row's words stand in a source.

usage: operating_test.py SOURCE_DIR
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
PAGE = ROOT / "docs/OPERATING.md"
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Where an alarm's words come from: the file, and from which line on to which other.
PLACES = [("monitor/run/lineage.cpp", "Resume judge_resume", "}  // namespace phaseguard"),
          ("monitor/policy/engine/held/held.cpp", "std::string end_lowerings", "}\n\n"),
          ("monitor/daemon/engine/status.cpp", "std::vector<wire::Alert> RunSlot::alerts", "wire::Message RunSlot::status"),
          ("monitor/daemon/engine/bounds.cpp", "void RunSlot::add_bounds", "}  // namespace"),
          ("monitor/daemon/engine/pace.cpp", "fault_ =", ";\n"),
          ("monitor/daemon/engine/run_slot.cpp", "intruder_ =", ";\n"),
          ("monitor/daemon/engine/adoption.cpp", "record_note_ =", "}\n\n"),
          ("monitor/run/report_fate.cpp", "std::string trouble_text", "void add_overdue"),
          ("monitor/run/report_fate.cpp", "void add_overdue", "}\n\n"),
          ("monitor/run/report_fate.cpp", "std::string clock_text", "}\n\n"),
          ("monitor/run/report_fate.cpp", "std::vector<wire::Alert> stream_alerts", "}  // namespace phaseguard"),
          ("monitor/policy/engine/turn.cpp", "void Turn::report_faults", "}\n\n"),
          ("monitor/policy/engine/turn.cpp", "bool Turn::may_roll_back", "}\n\n"),
          ("monitor/policy/engine/turn.cpp", "void Turn::fire", "}\n\n"),
          ("monitor/policy/engine/controller.cpp", "void tell(", "}\n\n"),
          ("monitor/policy/engine/held/held.cpp", "std::string take_adopted", "}\n\n"),
          ("monitor/dashboard/model/alarms.cpp", "std::vector<Alarm> of_the_view", "void add_all_of_run")]
# Files that raise an alarm, each of which must be a place above.
ANY_ALERT = re.compile(r"Severity::k(?:Critical|High|Medium)\b")
NO_ALARM = {"monitor/run/health.cpp", "monitor/dashboard/model/alarms.cpp"}


def words(text):
    """Text with single blanks and without the parts that vary."""
    return re.sub(r"\s+", " ", text).strip(" ,;:.()\"")


def literals(path, begin, end):
    """The strings of a piece of a source, adjacent ones joined."""
    text = (ROOT / path).read_text()
    start = text.find(begin)
    if start < 0:
        sys.exit(f"FAILED: {path} has no {begin!r}: say in tests/docs/operating_test.py where its alarms are now")
    stop = text.find(end, start + len(begin))
    piece = re.sub(r"//.*", "", text[start:stop])
    joined = re.sub(r'"\s*\n?\s*"', "", piece)
    return [words(s.replace('\\"', '"')) for s in STRING.findall(joined)]


def rows():
    found = []
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            found.append(line.split("|")[1].strip().strip("`"))
    return found


def main():
    found, faults, checks = rows(), [], 0
    flat = [words(row) for row in found]
    every = []
    for path, begin, end in PLACES:
        for literal in literals(path, begin, end):
            every.append(literal)
            if len(re.findall(r"[a-z]{2,}", literal)) < 3:
                continue
            checks += 1
            if not any(literal in row for row in flat):
                faults.append(f"{path}: no row of docs/OPERATING.md has the words {literal!r}")
    for row in found:
        for piece in re.split(r"…", row):
            checks += 1
            piece = words(piece)
            if len(re.findall(r"[a-z]{2,}", piece)) >= 3 and not any(piece in e or e in piece for e in every if len(e) > 5):
                faults.append(f"docs/OPERATING.md: no source raises an alarm with the words {piece!r}")
    known = {path for path, _, _ in PLACES} | NO_ALARM
    for path in sorted(ROOT.glob("monitor/**/*.cpp")):
        name = str(path.relative_to(ROOT))
        pushes = re.search(r"push_back\(\s*\{?\s*wire::Severity|Alert alert\{", path.read_text())
        if pushes and ANY_ALERT.search(path.read_text()) and name not in known:
            faults.append(f"{name} raises an alarm and is no place of tests/docs/operating_test.py")
    for fault in faults:
        print(fault)
    print(f"{len(found)} rows, {checks} checks, {len(faults)} findings")
    sys.exit(1 if faults or len(found) < 20 else 0)


main()
