"""Mutants: the product with one rule taken out. A scenario that stays green on its mutant guards nothing."""

from __future__ import annotations

import re
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
    #: The size of the scenario's run, as its command line has it.
    arguments: tuple[str, ...]
    cuts: tuple[Cut, ...]
    #: Patterns that the violations of the red run have to show, each of them.
    shown_by: tuple[str, ...]


_SQL = "core/sql/postgresql"
_FEW_KILLS = ("--jobs", "100", "--worker-kills", "5", "--broker-kills", "1")
MUTANTS = {
    mutant.name: mutant
    for mutant in (
        Mutant(
            name="without-fence",
            scenario="zombies",
            arguments=("--zombies", "4"),
            cuts=(
                Cut(f"{_SQL}/hold_fence.sql", " AND fence = %(fence)s"),
                Cut(f"{_SQL}/finish.sql", " AND w.fence = j.fence"),
                Cut(f"{_SQL}/progress.sql", " AND j.fence = w.fence"),
            ),
            # At least one for each cut: what a step writes, the end, progress.
            shown_by=tuple(
                rf"stale writes accepted \(.*\b{what} \d"
                for what in ("effect", "step", "artifact", "ended", "progress")
            ),
        ),
        Mutant(
            name="without-reaper",
            scenario="workers_and_broker",
            arguments=_FEW_KILLS,
            cuts=(Cut(f"{_SQL}/reap.sql", "WHERE state = 'running'", "WHERE false AND state = 'running'"),),
            shown_by=("jobs that have not succeeded: .*'running'",),
        ),
        Mutant(
            name="without-recovery",
            scenario="workers_and_broker",
            arguments=_FEW_KILLS,
            cuts=(Cut(f"{_SQL}/unpublish.sql", "WHERE queue =", "WHERE false AND queue ="),),
            shown_by=("jobs that have not succeeded: .*'queued'",),
        ),
    )
}


def kill(mutant: Mutant, *, seed: int) -> bool:
    """Run the mutant's scenario on a copy with the cuts; return whether it was seen for what it is."""
    with tempfile.TemporaryDirectory(prefix="headway-mutant-") as folder:
        copy = Path(folder) / "product"
        copy.mkdir()
        for part in _PARTS:
            _copy(CHECKOUT / part, copy / part)
        print(f"{mutant.name}: {mutant.scenario} on a copy of the product with these cuts:", flush=True)
        for cut in mutant.cuts:
            _apply(cut, copy)
            print(f"  {cut.file}: {cut.old.strip()!r} -> {cut.new.strip()!r}", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos", mutant.scenario, *mutant.arguments, "--seed", str(seed)],
            cwd=copy,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    print(done.stdout + done.stderr, flush=True)
    violations = "\n".join(line for line in done.stdout.splitlines() if "VIOLATED" in line)
    unseen = [pattern for pattern in mutant.shown_by if not re.search(pattern, violations)]
    is_seen = done.returncode == 1 and not unseen
    print(f"{mutant.name}: {'red, as it must be' if is_seen else f'NOT SEEN: {unseen}'}", flush=True)
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
