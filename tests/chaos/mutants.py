"""Mutants: the product with one rule taken out. A scenario that stays green on its mutant guards nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.services.site import CHECKOUT

#: What a copy of the product needs to run.
_PARTS = ("core", "actors", "frontend", "tests", "manage.py", "pyproject.toml")
#: Seconds that a scenario may take on a mutant, which may make it wait for what never comes.
_LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Cut:
    """Text of a file that is replaced; it has to be there exactly once."""

    file: str
    old: str
    new: str = ""


@dataclass(frozen=True)
class Mutant:
    name: str
    scenario: str
    cuts: tuple[Cut, ...]
    #: What the report of the red run has to name.
    shown_by: tuple[str, ...]


_SQL = "core/sql/postgresql"
MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant(
            name="without-fence",
            scenario="zombies",
            cuts=(
                Cut(f"{_SQL}/hold_fence.sql", " AND fence = %(fence)s"),
                Cut(f"{_SQL}/finish.sql", " AND w.fence = j.fence"),
                Cut(f"{_SQL}/progress.sql", " AND j.fence = w.fence"),
            ),
            # One for each cut: effects and files, the end, progress.
            shown_by=("effect", "artifact", "ended", "progress"),
        ),
    )
}


def kill(mutant: Mutant, arguments: list[str]) -> bool:
    """Run the mutant's scenario on a copy with the cuts; return whether it was seen for what it is."""
    with tempfile.TemporaryDirectory(prefix="headway-mutant-") as folder:
        copy = Path(folder) / "product"
        copy.mkdir()
        for part in _PARTS:
            _copy(CHECKOUT / part, copy / part)
        for cut in mutant.cuts:
            _apply(cut, copy)
        print(f"{mutant.name}: {mutant.scenario} on a copy without these rules:", flush=True)
        for cut in mutant.cuts:
            print(f"  {cut.file}: {cut.old.strip()}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos", mutant.scenario, *arguments],
            cwd=copy, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False,
        )  # fmt: skip
    print(done.stdout + done.stderr, flush=True)
    stale = next((line for line in done.stdout.splitlines() if "stale writes accepted (" in line), "")
    unseen = [kind for kind in mutant.shown_by if f"{kind} " not in stale.partition("(")[2]]
    is_seen = done.returncode == 1 and not unseen
    verdict = "seen, as it must be" if is_seen else f"NOT SEEN (exit {done.returncode}; no stale {unseen})"
    print(f"{mutant.name}: {verdict}", flush=True)
    return is_seen


def _apply(cut: Cut, copy: Path) -> None:
    file = copy / cut.file
    text = file.read_text()
    if text.count(cut.old) != 1:
        raise ValueError(f"{cut.file} has {cut.old!r} {text.count(cut.old)} times, not once: mend the mutant")
    file.write_text(text.replace(cut.old, cut.new))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
