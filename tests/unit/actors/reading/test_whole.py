"""A whole file in one call, and what a process does before its first one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from actors.reading import whole
from actors.reading.made import Whole
from tests.unit.actors.reading.importing import silent


def test_a_rehearsal_covers_every_step_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Whole] = []
    call = whole.whole

    def watched(*args: Any, **kwargs: Any) -> Whole:
        made.append(call(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(whole, "whole", watched)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    whole.rehearse(silent)
    assert [column.reading.type for column in made[0].plan.columns] == [
        "integer",
        "text",
        "decimal",
        "date",
        "timestamp",
        "decimal",
        "boolean",
        "text",
    ]
    assert set(made[0].files) == {"parquet", "rejected", "duplicates", "preview"}
    assert not list(tmp_path.iterdir())
