"""`./manage.py`, called by a Python that has no Django."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Without its site packages a Python has nothing that was installed.
    command = [sys.executable, "-S", "-E", str(folder / "manage.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={})


def test_it_runs_in_the_environment_that_was_made_for_it(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / "manage.py", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nshift\necho "called with $*"\n')
    python.chmod(0o755)
    assert call(tmp_path, "job", "list").stdout == "called with job list\n"


def test_without_one_it_says_what_to_do(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / "manage.py", tmp_path)
    done = call(tmp_path, "job", "list")
    assert done.returncode == 1
    assert done.stderr == "There is no Django in this Python, and no .venv beside manage.py: run `make up` once.\n"
