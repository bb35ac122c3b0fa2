#!/usr/bin/env python3
"""Gets the dictionaries of this world from Debian's archive, without installing a package and without being root.

usage: fetch.py FOLDER [AUTHOR...]     AUTHOR: bierce, webster, wordnet; all of them where none is named

Needs apt's lists (apt-get update has run once). What is there already is not fetched again. Licences are kept beside the texts.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from texts import AUTHORS


def fetch(package: str, name: str, folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="authors-") as there:
        done = subprocess.run(["apt-get", "-q", "download", package], cwd=there, capture_output=True, text=True)
        archives = list(pathlib.Path(there).glob("*.deb"))
        if done.returncode or not archives:
            said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
            sys.exit(f"{package}: expected a package from apt-get download, it said: {said[-1]}\n"
                     "Is there a network, and has apt-get update run?")
        subprocess.run(["dpkg-deb", "-x", archives[0], there], check=True)
        texts = pathlib.Path(there) / "usr/share/dictd" / f"{name}.dict.dz"
        if not texts.exists():
            sys.exit(f"{package}: expected usr/share/dictd/{name}.dict.dz in {archives[0].name}, found none: another layout?")
        shutil.copy(pathlib.Path(there) / "usr/share/doc" / package / "copyright", folder / f"{name}.copyright")
        part = folder / f"{name}.part"  # so that an interruption leaves no half file under the real name
        shutil.copy(texts, part)
        part.rename(folder / f"{name}.dict.dz")


def main() -> None:
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(AUTHORS):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for package, name in (AUTHORS[author] for author in sys.argv[2:] or AUTHORS):
        if not (folder / f"{name}.dict.dz").exists():
            fetch(package, name, folder)
        size = (folder / f"{name}.dict.dz").stat().st_size
        print(f"{package}: {size / 1e6:.1f} MB, licence in {folder / (name + '.copyright')}")


if __name__ == "__main__":
    main()
