"""Django's own tests of its tasks, from the sdist of the locked Django: fetched once, by pip, into the environment.

Its wheels, and all packages of django-tasks, have no tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

_LOCK = Path(__file__).resolve().parents[2] / "requirements-dev.lock"
_FOLDER = "tests/tasks/"


def task_tests() -> Path:
    """Return the folder with the package `tasks` of Django's tests; fetch it first if need be."""
    version, pin = _newest_django()
    kept = Path(sys.prefix) / "djangos-tests" / version
    if not (kept / "tasks").is_dir():
        with tempfile.TemporaryDirectory() as folder:
            _fetch(pin, Path(folder))
            (archive,) = Path(folder).glob("*.tar.gz")
            _unpack(archive, kept.with_name(f"{version}.part"))
        kept.with_name(f"{version}.part").rename(kept)
    return kept


def _newest_django() -> tuple[str, str]:
    """Return the version, and the line with its hashes, of the newest Django in the lock: 5.2 has no tasks."""
    pins = re.findall(r"^django==([\d.]+)[^\n]*\\\n((?:    --hash=\S+(?: \\)?\n)+)", _LOCK.read_text(), re.MULTILINE)
    version, hashes = max(pins, key=lambda pin: tuple(map(int, pin[0].split("."))))
    return version, f"django=={version} " + " ".join(re.findall(r"--hash=\S+", hashes))


def _fetch(pin: str, folder: Path) -> None:
    (folder / "wanted.txt").write_text(f"{pin}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # It is not installed: the newest Django needs a newer Python than the oldest that Headway runs on.
    wanted = ["--no-binary", ":all:", "--ignore-requires-python", "--require-hashes", "--dest", str(folder)]
    done = subprocess.run(
        [*pip, *wanted, "-r", str(folder / "wanted.txt")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"pip did not get Django's sdist: {done.stderr[-1000:]}"


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as files:
        for member in files.getmembers():
            _, _, inside = member.name.partition("/")
            if inside.startswith(_FOLDER) and member.isfile() and (content := files.extractfile(member)):
                target = folder / inside.removeprefix("tests/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
