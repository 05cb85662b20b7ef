"""A whole file from its first byte to the files of a dataset, in one call: what small files are read by."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.tables import engine

from . import check, detect, profile, read, write
from .made import Whole

#: Rows times columns up to which the columns are profiled in the same call: it takes no longer than a new beginning.
PROFILED_CELLS = 400_000


@engine.sharing()
def whole(
    report: Callable[..., None],
    *,
    path: str,
    folder: str,
    scratch: str,
    settings: dict[str, Any] | None = None,
    declared: str = "",
    ragged: str = "pad",
    quotes: str = "repair",
    rules: list[dict[str, Any]] | None = None,
    keys: list[str] | None = None,
    checks: dict[str, Any] | None = None,
    neutralise: bool = True,
) -> Whole:
    """Read the file and write its dataset into `folder`, which has nothing else in it afterwards.

    The other arguments are those of `detect`, `read`, `check` and `write`. Raises Unreadable.
    """
    target, size = Path(folder), max(1, Path(path).stat().st_size)

    def part(start: float, share: float) -> Callable[..., None]:
        def report_part(done: int, total: int | None = None, note: str = "") -> None:
            report(int(size * (start + share * done / total)) if total else int(size * start), size, note)

        return report_part

    detected = detect.detect(part(0.0, 0.1), path=path, options=settings or {}, declared=declared)
    loaded = read.read(
        part(0.1, 0.3),
        path=path,
        folder=str(target / "read"),
        scratch=scratch,
        detected=detected,
        settings=settings,
        ragged=ragged,
        quotes=quotes,
    )
    plan = check.check(
        part(0.4, 0.2),
        folder=str(target / "read"),
        target=str(target / "check"),
        scratch=scratch,
        loaded=loaded,
        rules=rules,
        keys=keys,
        options=checks,
    )
    # A total that the values told stands after the table, as those that the scan saw.
    tally = replace(loaded.tally, after_table=loaded.tally.after_table + plan.totals)
    files = write.write(
        part(0.6, 0.3),
        folder=str(target / "read"),
        checks=str(target / "check"),
        target=str(target),
        scratch=scratch,
        loaded=loaded,
        plan=plan,
        neutralise=neutralise,
    )
    columns = None
    if plan.rows * len(plan.columns) <= PROFILED_CELLS and not plan.refused:
        columns = profile.profile(
            part(0.9, 0.1),
            parquet=str(target / files["parquet"]),
            scratch=scratch,
            columns=plan.columns,
            rows=plan.rows,
        )
    for name in ("read", "check"):
        shutil.rmtree(target / name, ignore_errors=True)
    report(size, size)
    return Whole(dialect=loaded.dialect, tally=tally, plan=plan, files=files, profile=columns)


#: A table with something of most kinds: what reading it loads, other tables find loaded.
_REHEARSED = """\
id;name;amount;day;at;share;sure;note
1;"Ann ""the first"" B.";1.234,50;2024-02-29;2024-02-29 12:30:00;0.5;true;"two
lines"
2;Bob;7,00;2024-03-01;2024-03-01 00:00:00;0.25;false;
2;Bob;8,00;2024-03-01;2024-03-01 00:00:00;0.25;false;again
3;Bob;x;2024-03-01;2024-03-01 00:00:00;0.25;false;
4;Zoë
"""


def rehearse(report: Callable[..., None]) -> None:
    """Read a small table for nothing: a process's first reading takes a tenth of a second longer than others."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_text(_REHEARSED, encoding="utf-8")
        rules = [{"column": "amount", "type": "decimal"}]
        target = Path(folder, "target")
        target.mkdir()
        whole(report, path=str(path), folder=str(target), scratch=folder, rules=rules, keys=["id"])
