#!/usr/bin/env python3
"""The layering tests themselves: a planted forbidden include and a planted impure library must be found."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import arrows_test  # noqa: E402
import headers_test  # noqa: E402
import printing_test  # noqa: E402
import symbols_test  # noqa: E402


def plant(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def forbidden_include_is_found():
    arrows = {"monitor/base": set(), "monitor/link": {"monitor/base"}, "monitor/policy": {"monitor/base"}}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for i in range(20):
            plant(root, f"monitor/base/f{i}.h", "#pragma once\n")
        assert not list(arrows_test.violations(root, arrows))
        plant(root, "monitor/policy/a.cpp", '#include "monitor/link/server.h"\n')
        plant(root, "monitor/link/b.cpp", '#include "monitor/base/f1.h"\n#include "f2.h"\n')
        found = list(arrows_test.violations(root, arrows))
    assert len(found) == 2, found
    assert "monitor/policy may not use monitor/link" in " ".join(found)


def text_past_the_printer_is_found():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for i in range(20):
            plant(root, f"monitor/base/f{i}.h", "#pragma once\n")
        plant(root, "monitor/ctl/good.cpp", 'std::printf("%s %d", plain(name).c_str(), 1);\nstd::printf("a\\n");\n')
        assert not list(printing_test.findings(root))
        plant(root, "monitor/ctl/bad.cpp", '\nstd::fprintf(stderr, "a; %s\\n",\n  error.what());\nstd::cout << name;\n')
        plant(root, "monitor/dashboard/bad.cpp", 'ImGui::TextUnformatted(name.c_str());\n')
        plant(root, "monitor/daemon/bad.cpp", 'spdlog::set_pattern("%v");\n')
        found = list(printing_test.findings(root))
    assert len(found) == 4 and found[0].startswith("monitor/ctl/bad.cpp:2: "), found


def impure_library_is_found():
    source = "#include <time.h>\nlong now() { timespec t; clock_gettime(0, &t); return t.tv_sec; }\n"
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        plant(root, "a.cpp", source)
        subprocess.run(["c++", "-c", "a.cpp", "-o", "a.o"], cwd=root, check=True)
        subprocess.run(["ar", "rcs", "libphaseguard_wire.a", "a.o"], cwd=root, check=True)
        found = list(symbols_test.impure(root, ["phaseguard_wire"], gui=True))
        missing = list(symbols_test.impure(root, ["phaseguard_run"], gui=True))
    assert len(found) == 1 and "clock_gettime" in found[0], found
    assert len(missing) == 1, missing


def headers_that_are_not_cxx17_alone_are_found():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        plant(root, "monitor/base/good.h", "#pragma once\ninline int one() { return 1; }\n")
        plant(root, "monitor/base/newer.h", "#pragma once\ntemplate <class T> concept Any = true;\n")
        plant(root, "monitor/base/leaning.h", "#pragma once\ninline int two() { return one() + 1; }\n")
        plant(root, "probe/through.h", '#pragma once\n#include "monitor/base/newer.h"\n')
        plant(root, "probe/torch.h", "#pragma once\n#include <ATen/core/Tensor.h>\n")
        compiled, left, failed, good = headers_test.check(root, "c++")
        again = headers_test.check(root, "c++", known=good)
    assert sorted(f.name for f in failed) == ["leaning.h", "newer.h", "through.h"], failed
    assert (compiled, left, len(good)) == (4, 1, 1), (compiled, left, good)
    assert again[2].keys() == failed.keys(), again


forbidden_include_is_found()
impure_library_is_found()
headers_that_are_not_cxx17_alone_are_found()
text_past_the_printer_is_found()
print("the planted faults were found")
