"""Collect the photographs that the embedded models are trained on into a folder.

    uv run python benchmarks/training_photographs.py PHOTOGRAPHS

They are named in objectives/isptune_severity/TRAINED_ON.txt: files of packages of Debian 12 and of the npm
registry, which are fetched with apt-get, dpkg-deb and npm. None of them is among the test photographs of
photographs.py. A file that a registry no longer has is left out and named.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

LIST = Path(__file__).resolve().parents[1] / "objectives" / "isptune_severity" / "TRAINED_ON.txt"


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in LIST.read_text().splitlines():
        registry, package, path = line.split(" ", 2)
        wanted[registry, package].append(path)
    found, missing = 0, []
    for (registry, package), paths in wanted.items():
        with tempfile.TemporaryDirectory() as place:
            try:
                root = {"debian": from_debian, "npm": from_npm}[registry](package, Path(place))
            except (subprocess.CalledProcessError, OSError, StopIteration):
                missing.append(f"{registry} {package}")
                continue
            short = package.lstrip("@").partition("@")[0].replace("/", "-")
            for path in paths:
                if not (root / path).is_file():
                    missing.append(f"{registry} {package} {path}")
                    continue
                # The package's name keeps files of one name apart.
                shutil.copy(root / path, folder / f"{short}_{Path(path).name}")
                found += 1
    print(f"{found} photographs in {folder}")
    for name in missing:
        print(f"not found: {name}")


def from_debian(package: str, place: Path) -> Path:
    """The root of a package's files."""
    subprocess.run(["apt-get", "download", package], cwd=place, check=True, capture_output=True)
    root = place / "root"
    subprocess.run(["dpkg-deb", "-x", str(next(iter(place.glob("*.deb")))), str(root)], check=True)
    return root


def from_npm(package: str, place: Path) -> Path:
    """The root of a package's files."""
    subprocess.run(["npm", "pack", package, "--silent"], cwd=place, check=True, capture_output=True)
    root = place / "root"
    with tarfile.open(next(iter(place.glob("*.tgz")))) as archive:
        archive.extractall(root, filter="data")
    return root


if __name__ == "__main__":
    main()
