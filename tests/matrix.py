"""What every supported Python has to pass, on one after the other: `python -m tests.matrix [--others]`.

`--others` leaves out the one that this runs on, for who has just run all tests on it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
_CLASSIFIER = "Programming Language :: Python :: "


def supported() -> list[str]:
    """Return the versions that pyproject.toml names, as 3.13."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return [name.removeprefix(_CLASSIFIER) for name in project["classifiers"] if name.startswith(_CLASSIFIER)]


def interpreter(version: str) -> Path | None:
    """Return the Python of this version, on the path or among pyenv's; None when there is none that runs."""
    return next((path for path in _candidates(version) if _version_of(path) == version), None)


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        if found := shutil.which(f"python{version}", path=folder):
            yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted((root / "versions").glob(f"{version}.*/bin/python"))


def _version_of(path: Path) -> str:
    # One of pyenv's commands on the path ends with an error when its version is not switched on.
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def run(versions: Iterable[str]) -> int:
    """Run the tests on each and say what became of them; return how many did not pass."""
    lines: list[str] = []
    failed = 0
    # The outer make's own variables, as ARGS, are not meant for the inner one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    for version in versions:
        path = interpreter(version)
        if path is None:
            lines.append(f"Python {version}: not found on this machine")
            continue
        print(f"make matrix: Python {version} ({path})", flush=True)
        command = ["make", "--no-print-directory", "main-way", f"PYTHON={path}"]
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False)
        failed += done.returncode != 0
        lines.append(f"Python {version}: {'passed' if done.returncode == 0 else 'FAILED, see above'}")
    print("\n".join(f"make matrix: {line}" for line in lines))
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    parser.add_argument("--others", action="store_true", help="leave out the Python that this runs on")
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    others = parser.parse_args().others
    return min(run(version for version in supported() if not (others and version == own)), 1)


if __name__ == "__main__":
    sys.exit(main())
