"""What an answer's headers and first bytes tell: the file's name, its size, and whether it is a file at all."""

from __future__ import annotations

import datetime as dt
import re
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import httpx2

from actors.reading import kinds
from core.database.jsontext import storable

from .addresses import Address
from .errors import Unfetchable

NAME_LENGTH = 150
HEAD_BYTES = 1024
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z")
#: What a charset's name may be made of (RFC 2978).
_CHARSET = re.compile(r"[a-z0-9!#$%&'+^_`{}~.:()-]{1,40}")
_PACKED_AS_FILE = frozenset(("", "identity", "gzip", "x-gzip"))


def content_length(headers: httpx2.Headers) -> int | None:
    """Return the length of the body that follows, if the server says it."""
    text = headers.get("content-length", "").strip()
    return int(text) if text.isdigit() and len(text) <= 18 and "transfer-encoding" not in headers else None


def content_range(headers: httpx2.Headers) -> tuple[int, int, int | None] | None:
    """Return first byte, last byte and whole size (None: unknown) of a part; None without a valid header."""
    match = _CONTENT_RANGE.match(headers.get("content-range", "").strip())
    if match is None:
        return None
    first, last, total = int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])
    return (first, last, total) if first <= last and (total is None or last < total) else None


def refuse_encoding(address: Address, headers: httpx2.Headers) -> None:
    """Refuse a packing that was not asked for. Gzip is kept as it comes: unpacking files has its own limits."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in _PACKED_AS_FILE:
        raise Unfetchable(f"{address.label} answered in the packing “{encoding[:40]}”, which was not asked for.")


def refuse_pages(path: Path, address: Address, headers: httpx2.Headers) -> None:
    """Refuse what is plainly no table: the page of a login or of an error, JSON and XML."""
    with path.open("rb") as file:
        begins_with = file.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    built = kinds.kind_of(path)
    is_markup, is_json = begins_with == b"<", begins_with in (b"{", b"[")
    if built == kinds.WEB_PAGE or (is_markup and media_type in ("text/html", "application/xhtml+xml")):
        raise Unfetchable(
            f"The address answered with a web page, not with a table: {address.label}. It may ask for a login, or "
            "the file may have moved."
        )
    if built in (kinds.JSON, kinds.JSON_LINES) or (
        is_json and (media_type == "application/json" or media_type.endswith("+json"))
    ):
        raise Unfetchable(f"The address answered with JSON, not with a table: {address.label}.")
    if built in (kinds.XML, kinds.SHEET_XML) or (is_markup and media_type in ("text/xml", "application/xml")):
        raise Unfetchable(f"The address answered with XML, not with a table: {address.label}.")


def file_name(address: Address, headers: httpx2.Headers) -> str:
    """Return the name of the file as the server gives it, else of the path, else of the host; safe to show and keep."""
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "")
    try:
        name = message.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        # Also raised for a name in parts that do not fit together.
        name = ""
    return _safe(name) or _safe(address.file_name) or address.host[:NAME_LENGTH]


def charset(headers: httpx2.Headers) -> str:
    """Return the charset of `Content-Type` as the server wrote it, in small letters, or nothing."""
    message = Message()
    message["Content-Type"] = headers.get("content-type", "")
    try:
        name = message.get_content_charset("")
    except (ValueError, LookupError, TypeError):
        return ""
    return name if _CHARSET.fullmatch(name) else ""


def wait_seconds(headers: httpx2.Headers) -> float | None:
    """Return the seconds of `Retry-After`, which may be a number or a date; None without it."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit() and text.isascii() and len(text) < 12:
        return float(text)
    until = moment(text)
    if until is None:
        return None
    # By the server's own clock, which its dates are meant by.
    now = moment(headers.get("date", "")) or dt.datetime.now(dt.UTC)
    return max(0.0, (until - now).total_seconds())


def moment(text: str) -> dt.datetime | None:
    """Return the time of a header's date; None for what is no date."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def status_in_words(status: int, reason: str) -> str:
    """Return e.g. "404 Not Found"."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "".join(mark for mark in reason if mark.isprintable())[:60]
    return f"{status} {phrase}".strip()


def _safe(name: str) -> str:
    name = storable(name).replace("\\", "/").rpartition("/")[2]
    name = "".join(mark for mark in name if mark.isprintable() and mark not in '<>:"|?*').strip().lstrip(".")
    if len(name) > NAME_LENGTH:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: NAME_LENGTH - 9]}.{ending}" if dot and len(ending) <= 8 else name[:NAME_LENGTH]
    return name
