"""Files sent whole or in part, as `Range: bytes=…` asks (RFC 9110, section 14).

A browser's PDF viewer reads a large file page by page, and a download that broke off goes on where it ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

#: Bytes that are read from the disk at a time.
BLOCK_BYTES = 64 * 1024
#: One range, from `first` to `last`, from `first` on, or the last so many bytes.
_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


class Unsatisfiable(Exception):
    """Raised when a range has no byte of the file."""


@dataclass(frozen=True)
class Span:
    """Bytes of a file, from the first to the last, both counted from 0 and both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def send_file(request: HttpRequest, path: Path, *, sha256: str, **response: Any) -> HttpResponseBase:
    """Return an answer that streams the file, or the one range of it that is asked for.

    `response` is passed on to Django's FileResponse. Raise FileNotFoundError when there is no file.
    """
    etag = f'"{sha256}"' if sha256 else ""
    file = path.open("rb")
    size = path.stat().st_size
    header = _range_header(request, etag)
    try:
        span = span_of(header, size)
    except Unsatisfiable:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    answer = FileResponse(file if span is None else _Part(file, span), **response)
    answer.block_size = BLOCK_BYTES
    answer["Accept-Ranges"] = "bytes"
    if etag:
        answer["ETag"] = etag
    if span is not None:
        answer.status_code = 206
        answer["Content-Length"] = str(span.length)
        answer["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    return answer


def span_of(header: str, size: int) -> Span | None:
    """Return the bytes that a Range header asks for; None when all are to be sent.

    A malformed header, another unit and several ranges are answered with the whole file, as the RFC allows.
    """
    match = _ONE_RANGE.fullmatch(header)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        span = Span(max(0, size - int(last)), size - 1)
    elif last and int(last) < int(first):
        return None
    else:
        span = Span(int(first), min(int(last), size - 1) if last else size - 1)
    if span.length < 1:
        raise Unsatisfiable
    return span


def _range_header(request: HttpRequest, etag: str) -> str:
    # A part of another file than the one that the browser has begun would spoil its download.
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return ""
    return request.headers.get("Range", "")


class _Part:
    """The bytes of a span, read as a file is."""

    def __init__(self, file: BinaryIO, span: Span) -> None:
        file.seek(span.first)
        self._file = file
        self._left = span.length

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._file.close()
