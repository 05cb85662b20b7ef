"""Small files with their right reading: own ones for each kind that was seen to go wrong, and a folder that is named.

HEADWAY_CSV_CASES names a folder with a cases.json of the same form: a list of objects with "id", "file", "params" (as
`key=value`), "columns" (null where the file has to be refused), "rows" (as text), "rejected_lines", "types" and "note".
A case whose note says so may also be read with its first line as the header.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

from actors.reading import Unreadable

from .importing import Imported, import_bytes

OWN = Path(__file__).parent / "cases"
NAMED = Path(os.environ["HEADWAY_CSV_CASES"]) if os.environ.get("HEADWAY_CSV_CASES") else None


def cases(folder: Path | None) -> list[Any]:
    if folder is None:
        return []
    return [pytest.param(folder, case, id=case["id"]) for case in json.loads((folder / "cases.json").read_text())]


def as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


def params_of(case: dict[str, Any]) -> dict[str, Any]:
    given = dict(param.split("=", 1) for param in case["params"])
    return {key: json.loads(value) if value.startswith("[") else value for key, value in given.items()}


def differences(case: dict[str, Any], imported: Imported) -> list[str]:
    found = {
        "columns": imported.names,
        "rows": [[as_text(value) for value in row] for row in imported.rows],
        "rejected_lines": [int(reject["line"]) for reject in imported.rejected],
        "types": imported.types,
    }
    return [f"{key}: {value!r}, not {case[key]!r}" for key, value in found.items() if case[key] not in (None, value)]


def with_header(case: dict[str, Any]) -> dict[str, Any]:
    """The second reading that some notes allow: the first row names the columns."""
    return {**case, "columns": case["rows"][0], "rows": case["rows"][1:]}


def check(folder: Path, case: dict[str, Any], scratch: Path) -> None:
    data = (folder / case["file"]).read_bytes()
    if case["columns"] is None:
        with pytest.raises(Unreadable) as refused:
            import_bytes(data, scratch, **params_of(case))
        assert (case.get("error") or "") in str(refused.value)
        return
    imported = import_bytes(data, scratch, **params_of(case))
    is_header_allowed = "header" in case["note"] and case["columns"][0] == "column_1"
    if not (is_header_allowed and differences(with_header(case), imported) == []):
        assert differences(case, imported) == [], case["note"]
    assert bool(imported.plan.refused) == case.get("refused", False)


@pytest.mark.parametrize(("folder", "case"), cases(OWN))
def test_each_kind_is_read_right(folder: Path, case: dict[str, Any], tmp_path: Path) -> None:
    check(folder, case, tmp_path)


@pytest.mark.parametrize(("folder", "case"), cases(NAMED))
def test_the_named_cases_are_read_right(folder: Path, case: dict[str, Any], tmp_path: Path) -> None:
    check(folder, case, tmp_path)
