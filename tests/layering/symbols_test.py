#!/usr/bin/env python3
"""Fails when a pure library refers to a clock, socket, file or thread, or a program that must not links LibTorch.

usage: symbols_test.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys

FORBIDDEN = re.compile(
    r"\b(clock_gettime|gettimeofday|time|localtime|gmtime|nanosleep|usleep|sleep"
    r"|socket|connect|bind|listen|accept|sendto|recvfrom"
    r"|open|open64|fopen|fopen64|read|write|mmap|unlink|rename|getenv|system|fork"
    r"|pthread_create|pthread_mutex_lock|rand|srand|random|arc4random)(@|$)"
    r"|std::chrono::_V2|std::this_thread|std::thread|std::random_device|std::basic_[io]?fstream|std::basic_filebuf"
    r"|std::filesystem|\bzmq_|\bsqlite3_|\bglfw|\btoml::.*parse_file"
)
NO_TORCH = ("phaseguardd", "phaseguard", "phaseguard-dashboard")


def pure_libraries(text):
    block = re.search(r"```pure\n(.*?)```", text, re.S)
    if not block:
        sys.exit("docs/ARCHITECTURE.md: expected a block ```pure, found none")
    return block.group(1).split()


def undefined_symbols(archive):
    out = subprocess.run(["nm", "-uC", str(archive)], capture_output=True, text=True, check=True).stdout
    return sorted({line.strip()[2:] for line in out.splitlines() if line.strip().startswith("U ")})


def impure(build, names, gui):
    for name in names:
        archives = list(build.rglob(f"lib{name}.a"))
        if not archives:
            if gui or name != "phaseguard_plot":
                yield f"lib{name}.a: not built, so nothing was checked"
            continue
        for symbol in undefined_symbols(archives[0]):
            if FORBIDDEN.search(symbol):
                yield f"{name} is a pure room and refers to {symbol}"


def torch_links(build, gui):
    for name in NO_TORCH:
        program = build / "bin" / name
        if not program.exists():
            if gui or name != "phaseguard-dashboard":
                yield f"{program}: not built, so nothing was checked"
            continue
        libraries = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        for line in libraries.splitlines():
            if re.search(r"libtorch|libc10|libcaffe2", line):
                yield f"{name} links LibTorch: {line.strip()}"


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    gui = "PHASEGUARD_GUI:BOOL=ON" in (build / "CMakeCache.txt").read_text()
    names = pure_libraries((source / "docs/ARCHITECTURE.md").read_text())
    found = list(impure(build, names, gui)) + list(torch_links(build, gui))
    for line in found:
        print(line)
    print(f"{len(found)} findings in {len(names)} pure libraries and {len(NO_TORCH)} programs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
