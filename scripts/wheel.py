#!/usr/bin/env python3
"""Makes phaseguard-X-py3-none-manylinux_N_M_ARCH.whl of the tree: the package, libphaseguard.so.0 and the shared libraries that it
needs and a system may lack, beside it. The tag is computed from the newest GLIBC symbol that any of them uses. Standard library only.

usage: wheel.py SOURCE_DIR BUILD_DIR OUT_DIR
"""
import base64
import hashlib
import pathlib
import platform
import re
import subprocess
import sys
import zipfile

# Of every system that a manylinux tag names (PEP 600).
OF_THE_SYSTEM = re.compile(r"^(ld-linux.*|libc|libm|libdl|librt|libpthread|libresolv|libutil|libgcc_s|libstdc\+\+|linux-vdso)\.so")
LIBRARY = "libphaseguard.so.0"
PACKAGE = "phaseguard"
DATA = ("canaries", "personas", "traits")  # of assets/, read by phaseguard.data


def libraries(library):
    """[(name, file)] that are shipped: the library and what it needs, directly or not."""
    listed = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=True).stdout
    shipped = [(LIBRARY, library)]
    for name, file in re.findall(r"^\s*(\S+) => (\S+)", listed, re.M):
        if file == "not":
            sys.exit(f"wheel.py: {library} needs {name}, which this system does not have")
        if not OF_THE_SYSTEM.match(name):
            shipped.append((name, pathlib.Path(file).resolve()))
    return shipped


def newest_glibc(files):
    """(major, minor) of the newest GLIBC symbol that is used."""
    newest = (2, 17)
    for file in files:
        symbols = subprocess.run(["objdump", "-T", str(file)], capture_output=True, text=True, check=True).stdout
        for major, minor in re.findall(r"GLIBC_(\d+)\.(\d+)", symbols):
            newest = max(newest, (int(major), int(minor)))
    return newest


def contents(source, shipped):
    """{path in the wheel: bytes}"""
    package = source / "trainer-hook" / "python" / PACKAGE
    files = {f"{PACKAGE}/{file.relative_to(package)}": file.read_bytes() for file in sorted(package.rglob("*")) if file.suffix in (".py", ".typed")}
    for folder in DATA:
        files.update({f"{PACKAGE}/data/{folder}/{file.name}": file.read_bytes() for file in sorted((source / "assets" / folder).iterdir())})
    for name, file in shipped:
        files[f"{PACKAGE}/{name}"] = file.read_bytes()
    return files


def metadata(version, tag, readme):
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {version}\nSummary: PhaseGuard in a Python trainer\n"
                    f"License: Apache-2.0\nRequires-Python: >=3.9\nDescription-Content-Type: text/markdown\n\n{readme}",
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: phaseguard\nRoot-Is-Purelib: false\nTag: {tag}\n",
        "top_level.txt": f"{PACKAGE}\n",
    }


def hash_of(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def main():
    source, build, out = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    version = re.search(r"project\(phaseguard VERSION ([\d.]+)", (source / "CMakeLists.txt").read_text()).group(1)
    shipped = libraries(build / "lib" / LIBRARY)
    glibc = newest_glibc(file for _, file in shipped)
    tag = f"py3-none-manylinux_{glibc[0]}_{glibc[1]}_{platform.machine()}"
    files = contents(source, shipped)
    info = f"{PACKAGE}-{version}.dist-info"
    for name, text in metadata(version, tag, (source / "docs" / "HOOK.md").read_text()).items():
        files[f"{info}/{name}"] = text.encode()
    record = "".join(f"{path},{hash_of(data)},{len(data)}\n" for path, data in files.items()) + f"{info}/RECORD,,\n"
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"{PACKAGE}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in {**files, f"{info}/RECORD": record.encode()}.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))  # the same bytes of the same tree
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    print(wheel)


if __name__ == "__main__":
    main()
