"""Each struct of monitor/run/image/fields.h passes on every field that it names, in their order.

That all fields are named the compiler sees; that none is named and forgotten this test does.
usage: image_fields_test.py SOURCE_DIR
"""

import pathlib
import re
import sys

# Said by the owner of the state, or by a live daemon; `parts` needs the hello before it.
LEFT_OUT = ["run", "memory", "parts", "status", "status_t"]


def names(text: str) -> list[str]:
    return [name for name in re.split(r"[\s,]+", text) if name]


def main() -> None:
    text = (pathlib.Path(sys.argv[1]) / "monitor/run/image/fields.h").read_text()
    found = re.findall(r"Only<S, ([\w:]+)> = 0>\s*void fields\(A& a, S& s\) \{\s*auto& \[([^\]]*)\] =\s*s;\s*all\(a,([^)]*)\)", text)
    bindings = text.count("auto& [")
    assert bindings == len(found) + 2, f"{bindings} bindings, {len(found)} of them followed by all()"  # Log and Entry
    for struct, named, passed in found:
        expected = [name for name in names(named) if struct != "RunState" or name not in LEFT_OUT]
        assert names(passed) == expected, f"{struct}: named {expected}, passed {names(passed)}"
    print(f"{len(found)} structs, all fields passed")


main()
