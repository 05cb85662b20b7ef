"""What killed web servers leave in the file store, and what the housekeeper collects of it.

A file that was uploaded and not yet renamed, or renamed and not yet named by a job, belongs to a submit that nobody was
answered. Its content comes again with the next try, under the same final name; the staged copy is nobody's.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys

from tests.chaos.runs import Outcome
from tests.chaos.stage import Stage
from tests.services.site import CHECKOUT

#: A round over the files, as the nightly job has it.
_ROUND = "from core.housekeeping import Round, collect_files; collect_files(Round())"


class Collector:
    """Has the housekeeper delete what no job names, once nobody submits any more, and judges what is left."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._root = stage.site.home / "files"

    def collect(self, outcome: Outcome, *, kills: int) -> None:
        """Collect; more staged files than web servers were killed would be a leak, not a kill's rest."""
        staged = [path for path in (self._root / "staging").glob("*") if path.is_file()]
        named = {path for (path,) in self._stage.ask("SELECT path FROM core_artifact WHERE kind = 'input'")}
        uploads = [path for path in (self._root / "uploads").glob("*/*") if path.is_file()]
        orphans = [path for path in uploads if str(path.relative_to(self._root)) not in named]
        # Each server has two people at it.
        if len(staged) > 2 * kills or len(orphans) > 2 * kills:
            outcome.violations.append(
                f"{kills} web servers were killed, and left {len(staged)} staged files and {len(orphans)} orphans"
            )
        broken = [path.name for path in uploads if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]
        missing = [path for path in named if not (self._root / path).is_file()]
        if broken or missing:
            outcome.violations.append(f"uploads that are not whole: {broken[:5]}, or missing: {missing[:5]}")
        self._keep_house()
        left = [path.name for path in [*staged, *orphans] if path.exists()]
        lost = [path for path in named if not (self._root / path).is_file()]
        if left or lost:
            outcome.violations.append(f"the housekeeper left {left[:5]} and took {lost[:5]}")
        outcome.figures["staged files / uploads without a job, for the housekeeper"] = f"{len(staged)} / {len(orphans)}"

    def _keep_house(self) -> None:
        """Run the housekeeper as if all files were two days old."""
        subprocess.run(
            [sys.executable, str(CHECKOUT / "manage.py"), "shell", "--verbosity", "0", "--command", _ROUND],
            env={**self._stage.site.environment, "ORPHAN_HOURS": "0"},
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=120,
        )
