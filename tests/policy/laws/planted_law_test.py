#!/usr/bin/env python3
"""A new law that leaves a part out must not compile, and a complete one must, without a word about
laws elsewhere: plants one in DetectorLaw and gives it to the compiler, once as it is and once per
part without that part. The parts are those of LawRow and Clock as law_row.h has them.

    planted_law_test.py SOURCE_DIR COMPILER"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys
import tempfile

SPEC = """// The largest value so far.
struct PeakLaw {
  double above = 0.0;
  static const LawRow& row();
};
"""
LAW = """#include "monitor/policy/laws/law_row.h"
namespace phaseguard::policy {
const LawRow& PeakLaw::row() {
  static constexpr std::array kKeys{key<&PeakLaw::above>("above")};
  static constexpr Clock kClock{
      .carry_over = [](auto&, auto) {},
      .passed = [](auto&, auto&, auto&) { return 0.0; },
      .earliest = [](auto&, auto start, auto) { return start; },
      .vote_text = [](auto&, auto) { return std::string(" is late"); },
  };
  static constexpr LawRow kRow{
      .name = "peak",
      .has_streak = false,
      .keys = kKeys,
      .finish = nothing_more,
      .take = [](auto& spec, auto& state, auto& now) {
        state.low = now.x > state.low ? now.x : state.low;
        return Compared{state.low, state.low > own<PeakLaw>(spec).above}; },
      .threshold = [](auto& spec, auto&) { return own<PeakLaw>(spec).above; },
      .least_points = [](auto&, auto) { return std::int64_t{1}; },
      .is_sound = any_state,
      .scale = Scale::kOwn,
      .unit = signal_unit,
      .watched = [](auto&, auto& signal) { return "the peak of " + signal; },
      .null_text = no_null,
      .clock = &kClock,
  };
  return kRow;
}
}  // namespace phaseguard::policy
"""
# What else must be refused: (what, text in the law or its spec, what stands there instead).
SLIPS = [("a part of another type", ".has_streak = false", '.has_streak = "no"'),
         ("a function of another type", ".threshold = [](auto& spec, auto&)", ".threshold = [](auto& spec)"),
         ("a key for no member", "&PeakLaw::above", "&PeakLaw::below"),
         ("a count without a range", "double above = 0.0", "std::int64_t above = 0"),
         ("a part that no row has", ".null_text = no_null", ".null_text = no_null,\n      .nul_text = no_null")]


def parts_of(header, struct):
    body = re.search(r"struct %s \{\n(.*?)\n\};" % struct, header, re.S).group(1)
    return re.findall(r"\bPart<.*?> (\w+);", body)


def without(law, part):
    """The law less `.part = ...,`, which begins a line and ends before the next one that begins so."""
    shorter = re.sub(r"\n      \.%s = .*?,(?=\n      \.|\n  \};)" % part, "", law, flags=re.S)
    assert shorter != law, f"the planted law has no part {part}: add it to this test"
    return shorter


class Compiler:
    def __init__(self, source, compiler, folder):
        self.source, self.compiler, self.folder = source, compiler, folder

    def tree(self, spec):
        """A place for includes with `spec` as one more alternative of DetectorLaw."""
        root = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        header = (self.source / "monitor/policy/detector_spec.h").read_text()
        planted = header.replace("using DetectorLaw =", spec + "\nusing DetectorLaw =", 1)
        planted = planted.replace("StaleLaw>;", "StaleLaw, PeakLaw>;", 1)
        assert planted.count("PeakLaw") == 2, "detector_spec.h: expected the list of laws to end in StaleLaw>;"
        (root / "monitor/policy").mkdir(parents=True)
        (root / "monitor/policy/detector_spec.h").write_text(planted)
        return root

    def errors(self, root, file):
        done = subprocess.run([self.compiler, "-std=c++20", "-fsyntax-only", f"-I{root}", f"-I{self.source}", str(file)],
                              capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr

    def law(self, law, spec=SPEC):
        root = self.tree(spec)
        (root / "peak.cpp").write_text(law)
        return self.errors(root, root / "peak.cpp")

    def everybody_else(self, spec):
        return self.errors(self.tree(spec), self.source / "monitor/policy/laws/laws.cpp")


def main():
    source, name = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    header = (source / "monitor/policy/laws/law_row.h").read_text()
    row, clock = parts_of(header, "LawRow"), parts_of(header, "Clock")
    assert len(row) >= 10 and len(clock) >= 3, (row, clock)
    wrong = []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        compiler = Compiler(source, name, folder)
        refused = {f"without {part}": pool.submit(compiler.law, without(LAW, part)) for part in row + clock}
        for what, old, new in SLIPS:
            assert old in LAW or old in SPEC, old
            refused[what] = pool.submit(compiler.law, LAW.replace(old, new), SPEC.replace(old, new))
        rowless = SPEC.replace("  static const LawRow& row();\n", "")
        refused["without a row"] = pool.submit(compiler.everybody_else, rowless)
        accepted = {"complete": pool.submit(compiler.law, LAW),
                    "complete, the list of laws": pool.submit(compiler.everybody_else, SPEC)}
        wrong += [f"a planted law, {what}, compiles" for what, errors in refused.items() if not errors.result()]
        wrong += [f"{what}: does not compile:\n{errors.result()[:2000]}"
                  for what, errors in accepted.items() if errors.result()]
        if "has no row" not in refused["without a row"].result():
            wrong.append("the error for a law without a row does not say so")
    for line in wrong:
        print(line)
    print(f"{len(refused)} planted faults, {len(row)} parts of a row and {len(clock)} of a clock: {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
