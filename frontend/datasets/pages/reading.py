"""How the file of a dataset was read, for its page: each decision, and where every line went."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.models import Artifact, Dataset

_DELIMITERS = {
    "": "None: one column",
    ",": "Comma",
    ";": "Semicolon",
    "\t": "Tab",
    "|": "Pipe",
    "||": "Double pipe",
    ":": "Colon",
    "::": "Double colon",
    "^": "Caret",
    "~": "Tilde",
    " ": "Space",
    "\x1f": "Unit separator",
    "\x01": "Start of heading",
}
_QUOTES = {'"': "Double quotes", "'": "Single quotes", "": "None"}
_LINE_ENDS = {
    "\n": "Unix or Windows",
    "\r\n": "Windows",
    "\r": "Old Mac",
    "any": "Mixed",
}
#: The words for how sure a decision is.
_CERTAINTIES = {"certain": "certain", "likely": "likely", "guess": "a guess", "set": "set, not detected"}
#: The keys of the dialect for decisions of another name.
_DECIDED = {"header": "header_lines", "table": "preamble_lines"}
#: What was repaired or noticed while reading: the count's key and its title.
_MENDED = (
    ("padded", "Short rows filled up"),
    ("trimmed", "Long rows with only empty extras cut"),
    ("repaired", "Rows with damaged quotes repaired"),
    ("mixed_encoding", "Values in another encoding"),
    ("c1_controls", "Control characters read as Windows-1252"),
    ("undecodable", "Bytes that the encoding lacks"),
    ("nul_bytes", "Control bytes left out"),
)


@dataclass(frozen=True)
class Fact:
    """One thing about how a file was read."""

    title: str
    value: str
    #: "certain", "likely", "guess" or "set"; empty where nothing was decided.
    certainty: str = ""
    reason: str = ""

    @property
    def sureness(self) -> str:
        """How sure it is, in words, with the reason."""
        words = _CERTAINTIES.get(self.certainty, self.certainty)
        return f"{words}: {self.reason}" if words and self.reason else words


@dataclass(frozen=True)
class LineCount:
    """How many lines of a file went to one place."""

    title: str
    number: int
    #: Where they can be seen: a part of the dataset's page, and the file that has them.
    view: str = ""
    file: Artifact | None = None
    #: Whether they are counted in the line before too.
    is_part: bool = False


def is_accounted_for(dataset: Dataset) -> bool:
    """Whether every line was counted; for older datasets they were not."""
    dialect: dict[str, Any] = dataset.dialect or {}
    return "decisions" in dialect and bool(_counts(dataset).get("lines"))


def looked_for_duplicates(dataset: Dataset) -> bool:
    """Whether duplicates were searched for: only an import with key columns does."""
    dialect: dict[str, Any] = dataset.dialect or {}
    if "looked_for_duplicates" in dialect:
        return bool(dialect["looked_for_duplicates"])
    rules = dataset.rules if isinstance(dataset.rules, dict) else {}
    return bool(dataset.duplicates or rules.get("keys"))


def facts_of(dataset: Dataset) -> list[Fact]:
    """Return how the file was read in plain words, each decision with how sure it is."""
    dialect: dict[str, Any] = dataset.dialect or {}
    entries = _dialect_entries(dataset, dialect)
    decisions = {_DECIDED.get(name, name): each for each in _decisions(dialect) if (name := each["name"])}
    facts = []
    for key, (title, format_value) in entries.items():
        decided = decisions.pop(key, {})
        value = format_value(dialect[key]) if key in dialect else str(decided.get("value", ""))
        if key == "encoding" and decided.get("value", dialect.get(key)) != dialect.get(key):
            # The encoding's name for people, not for Python.
            value = str(decided["value"])
        if value:
            facts.append(_fact(title, value, decided))
    facts += [_fact(_as_title(key), str(each.get("value", "")), each) for key, each in decisions.items()]
    return facts


def mended_of(dataset: Dataset) -> list[tuple[str, int]]:
    """Return what was repaired or noticed while reading as (title, count) pairs, without zeros."""
    counts = _counts(dataset)
    return [(title, counts[key]) for key, title in _MENDED if counts.get(key)]


def lines_of(dataset: Dataset, files: Mapping[str, Artifact]) -> list[LineCount]:
    """Return where the lines of the file went, without empty places; `files` are the job's by their field.

    They add up to the file's lines. Values with line breaks take more lines than there are records. Records of another
    table, and those after the table, are among the rejected.
    """
    counts, aside = _counts(dataset), files.get("aside")
    lines = [
        LineCount("Rows", dataset.rows, view="rows", file=files.get("parquet")),
        LineCount("Rejected", dataset.rejected, view="rejected", file=files.get("rejected")),
        LineCount("Of another table", counts.get("other_table", 0), is_part=True),
        LineCount("After the table", counts.get("after", 0), is_part=True),
    ]
    if looked_for_duplicates(dataset):
        lines.append(LineCount("Duplicates", dataset.duplicates, file=files.get("duplicates")))
    lines += [
        LineCount("Header", counts.get("header_lines", 0), file=aside),
        LineCount("Before the table", counts.get("before", 0), file=aside),
        LineCount("Comments", counts.get("comment", 0), file=aside),
        LineCount("Blank", counts.get("blank", 0), file=aside),
    ]
    total = counts.get("lines", 0)
    left = total - sum(each.number for each in lines if not each.is_part)
    lines.append(LineCount("Further lines of values with line breaks", max(0, left)))
    return [*_with_each_file_once(each for each in lines if each.number), LineCount("Lines in the file", total)]


def rules_text(dataset: Dataset) -> str:
    """Return the rules that the rows were checked by as indented JSON; empty when there were none."""
    rules = dataset.rules or {}
    if isinstance(rules, dict):
        rules = {name: value for name, value in rules.items() if value not in (None, "", [], {}, False)}
    return json.dumps(rules, ensure_ascii=False, indent=2) if rules else ""


def _with_each_file_once(lines: Iterable[LineCount]) -> Iterator[LineCount]:
    """Yield the lines; when several are in one file, only the first links it."""
    listed: set[int] = set()
    for line in lines:
        if line.file is not None and line.file.pk in listed:
            line = replace(line, file=None)
        elif line.file is not None:
            listed.add(line.file.pk)
        yield line


def _dialect_entries(dataset: Dataset, dialect: dict[str, Any]) -> dict[str, tuple[str, Callable[[Any], str]]]:
    """Return the keys of a dialect that are shown, each with its title and the function that formats its value."""
    in_quotes = bool(dialect.get("quote", '"'))
    return {
        "encoding": ("Encoding", lambda value: str(value).upper().replace("_", "-")),
        "delimiter": ("Delimiter", lambda value: _delimiter(str(value), dataset)),
        "quote": ("Quotes", lambda value: _named(_QUOTES, str(value))),
        "escape": (
            "Quotes inside quotes" if in_quotes else "Delimiters inside values",
            lambda value: _escape(str(value), in_quotes=in_quotes),
        ),
        "comment": ("Comments", lambda value: f"Lines that begin with {value}" if value else ""),
        "line_end": ("Line ends", lambda value: _named(_LINE_ENDS, str(value))),
        "header_lines": ("Header", _header),
        "preamble_lines": ("Table begins", lambda value: f"On line {value + 1:,}"),
        "member": ("File in the archive", str),
    }


def _decisions(dialect: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in dialect.get("decisions") or []:
        if isinstance(each, dict) and each.get("name"):
            yield each


def _fact(title: str, value: str, decided: dict[str, Any]) -> Fact:
    return Fact(title, value, str(decided.get("certainty") or ""), str(decided.get("reason") or ""))


def _counts(dataset: Dataset) -> dict[str, int]:
    counts = (dataset.dialect or {}).get("counts")
    return {str(key): int(number) for key, number in counts.items()} if isinstance(counts, dict) else {}


def _delimiter(value: str, dataset: Dataset) -> str:
    dialect: dict[str, Any] = dataset.dialect or {}
    if dialect.get("blanks"):
        return "Runs of blanks"
    if dataset.column_count == 1 and value not in _DELIMITERS.keys() - {"\x1f"}:
        return _DELIMITERS[""]
    name = _named(_DELIMITERS, value)
    return f"{name} and a blank" if dialect.get("spaced") else name


def _escape(value: str, *, in_quotes: bool) -> str:
    if value in ("backslash", "\\"):
        return "With a backslash before them"
    # Without quotes there are no doubled quotes.
    return {"double": "Doubled", "": "None"}.get(value, value) if in_quotes else ""


def _named(names: dict[str, str], value: str) -> str:
    name = names.get(value)
    if name is None:
        return value
    return f"{name}  {value}" if value.isprintable() and len(value.strip()) in (1, 2) else name


def _header(value: Any) -> str:
    if not value:
        return "None: the columns were named here"
    return "One line" if value == 1 else f"{value} lines"


def _as_title(key: str) -> str:
    return key.replace("_", " ").capitalize()
