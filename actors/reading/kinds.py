"""Kinds of files that are no tables: recognised by their structure, never by the first byte alone.

A table may begin with `<`, `{`, `[` or any word. So a page, a document or data of another form is refused only when
its structure says so: it parses, its end closes what its beginning opens, or its bytes are no text.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import Unreadable
from .wide import wide_encoding

#: Bytes of the beginning and of the end that are looked at.
HEAD_BYTES = 64 * 1024
TAIL_BYTES = 4 * 1024
#: Shares of control characters, and of these and zero bytes, from which a file is not text.
MOST_CONTROLS = 0.02
FEW_CONTROLS = 3
MOST_CONTROLS_AND_ZEROS = 0.3


@dataclass(frozen=True)
class Kind:
    """What a file is ("a PDF"), and what to do instead: a sentence."""

    name: str
    advice: str


_SHEET = "Save the sheet as CSV and use that."
_EXPORT = "Export the table from it as CSV and use that."
_ORIGINAL = "Look for the data that it was made from."
_OUTSIDE = "Unpack it and use the table inside."
_RIGHT_FILE = "Is it the right file?"

#: Beginnings of files that are not text, where they stand, and what they are.
_SIGNATURES: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"%PDF-", Kind("a PDF", _ORIGINAL)),
    (0, b"\x89PNG\r\n\x1a\n", Kind("a picture (PNG)", _ORIGINAL)),
    (0, b"\xff\xd8\xff", Kind("a picture (JPEG)", _ORIGINAL)),
    (0, b"GIF87a", Kind("a picture (GIF)", _ORIGINAL)),
    (0, b"GIF89a", Kind("a picture (GIF)", _ORIGINAL)),
    (0, b"II*\0", Kind("a picture (TIFF)", _ORIGINAL)),
    (0, b"MM\0*", Kind("a picture (TIFF)", _ORIGINAL)),
    (8, b"WEBPVP8", Kind("a picture (WebP)", _ORIGINAL)),
    (4, b"ftyp", Kind("a picture or film", _ORIGINAL)),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("an old Excel or Word file", _SHEET)),
    (4, b"Standard Jet DB\0", Kind("an Access database", _EXPORT)),
    (4, b"Standard ACE DB\0", Kind("an Access database", _EXPORT)),
    (0, b"SQLite format 3\0", Kind("an SQLite database", _EXPORT)),
    (8, b"DUCK", Kind("a DuckDB database", _EXPORT)),
    (0, b"PGDMP", Kind("a dump of a PostgreSQL database", _EXPORT)),
    (0, b"PAR1", Kind("a Parquet file", _EXPORT)),
    (0, b"ARROW1\0\0", Kind("an Arrow file", _EXPORT)),
    (0, b"Obj\x01", Kind("an Avro file", _EXPORT)),
    (0, b"ORC", Kind("an ORC file", _EXPORT)),
    (0, b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file", _EXPORT)),
    (0, b"\x93NUMPY", Kind("a NumPy array", _EXPORT)),
    (0, b"$FL2@(#)", Kind("an SPSS file", _EXPORT)),
    (0, b"\x28\xb5\x2f\xfd", Kind("packed with Zstandard", _OUTSIDE)),
    (0, b"\x04\x22\x4d\x18", Kind("packed with LZ4", _OUTSIDE)),
    (0, b"\x1f\x9d", Kind("packed with compress", _OUTSIDE)),
    (0, b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive", _OUTSIDE)),
    (0, b"Rar!\x1a\x07", Kind("a RAR archive", _OUTSIDE)),
    (0, b"\x7fELF", Kind("a program", _RIGHT_FILE)),
    (0, b"MZ", Kind("a program", _RIGHT_FILE)),
)
#: Files inside a zip, by a part of their name, that make it a document.
_PARTS = (
    ("xl/", Kind("an Excel workbook", _SHEET)),
    ("word/", Kind("a Word document", _ORIGINAL)),
    ("ppt/", Kind("a PowerPoint presentation", _ORIGINAL)),
    ("Index/Document.iwa", Kind("an Apple Numbers or Pages document", _SHEET)),
    ("Index.zip", Kind("an Apple Numbers or Pages document", _SHEET)),
)
_OPEN_DOCUMENT = (
    (b"opendocument.spreadsheet", Kind("an OpenDocument spreadsheet", _SHEET)),
    (b"opendocument.", Kind("an OpenDocument file", _ORIGINAL)),
    (b"epub", Kind("a book (EPUB)", _ORIGINAL)),
)
WEB_PAGE = Kind(
    "a web page (HTML)",
    "Was it saved from a log-in page, an error page or a preview? Download the table itself and use that.",
)
_ZEROS = Kind("empty: it has only zero bytes", "Was a copy of it broken off?")
JSON = Kind("JSON", "Is it an error message, or an answer meant for programs? Convert it to CSV and use that.")
JSON_LINES = Kind("JSON Lines", "Convert it to CSV and use that.")
XML = Kind("XML", "Convert it to CSV and use that.")
SHEET_XML = Kind("an Excel workbook saved as XML", _SHEET)
#: Beginnings of text that no table has.
_TEXTS = (
    (re.compile(r"\{\\rtf\d"), Kind("a document (RTF)", _ORIGINAL)),
    (re.compile(r"%!PS"), Kind("a PostScript file", _ORIGINAL)),
    (re.compile(r"BEGIN:VCARD\s"), Kind("an address book (vCard)", _EXPORT)),
    (re.compile(r"BEGIN:VCALENDAR\s"), Kind("a calendar (iCalendar)", _EXPORT)),
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----\s"), Kind("a key or certificate", _RIGHT_FILE)),
    (re.compile(r"#!\s?/"), Kind("a program", _RIGHT_FILE)),
    (re.compile(r"<\?php\s"), Kind("a program (PHP)", _RIGHT_FILE)),
    (
        re.compile(r"version https://git-lfs\.github\.com/spec/"),
        Kind("only a pointer to a file in Git LFS", "Download the file itself and use that."),
    ),
)
_SQL = Kind("a dump of a database (SQL)", _EXPORT)
_SQL_COMMENT = re.compile(r"\s+|--[^\n]*\n|/\*.*?\*/;?", re.S)
_SQL_START = re.compile(r"(?:CREATE|DROP|ALTER) (?:TABLE|DATABASE|SCHEMA)\b|INSERT INTO\b[^\n]*\bVALUES\b", re.I)
_SQL_END = re.compile(r";[ \r]*\n")
_MAIL_FIELDS = re.compile(
    r"(?:From [^\r\n]*\r?\n)?(?:[A-Za-z][A-Za-z0-9-]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){3,}\r?\n"
)
_MAIL_SIGNS = re.compile(r"^(?:Received|Return-Path|Message-ID|MIME-Version|X-Mailer):", re.M | re.I)
_MAIL = Kind("an email", "Save its attachment and use that.")
_PROLOG = re.compile(r"\s*(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*|<\?[^>]*\?>\s*)*", re.S)
_PAGE_START = re.compile(r"<!doctype\s+html|<(?:html|head|body)\b", re.I)
_PAGE_PART = re.compile(r"<(?:script|style|meta|title|link|center|div|h1|h2|p|pre|table|ul)\b", re.I)
_VALUE_LINE = re.compile(r"<(\w+)[^>]*>.*</\1>[ \r]*$")
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?/?>")
_TOKEN = re.compile(r'\s*(?:([{}\[\],:])|("(?:[^"\\\x00-\x1f]|\\.)*")|(-?\d[\d.eE+-]*|true|false|null)(?![\w"]))')


def refuse_what_is_no_table(path: Path, name: str) -> None:
    """Raise Unreadable for a file that is plainly something else; the sentence says what, and what to do."""
    kind = kind_of(path)
    if kind is not None:
        what = kind.name if kind.name.startswith(("packed", "empty")) else f"{kind.name}, not a table"
        raise Unreadable(f"{name} is {what}. {kind.advice}")


def kind_of(path: Path) -> Kind | None:
    """What the file is when it is no text or plainly no table; None for what may be one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
    if not head.strip(b"\0") and not tail.strip(b"\0"):
        return _ZEROS
    encoding = _wide(head)
    if encoding is None and (kind := _binary_kind(head, tail)):
        return kind
    # For the structure ASCII is enough, and that is the same in all other encodings.
    text = head.decode(encoding or "latin-1", "replace").removeprefix("\ufeff").removeprefix("ï»¿")
    end = tail[len(tail) % 4 :].decode(encoding, "replace") if encoding else tail.decode("latin-1")
    return _text_kind(text.lstrip(), end.rstrip("\0 \t\r\n\x1a"), complete=size <= HEAD_BYTES)


def kind_of_archive(names: list[str], mimetype: bytes) -> Kind | None:
    """What a zip is by the names in it and its file `mimetype`: a document, or None for an archive of files."""
    for sign, kind in _OPEN_DOCUMENT:
        if sign in mimetype:
            return kind
    if "[Content_Types].xml" in names or any(name.startswith("Index") for name in names):
        for part, kind in _PARTS:
            if any(name.startswith(part) for name in names):
                return kind
    return None


def _wide(head: bytes) -> str | None:
    for mark, name in (
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return name
    return wide_encoding(head)


def _binary_kind(head: bytes, tail: bytes) -> Kind | None:
    is_text = _is_text(head)
    for offset, sign, kind in _SIGNATURES:
        if not head.startswith(sign, offset):
            continue
        # A sign of letters alone may be a table's first word.
        if not sign.isalnum() or not is_text or (sign == b"PAR1" and tail.endswith(sign)):
            return kind
    return None if is_text else Kind("binary data", _RIGHT_FILE)


def _is_text(head: bytes) -> bool:
    """Whether few of the bytes are controls that text does not have, or zero; zeros that fill the end do not count."""
    filled = len(head.rstrip(b"\0")) or len(head)
    zeros = head.count(b"\0", 0, filled)
    # Tabs, line ends and page breaks are text; \x01, \x02 and \x1c to \x1f are delimiters, \x1a ends DOS files.
    controls = filled - len(head[:filled].translate(None, bytes([*range(3, 9), *range(14, 26), 127])))
    few = controls <= max(FEW_CONTROLS, MOST_CONTROLS * filled)
    return few and controls + zeros <= MOST_CONTROLS_AND_ZEROS * filled


def _text_kind(text: str, end: str, *, complete: bool) -> Kind | None:
    for pattern, kind in _TEXTS:
        if pattern.match(text):
            return kind
    if text.startswith("<"):
        return _markup_kind(text, end, complete=complete)
    if text.startswith(("{", "[")):
        return _json_kind(text, complete=complete)
    match = _MAIL_FIELDS.match(text)
    if match and _MAIL_SIGNS.search(match.group()):
        return _MAIL
    return _SQL if _is_sql(text) else None


def _is_sql(text: str) -> bool:
    """Whether statements follow what may be comments."""
    position = 0
    while comment := _SQL_COMMENT.match(text, position):
        position = comment.end()
    start = _SQL_START.match(text, position)
    return start is not None and _SQL_END.search(text, start.end()) is not None


def _markup_kind(text: str, end: str, *, complete: bool) -> Kind | None:
    """HTML or XML, when one element holds all of it; values like `<b>x</b>,1` are none."""
    prolog = _PROLOG.match(text)
    body = text[prolog.end() if prolog else 0 :]
    if not end.endswith(">") and not _PAGE_START.match(body):
        return None
    lines = _whole_lines(body, complete=complete)
    if len(lines) > 1 and all(_VALUE_LINE.match(line) for line in lines):
        # Each line an element of its own: a column of such values.
        return None
    if _PAGE_START.match(body):
        return None if _goes_on(body) else WEB_PAGE
    if _PAGE_PART.match(body):
        return WEB_PAGE
    doctype = re.match(r"<!DOCTYPE\s[^>]*>\s*", body)
    root = _ELEMENT.match(body, doctype.end() if doctype else 0)
    if root is None:
        return None
    closing = f"</{root.group(1)}>"
    # The beginning and the end overlap where the file is short.
    holds_all = end.endswith(closing) and text.count(closing) + end.count(closing) <= 2 and body.count("<") > 3
    if not text.startswith("<?xml") and doctype is None and not holds_all:
        return None
    return SHEET_XML if 'progid="Excel.Sheet"' in text[:2000] else XML


def _goes_on(body: str) -> bool:
    """Whether a page's end is followed by more than blanks and tags on its line: a row of a table."""
    place = body.lower().find("</html>")
    rest = body[place + 7 :].partition("\n")[0].strip() if place >= 0 else ""
    return bool(rest) and not rest.startswith("<")


def _whole_lines(text: str, *, complete: bool) -> list[str]:
    """The lines that are not blank, without a last one that the sample's end may cut."""
    lines = [line for line in text.splitlines() if line.strip("\0 \t\x1a")]
    return lines if complete else lines[:-1]


def _json_kind(text: str, *, complete: bool) -> Kind | None:
    lines = _whole_lines(text, complete=complete)
    if len(lines) > 1 and all(_is_json_object(line) for line in lines):
        return JSON_LINES
    return JSON if _begins_as_json(text, complete=complete) else None


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _begins_as_json(text: str, *, complete: bool) -> bool:
    """Whether the text follows JSON's grammar as far as it goes: lists and objects, one or several on new lines."""
    open_: list[str] = []
    position, values, expected = 0, 0, "value"
    while match := _TOKEN.match(text, position):
        position = match.end()
        sign, word = match.group(1), match.group(2) or match.group(3)
        expected = _after(sign, is_text=match.group(2) is not None, expected=expected, open_=open_)
        if not expected:
            return False
        values += word is not None
        if not open_:
            rest = text[position:]
            following = rest.lstrip("\0 \t\r\n\x1a")
            if not following:
                return True
            if word is not None or following[0] != "{" or "\n" not in rest[: len(rest) - len(following)]:
                return False
            expected = "value"
    # What is left is a token that the sample's end cuts, of a text that is longer.
    return not complete and values > 2 and len(text) - position < HEAD_BYTES // 4


def _after(sign: str | None, *, is_text: bool, expected: str, open_: list[str]) -> str:
    """What has to follow a token: a value, a key, a colon or an end; "" when the token is not what was expected."""
    if sign is None:
        return {"value": "end", "first": "end", "key": "colon" if is_text else ""}.get(expected, "")
    if sign in "{[":
        open_.append(sign)
        return {"{": "key", "[": "first"}[sign] if expected in ("value", "first") else ""
    if sign in "}]":
        closes = bool(open_) and open_.pop() == {"}": "{", "]": "["}[sign]
        return "end" if closes and expected in ("end", "key", "first") else ""
    if sign == ":":
        return "value" if expected == "colon" else ""
    return {"{": "key", "[": "value"}[open_[-1]] if expected == "end" and open_ else ""
