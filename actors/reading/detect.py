"""Finds out how a file is written, from its beginning: bytes in, a `Dialect` out, with how sure each part of it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .candidates import is_spaced
from .dialect import Certainty, Decision, Dialect, unique_names, with_names
from .encoding import named_encoding, sample_text
from .errors import Unreadable
from .layout import CERTAIN_HEADER
from .made import Detected, Writing
from .shapes import is_typed
from .weigh import Reading, weigh
from .weights import WEIGHTS, Weights

MAX_COLUMNS = 20_000
#: Preamble lines in the report.
REPORTED_PREAMBLE_LINES = 50
#: Lines of a file's beginning that are weighed together with records from further on.
SHORT_SAMPLE_LINES = 150
#: The share of blank lines among all from which they are part of the writing.
USUAL_BLANKS = 0.1
#: Other ways of writing to try when the best one loses most of the file.
MAX_ALTERNATIVES = 3
_HINT = re.compile(r"[\ufeff\"]*sep=(.{1,2}?)\"?(?:\r\n|\n|\r)", re.IGNORECASE)
_SIGNS = {
    ",": "comma",
    ";": "semicolon",
    "\t": "tab",
    "|": "bar",
    ":": "colon",
    " ": "space",
    "": "none: one column",
    "\x1f": "unit separator",
    "\x01": "start of heading",
}


def detect(report: Callable[..., None], *, path: str, options: dict[str, Any], declared: str = "") -> Detected:
    """Return how the file is written, and the next best readings of it.

    `options` are the person's own settings; what is absent is detected. `declared` is the charset that a server gave.
    """
    size = Path(path).stat().st_size
    report(0, size)
    encoding = named_encoding(options["encoding"]) if options.get("encoding") else None
    sample = sample_text(Path(path), encoding, declared=declared)
    dialect, others = detect_all(sample.text, encoding=sample.encoding.name, complete=sample.complete, options=options)
    if options.get("names"):
        dialect = with_names(dialect, options["names"])
    detected = sample.encoding
    decision = Decision("encoding", detected.title, detected.certainty, detected.reason)
    dialect = replace(
        dialect,
        fallback=detected.fallback,
        decisions=(decision, *dialect.decisions),
        notes=(*sample.notes, *dialect.notes),
    )
    report(size, size)
    return Detected(dialect=dialect, alternatives=tuple(others))


def detect_in(path: Path, *, encoding: str, options: dict[str, Any], further: Sequence[str] = ()) -> Dialect:
    """The format of a file by its beginning, and by `further` records that stand somewhere in it."""
    sample = sample_text(path, encoding)
    text, complete = sample.text, sample.complete
    if further:
        # The sample needs both parts.
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:SHORT_SAMPLE_LINES]
        text, complete = "\n".join([*lines, *further]) + "\n", True
        options = {**options, "line_end": "\n"}
        dialect = detect_all(text, encoding=encoding, complete=complete, options=options)[0]
        return replace(dialect, line_end=line_end_of(sample.text))
    return detect_all(text, encoding=encoding, complete=complete, options=options)[0]


def detect_all(
    sample: str, *, encoding: str, complete: bool, options: dict[str, Any], weights: Weights = WEIGHTS
) -> tuple[Dialect, list[Writing]]:
    """The same, and the delimiter, quote and escape of the next best readings."""
    if not sample.strip("\r\n \t\0"):
        raise Unreadable("The file holds no records: it is empty or has only blank lines.")
    sample = sample.replace("\0", "")
    hint = _HINT.match(sample) if "delimiter" not in options else None
    hint_lines = 0
    delimiter = options.get("delimiter")
    if hint:
        delimiter, hint_lines = hint.group(1), 1
        sample = sample[hint.end() :]
    line_end = options.get("line_end") or line_end_of(sample)
    if not complete:
        sample = _cut_at_line_end(sample, line_end)
    text = _with_line_feeds(sample, line_end)
    quote = options.get("quote")
    skip = options.get("preamble_lines")
    readings = weigh(
        text,
        delimiter=delimiter,
        quote="" if quote == "none" else quote,
        escape=options.get("escape") or None,
        header=str(options.get("header") or ""),
        skip=None if skip is None else max(0, int(skip) - hint_lines),
        comment=options.get("comment"),
        complete=complete,
        weights=weights,
    )
    best = readings[0]
    dialect = _dialect_of(best, text, hint_lines, line_end=line_end, encoding=encoding)
    if "comment" in options:
        dialect = replace(dialect, comment=options["comment"])
    if hint:
        hint_line = hint.group(0).strip()
        notes = (f"The first line names the delimiter: {hint_line}", *dialect.notes)
        dialect = replace(dialect, notes=notes, preamble=(hint_line, *dialect.preamble))
    decisions = _decisions(readings, dialect, options, has_hint=hint is not None, weights=weights)
    dialect = replace(dialect, decisions=decisions)
    others = [
        Writing(delimiter=item.writing.delimiter, quote=item.writing.quote or "none", escape=item.writing.escape)
        for item in readings[1:]
        if item.writing.delimiter != best.writing.delimiter and not item.writing.blanks
    ]
    return dialect, others[:MAX_ALTERNATIVES]


def _dialect_of(best: Reading, text: str, hint_lines: int, *, line_end: str, encoding: str) -> Dialect:
    layout, writing, parsed = best.layout, best.writing, best.parsed
    can_be_spaced = not writing.blanks and len(writing.delimiter) == 1 and writing.delimiter not in " \t"
    comment = "#" if any(row.kind == "comment" for row in parsed.rows) else ""
    spaced = can_be_spaced and is_spaced(text, writing.delimiter, layout.names, layout.shapes)
    source_names = [name.strip(" ") for name in layout.names] if spaced else list(layout.names)
    names, renamed = unique_names(source_names)
    if len(names) > MAX_COLUMNS:
        raise Unreadable(f"The table has {len(names):,} columns; at most {MAX_COLUMNS:,} can be imported.")
    notes = list(layout.notes)
    if renamed and layout.header_lines:
        notes.append(f"{renamed} empty or repeated column names were made unique.")
    blanks = sum(1 for row in parsed.rows if not row.cells)
    preamble = [line[:500] for line in text.split("\n")[: layout.first_line][:REPORTED_PREAMBLE_LINES]]
    return Dialect(
        encoding=encoding,
        delimiter=writing.delimiter,
        blanks=writing.blanks,
        spaced=spaced,
        quote=writing.quote,
        escape=writing.escape,
        line_end=line_end,
        comment=comment,
        header_lines=layout.header_lines,
        preamble_lines=layout.first_line + hint_lines,
        above=tuple(replace(item, first=item.first + hint_lines, last=item.last + hint_lines) for item in layout.above),
        names=tuple(names),
        source_names=tuple(source_names),
        shapes=tuple(layout.shapes),
        least=layout.least,
        has_certain_header=layout.header_lines > 0 and _is_certain_header(best),
        blank_lines_part=blanks < USUAL_BLANKS * len(parsed.rows) or blanks <= 2,
        preamble=tuple(preamble),
        notes=tuple(notes),
    )


def _is_certain_header(best: Reading) -> bool:
    """Whether a line that says the header again can only be that: names over typed columns, or many of them."""
    layout = best.layout
    if layout.header_score >= CERTAIN_HEADER:
        return True
    return any(map(is_typed, layout.shapes)) and layout.header_score > 0.3


def _decisions(
    readings: Sequence[Reading], dialect: Dialect, options: dict[str, Any], *, has_hint: bool, weights: Weights
) -> tuple[Decision, ...]:
    best = readings[0]
    decisions: list[Decision] = []
    other = next((item for item in readings[1:] if item.writing.delimiter != best.writing.delimiter), None)
    sign = name_of_sign(dialect.delimiter) if not dialect.blanks else "runs of blanks"
    if "delimiter" in options or has_hint:
        decisions.append(Decision("delimiter", sign, "set" if "delimiter" in options else "certain", ""))
    else:
        certainty = _certainty(best.score, other.score if other else 0.0, weights)
        reason = ""
        if other and certainty != "certain":
            reason = f"{name_of_sign(other.writing.delimiter)} fits nearly as well"
        decisions.append(Decision("delimiter", sign, certainty, reason))
    if "quote" in options:
        decisions.append(Decision("quote", dialect.quote or "none", "set"))
    else:
        plain = next((item for item in readings[1:] if item.writing.quote != best.writing.quote), None)
        certainty = "certain" if plain is None else _certainty(best.score, plain.score, weights, scale=0.25)
        decisions.append(Decision("quote", dialect.quote or "none", certainty))
    if dialect.escape == "backslash" or "escape" in options:
        sure_escape: Certainty = "set" if options.get("escape") else "likely"
        decisions.append(Decision("escape", dialect.escape, sure_escape))
    line_end = {"\n": "line feed", "\r": "carriage return"}.get(dialect.line_end, "mixed")
    decisions.append(Decision("line_end", line_end, "set" if options.get("line_end") else "certain"))
    header = "none" if not dialect.header_lines else f"{dialect.header_lines} line" + "s" * (dialect.header_lines > 1)
    if options.get("header"):
        decisions.append(Decision("header", header, "set"))
    else:
        score = abs(best.layout.header_score)
        certainty = "certain" if score >= CERTAIN_HEADER else "likely" if score > 0.3 else "guess"
        decisions.append(
            Decision("header", header, certainty, "the first line could be a record" if score <= 0.3 else "")
        )
    lines = dialect.preamble_lines
    where = "the first line" if not lines else f"line {lines + 1:,}"
    is_set = options.get("preamble_lines") is not None
    sure: Certainty = "set" if is_set else "certain" if not lines else "likely"
    decisions.append(Decision("table", f"begins at {where}", sure))
    return tuple(decisions)


def _certainty(best: float, other: float, weights: Weights, *, scale: float = 1.0) -> Certainty:
    """How sure a choice is, by how far behind the next best reading is."""
    ratio = best / other if other > 0 else float("inf")
    if ratio < 1 + (weights.guess_ratio - 1) * scale:
        return "guess"
    return "likely" if ratio < 1 + (weights.likely_ratio - 1) * scale else "certain"


def name_of_sign(sign: str) -> str:
    """What people call a delimiter."""
    return _SIGNS.get(sign, sign)


def line_end_of(sample: str) -> str:
    """The line ends of a sample: see `Dialect.line_end`."""
    outside = re.sub(r'"[^"]*"', "", sample)
    pairs = outside.count("\r\n")
    feeds = outside.count("\n") - pairs
    returns = outside.count("\r") - pairs
    if not pairs and not feeds:
        if returns or (sample.count("\r") > sample.count("\r\n") and "\n" not in sample):
            return "\r"
        return "\n"
    if not returns:
        return "\n"
    # A few stray returns in a file of line feeds are damage inside values, not line ends.
    return "any" if returns * 10 >= pairs + feeds else "\n"


def _cut_at_line_end(sample: str, line_end: str) -> str:
    end = max(sample.rfind("\n"), sample.rfind("\r") if line_end != "\n" else -1)
    return sample[: end + 1] if end > 0 else sample


def _with_line_feeds(sample: str, line_end: str) -> str:
    sample = sample.replace("\r\n", "\n")
    return sample if line_end == "\n" else sample.replace("\r", "\n")
