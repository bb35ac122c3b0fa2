"""Builds the policy room and its trace driver apart from CMake, with any compiler and flags: for the
determinism test, branch coverage and the mutation run. Standard library only."""
import concurrent.futures
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMON = ["-std=c++20", f"-I{ROOT}", "-ffp-contract=off", "-DMSGPACK_NO_BOOST",
          f'-DPHASEGUARD_SOURCE_DIR="{ROOT}"']
ROOMS = ["monitor/base/types.cpp", "monitor/base/elapsed.cpp", "monitor/base/text.cpp", "monitor/base/printable.cpp", "monitor/base/table_text.cpp", "monitor/base/toml/bounds.cpp", "monitor/base/sha256.cpp", "monitor/run/**/*.cpp",
         "monitor/wire/*.cpp", "monitor/policy/**/*.cpp"]
DRIVER = ["tests/policy/trace_main.cpp"]


def sources(patterns):
    return [p.relative_to(ROOT) for pattern in patterns for p in sorted(ROOT.glob(pattern))]


def laws():
    """laws/level, ...: every source below monitor/policy/laws, so that a new law is in the lists."""
    return [f"laws/{source.stem}" for source in sources(["monitor/policy/laws/*.cpp"])]


def object_of(out, source):
    return pathlib.Path(out) / (str(source).replace("/", "_") + ".o")


def launcher():
    return ["ccache"] if shutil.which("ccache") else []


def compile_one(compiler, flags, source, target):
    """The error text, or ""."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [*launcher(), compiler, *COMMON, *flags, "-c", str(ROOT / source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr[-2000:]


def build(out, compiler, flags, patterns, program, libraries=("-lsodium",), jobs=2):
    """Compiles what the patterns name and links it as `program` in `out`."""
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    files = sources(patterns)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        errors = list(pool.map(
            lambda s: compile_one(compiler, flags, s, object_of(out, s)), files))
    for source, error in zip(files, errors):
        if error:
            raise RuntimeError(f"{source} does not compile with {compiler}:\n{error}")
    return link(out, compiler, flags, files, program, libraries)


def link(out, compiler, flags, files, program, libraries=("-lsodium",)):
    target = pathlib.Path(out) / program
    command = [compiler, *flags, *(str(object_of(out, s)) for s in files), "-o", str(target),
               *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{program} does not link:\n{done.stderr[-2000:]}")
    return target
