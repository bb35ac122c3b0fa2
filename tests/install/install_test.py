#!/usr/bin/env python3
"""`cmake --install` by components into a folder that is then moved: programs, the C library by pkg-config and by find_package, the rooms
of a C++ trainer, the Python package. What is compiled here is compiled as in a project of somebody else.

usage: install_test.py SOURCE_DIR BUILD_DIR [TORCH_DIR]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE, BUILD = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
HERE = pathlib.Path(__file__).resolve().parent
LIBRARY = "libphaseguard.so.0"


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=600, **more)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"
    return done.stdout


def install(prefix, *components):
    for component in components:
        run("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)


def files_of(prefix):
    return {str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir()}


def each_component_brings_its_own(root):
    expected = {"daemon": "bin/phaseguardd", "cli": "bin/phaseguard", "hook": LIBRARY, "dev": "include/phaseguard.h",
                "python": "phaseguard/session.py", "assets": "share/phaseguard/policies/starter.toml"}
    for name, target in (("dashboard", "phaseguard-dashboard"), ("probe", "phaseguard-probe"), ("lab", "phaseguard-lab")):
        if (BUILD / "bin" / target).exists():
            expected[name] = f"bin/{target}"
    seen = set()
    for component, file in expected.items():
        prefix = root / component
        install(prefix, component)
        found = files_of(prefix)
        assert any(one.endswith(file) for one in found), (component, sorted(found))
        assert not seen & found, (component, sorted(seen & found))
        seen |= found


def programs_know_the_shipped_policies(prefix):
    hello = prefix / "hello.json"
    hello.write_text('{"signals": [{"name": "canary/js", "unit": "nats"}, {"name": "train/loss", "unit": "nats"}], "knobs": []}')
    said = run(prefix / "bin" / "phaseguard", "policy", "check", "--against", hello, cwd="/", env={"PATH": os.environ["PATH"]})
    assert f"{prefix}/share/phaseguard/policies/starter.toml" in said, said
    assert "phaseguardd" in run(prefix / "bin" / "phaseguardd", "--help")


def a_c_program_is_built_by_pkg_config(prefix):
    pc = next(prefix.rglob("phaseguard.pc")).parent
    flags = run("pkg-config", "--cflags", "--libs", "phaseguard", env={**os.environ, "PKG_CONFIG_PATH": str(pc)}).split()
    assert f"-I{SOURCE}" not in flags and any(str(prefix) in flag for flag in flags), flags
    run("cc", "-std=c99", SOURCE / "examples" / "loop.c", "-o", prefix / "loop", *flags, "-lm")
    library = next(prefix.rglob(LIBRARY)).parent
    needed = run("ldd", prefix / "loop", env={"LD_LIBRARY_PATH": str(library), "PATH": os.environ["PATH"]})
    assert f"{library}/{LIBRARY}" in needed, needed


def a_foreign_project_finds_the_package(root, prefix, with_hook, torch):
    build = root / "foreign"
    launcher = [f"-DCMAKE_CXX_COMPILER_LAUNCHER={shutil.which('ccache')}"] if shutil.which("ccache") else []
    run("cmake", "-S", HERE / "foreign", "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DHOOK={'ON' if with_hook else 'OFF'}",
        f"-DLOOP={SOURCE / 'examples' / 'loop.c'}", *launcher, *([f"-DTorch_DIR={torch}"] if torch else []))
    commands = run("ninja", "-C", build, "-t", "commands")
    assert "-Wextra" not in commands and f"-I{SOURCE}" not in commands, "our own flags are put on a foreign project"
    run("ninja", "-C", build)
    if with_hook:
        said = run(build / "trainer")
        assert said.startswith("js 0.0, "), said


def the_readme_says_what_is_built():
    """Its blocks of class cmake are lines of the foreign project."""
    project = [line.strip() for line in (HERE / "foreign" / "CMakeLists.txt").read_text().splitlines()]
    blocks = re.findall(r"^```cmake\n(.*?)^```", (SOURCE / "README.md").read_text(), re.M | re.S)
    assert blocks, "README.md has no block of class cmake"
    for line in "".join(blocks).splitlines():
        assert line.split("#")[0].strip() in project, line


def python_takes_the_package(prefix):
    package = next(prefix.rglob("session.py")).parent
    said = run(sys.executable, "-c", "import phaseguard; from phaseguard import _native; print(phaseguard.__version__, _native.lib._name)",
               env={"PYTHONPATH": str(package.parent), "PATH": os.environ["PATH"]}, cwd="/")
    assert str(prefix) in said, said


def nothing_names_the_tree(prefix):
    """Moved or packed, an installed tree must not look for the one that it was built in."""
    for file in [*prefix.rglob("*.cmake"), *prefix.rglob("*.pc")]:
        assert str(SOURCE) not in file.read_text(), file


def main():
    torch = sys.argv[3] if len(sys.argv) > 3 else ""
    with tempfile.TemporaryDirectory(prefix="pgi-") as folder:
        root = pathlib.Path(folder)
        the_readme_says_what_is_built()
        each_component_brings_its_own(root / "apart")
        install(root / "first", "daemon", "cli", "hook", "dev", "python", "assets")
        prefix = (root / "first").rename(root / "moved")
        programs_know_the_shipped_policies(prefix)
        a_c_program_is_built_by_pkg_config(prefix)
        nothing_names_the_tree(prefix)
        a_foreign_project_finds_the_package(root, prefix, (BUILD / "bin" / "phaseguard-lab").exists(), torch)
        python_takes_the_package(prefix)
    print("installed, moved, found: ok")


if __name__ == "__main__":
    main()
