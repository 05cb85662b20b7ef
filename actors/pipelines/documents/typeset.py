"""The second step: one batch of rows becomes a PDF or a zip of PDFs. Runs in a child process.

A batch is set in one run, about four times as quick as a run for each. When that fails, each row is tried alone,
so that the bad ones are found and named, and the others are set in one run again.
"""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pikepdf
import typst

from actors.typesetting import compiler, fonts
from actors.typesetting.compiler import refuse_ways_out, without_network
from core.errors import PermanentError

from .packing import Packer

Report = Callable[..., None]

#: The pages on which headway.typ marked the beginning and the end of each document.
_PLACES = "(<headway-begin>, <headway-end>).map(mark => query(mark).map(found => found.location().page()))"


@dataclass
class Batch:
    """Rows that are set together, with where their documents stand in the PDF."""

    documents: list[dict[str, Any]]
    rows: list[int]
    names: list[str]
    files: list[str]
    #: [row number, name, reason] of each row that could not be set.
    failures: list[list[Any]] = field(default_factory=list)

    def leave_out(self, reasons: dict[int, str]) -> None:
        """Take out the rows of these indexes, and note why."""
        for index, reason in reasons.items():
            self.failures.append([self.rows[index], self.names[index], reason])
        for index in sorted(reasons, reverse=True):
            del self.documents[index], self.rows[index], self.names[index], self.files[index]


@dataclass(frozen=True)
class Setting:
    """What is the same for all batches of a job."""

    folder: Path
    fonts: list[str]
    logo: str
    #: Seconds since 1970 of the documents' date.
    timestamp: int

    def typeset(self, documents: list[dict[str, Any]]) -> tuple[bytes, list[int]]:
        """Return the PDF of these documents, and the index of each one's first page and of the page after the last.

        Raises PermanentError that names the template's file and line.
        """
        data = {"documents": documents, "fonts": self.fonts, "logo": self.logo or None}
        inputs = {"data": json.dumps(data, ensure_ascii=False)}
        nothing = str(self.folder / ".packages")
        try:
            with without_network():
                run = typst.Compiler(
                    str(self.folder / "main.typ"),
                    root=str(self.folder),
                    font_paths=fonts.loaded(),
                    ignore_system_fonts=True,
                    sys_inputs=inputs,
                    package_path=nothing,
                    package_cache_path=nothing,
                )
                made = run.compile(format="pdf", timestamp=self.timestamp)
                # Answered from the layout that was just made.
                begins, ends = json.loads(run.eval(_PLACES))
        except typst.TypstError as error:
            raise compiler.explained(error, self.folder) from error
        if not isinstance(made, bytes):
            raise AssertionError(f"the compiler returned {type(made).__name__}")
        if not len(begins) == len(ends) == len(documents):
            raise PermanentError(
                f"The template set {len(ends):,} documents of {len(documents):,}. "
                "It has to hand each to “#show: documents(doc => …)” of headway.typ."
            )
        if begins[0] != 1:
            raise PermanentError("The template sets something before its first document; leave that out.")
        return made, [*(int(page) - 1 for page in begins), int(ends[-1])]


@dataclass(frozen=True, kw_only=True)
class Typeset:
    """What was made of a batch."""

    made: int
    failed: int
    pages: int


def typeset(
    report: Report,
    *,
    batch: str,
    folder: str,
    target: str,
    output: str,
    families: list[str],
    logo: str,
    timestamp: int,
) -> Typeset:
    """Set the batch into `target`, and beside it write `target.json` with what is in it.

    That is {"documents": [[name, index of its first page, pages]…], "failures": [[row, name, reason]…]}. `target` is
    there only when something was made.
    """
    values = json.loads(Path(batch).read_text(encoding="utf-8"))
    todo = Batch(**values)
    total = len(todo.rows)
    setting = Setting(Path(folder), families, logo, timestamp)
    refuse_ways_out(setting.folder)
    made = _set_what_can_be(report, setting, todo)
    listed: list[list[Any]] = []
    if made is not None:
        pdf, places = made
        spans = itertools.pairwise(places)
        listed = [[name, begin, end - begin] for name, (begin, end) in zip(todo.names, spans, strict=True)]
        if output == "zip":
            _pack(Path(target), pdf, todo.files, listed, timestamp)
        else:
            Path(target).write_bytes(pdf)
    Path(f"{target}.json").write_text(json.dumps({"documents": listed, "failures": todo.failures}), encoding="utf-8")
    compiler.forget()
    report(total, total)
    return Typeset(made=len(listed), failed=len(todo.failures), pages=sum(pages for _, _, pages in listed))


def _set_what_can_be(report: Report, setting: Setting, batch: Batch) -> tuple[bytes, list[int]] | None:
    try:
        return setting.typeset(batch.documents)
    except PermanentError:
        pass
    reasons: dict[int, str] = {}
    for index, document in enumerate(batch.documents):
        try:
            setting.typeset([document])
        except PermanentError as error:
            reasons[index] = str(error)
        report(index, len(batch.documents))
    if not reasons:
        raise PermanentError("The template can set each document alone, but not several of them in one run.")
    batch.leave_out(reasons)
    return setting.typeset(batch.documents) if batch.documents else None


def _pack(target: Path, pdf: bytes, files: list[str], listed: list[list[Any]], timestamp: int) -> None:
    packer = Packer(timestamp)
    with pikepdf.open(io.BytesIO(pdf)) as opened, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as pack:
        for file, (name, begin, pages) in zip(files, listed, strict=True):
            packer.add(pack, f"{file}.pdf", packer.split(opened, begin, pages, title=name))
