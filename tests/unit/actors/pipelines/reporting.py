"""A report without a site: its plan, its parts and its file, made by the steps' functions one after the other."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pypdfium2

from actors.pipelines.pdf_export import finish, plan, render
from actors.pipelines.pdf_export.request import Request
from actors.typesetting import templates
from tests.unit.actors.reading.importing import silent

CREATED = datetime.datetime(2025, 3, 1, 12, 30, tzinfo=datetime.UTC).timestamp()
SQL_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(18, 2)",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
}
Columns = Sequence[tuple[str, str]]


@dataclass
class Report:
    """A report that is planned, and set when its file is asked for."""

    folder: Path
    planned: plan.Planned
    request: Request

    def json(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    @property
    def parts(self) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = self.json("plan")["parts"]
        return parts

    @property
    def table_pages(self) -> list[dict[str, Any]]:
        """The pages of the table as they were planned."""
        return [page for part in self.parts[1:] for page in self.json(part["part"])["pages"]]

    def set(self, name: str = "report.pdf") -> Path:
        files = []
        for part in self.parts:
            out = self.folder / f"{part['part']}.pdf"
            render.render(
                silent,
                folder=str(self.folder),
                part=part["part"],
                pages=part["pages"],
                out=str(out),
                timestamp=int(CREATED),
            )
            files.append(str(out))
        finish.finish(
            silent, folder=str(self.folder), parts=files, out=str(self.folder / name),
            preview=str(self.folder / "preview.png"), title=self.request.title, author="alice", subject="",
            created=CREATED,
        )  # fmt: skip
        return self.folder / name


def write_table(path: Path, columns: Columns, rows: Sequence[Sequence[Any]]) -> Path:
    quoted = ['"' + name.replace('"', '""') + '"' for name, _ in columns]
    with duckdb.connect() as con:
        named = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, (_, kind) in zip(quoted, columns, strict=True))
        con.execute(f"CREATE TABLE t ({named})")
        if rows:
            con.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - marks only
        con.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    return path


def plan_report(folder: Path, known: Columns, rows: Sequence[Sequence[Any]], **params: Any) -> Report:
    """Plan a report on the rows, with the pipeline's parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    parquet = write_table(folder / "dataset.parquet", known, rows)
    request = Request.from_params(params, name="orders", dataset_columns=list(known))
    out = folder / "plan"
    (out / "template").mkdir(parents=True)
    templates.copy_to(templates.get("pdf_export", request.template), out / "template")
    planned = plan.plan(
        silent, parquet=str(parquet), folder=str(out), scratch=str(folder / "scratch"), request=request,
        dataset="orders", created=CREATED,
    )  # fmt: skip
    return Report(out, planned, request)


def texts_of(pdf: Path) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def outline_of(pdf: Path) -> list[tuple[int, str, int]]:
    """(level, title, index of the page) of each entry."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [(item.level, item.get_title(), item.get_dest().get_index()) for item in document.get_toc()]
    finally:
        document.close()
