"""An import without a site: the steps' functions one after the other, as the pipeline calls them."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec

from actors.imports.options import Options
from actors.reading import check, detect, profile, read, unpack, write
from actors.reading.account import Tally
from actors.reading.dialect import Dialect
from actors.reading.made import Loaded, Plan, Profile

T = TypeVar("T")


@dataclass
class Imported:
    """What came of a file."""

    loaded: Loaded
    plan: Plan
    folder: Path

    @property
    def dialect(self) -> Dialect:
        return self.loaded.dialect

    @property
    def tally(self) -> Tally:
        return self.loaded.tally

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        path = self.folder / "dataset" / "dataset.parquet"
        with duckdb.connect() as con:
            return con.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.plan.columns]

    @property
    def types(self) -> list[str]:
        return [column.reading.type for column in self.plan.columns]

    @property
    def rejected(self) -> list[dict[str, str]]:
        return self._csv("rejected.csv")

    @property
    def duplicates(self) -> list[dict[str, str]]:
        return self._csv("duplicates.csv")

    @property
    def preview(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.folder / "dataset" / "preview.json").read_text())
        return loaded

    def profile(self) -> list[Profile]:
        return profile.profile(
            silent,
            parquet=str(self.folder / "dataset" / "dataset.parquet"),
            scratch=str(self.folder / "scratch"),
            columns=self.plan.columns,
            rows=self.plan.rows,
        )

    @property
    def aside(self) -> list[dict[str, str]]:
        return self._csv("aside.csv")

    def _csv(self, name: str) -> list[dict[str, str]]:
        csv.field_size_limit(1 << 30)
        if not (self.folder / "dataset" / name).is_file():
            return []
        with (self.folder / "dataset" / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


def silent(done: int, total: int | None = None, note: str = "") -> None:
    """A report that nobody reads."""


def as_kept(value: T) -> T:
    """The value as a step of the pipeline keeps it and has it again."""
    return msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(value))), type(value))


def import_bytes(data: bytes, folder: Path, *, file_name: str = "table.csv", **params: Any) -> Imported:
    """Import bytes with the form's parameters; `chunk_bytes` and `max_record` set the scan's own limits."""
    limits = {key: params.pop(key) for key in ("chunk_bytes", "max_record") if key in params}
    options = Options.from_params(params)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name
    path.write_bytes(data)
    scratch = str(folder / "scratch")
    received = unpack.unpack(silent, path=str(path), name=file_name, folder=str(folder))
    content = str(folder / received.name) if received.name else str(path)
    detected = as_kept(detect.detect(silent, path=content, options=options.dialect))
    loaded = read.read(
        silent,
        path=content,
        folder=str(folder / "read"),
        scratch=scratch,
        detected=detected,
        settings=options.dialect,
        ragged=options.ragged,
        quotes=options.quotes,
        **limits,
    )
    loaded = as_kept(loaded)
    plan = check.check(
        silent,
        folder=str(folder / "read"),
        target=str(folder / "check"),
        scratch=scratch,
        loaded=loaded,
        rules=options.rules,
        keys=options.keys,
        options=options.checks,
    )
    plan = as_kept(plan)
    write.write(
        silent,
        folder=str(folder / "read"),
        checks=str(folder / "check"),
        target=str(folder / "dataset"),
        scratch=scratch,
        loaded=loaded,
        plan=plan,
        neutralise=not options.keep_formulas,
    )
    assert plan.records == plan.rows + plan.rejected + plan.duplicates
    return Imported(loaded, plan, folder)
