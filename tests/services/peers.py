"""The packages that people come from, at one version each, fetched by uv into a folder beside the environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: What is installed for each. Those of Django come without what they need: the environment has it.
PEERS = {
    "celery": ["celery==5.7.0"],
    "django-tasks-db": ["--no-deps", "django-tasks-db==0.13.0"],
}


def folder_of(name: str) -> Path:
    """Return the folder to put on the path for this peer; fetch it first if need be."""
    wanted = PEERS[name]
    folder = Path(sys.prefix) / "peers" / "-".join(wanted[-1].split("=="))
    if not folder.is_dir():
        part = folder.with_name(f"{folder.name}.part")
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
        done = subprocess.run([*command, "--target", str(part), *wanted], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"uv did not get {name}: {done.stderr[-1000:]}"
        part.rename(folder)
    return folder
