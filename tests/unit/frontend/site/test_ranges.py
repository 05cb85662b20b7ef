"""Files sent whole or in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from frontend.site.ranges import Span, Unsatisfiable, send_file, span_of

#: The end of an answer closes old connections.
pytestmark = pytest.mark.django_db

BYTES = bytes(range(100))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(BYTES)
    return path


def answer(path: Path, *, method: str = "GET", **headers: str) -> Any:
    request = RequestFactory().generic(method, "/", headers=headers)
    return send_file(request, path, sha256="ab", content_type="application/pdf")


def body(answer: Any) -> bytes:
    """Read a streamed answer to its end, and close the file."""
    content = b"".join(answer.streaming_content)
    answer.close()
    return content


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=0-9", Span(0, 9)),
        ("bytes=90-", Span(90, 99)),
        ("bytes=90-500", Span(90, 99)),
        ("bytes=-10", Span(90, 99)),
        ("bytes=-500", Span(0, 99)),
        ("Bytes = 5 - 6", Span(5, 6)),
        ("bytes=99-99", Span(99, 99)),
    ],
)
def test_one_range_is_read_as_the_rfc_says(asked: str, span: Span) -> None:
    assert span_of(asked, 100) == span


@pytest.mark.parametrize("asked", ["", "bytes=", "bytes=-", "bytes=9-5", "bytes=0-1,5-6", "rows=0-9", "bytes=a-b", "9"])
def test_what_is_no_single_range_is_the_whole_file(asked: str) -> None:
    assert span_of(asked, 100) is None


@pytest.mark.parametrize(("asked", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_a_range_without_a_byte_is_refused(asked: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        span_of(asked, size)


def test_the_whole_file_says_that_parts_may_be_asked_for(path: Path) -> None:
    whole = answer(path)
    assert whole.status_code == 200
    assert whole["Accept-Ranges"] == "bytes"
    assert whole["Content-Length"] == "100"
    assert whole["ETag"] == '"ab"'
    assert body(whole) == BYTES


def test_a_part_is_sent_alone_and_says_which_it_is(path: Path) -> None:
    part = answer(path, Range="bytes=10-19")
    assert part.status_code == 206
    assert part["Content-Range"] == "bytes 10-19/100"
    assert part["Content-Length"] == "10"
    assert part["Content-Type"] == "application/pdf"
    assert body(part) == BYTES[10:20]


def test_a_long_part_is_sent_whole_although_it_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(BYTES * 5000)
    part = answer(path, Range="bytes=3-400002")
    assert body(part) == (BYTES * 5000)[3:400003]


def test_a_part_that_is_not_there_is_answered_by_416(path: Path) -> None:
    refused = answer(path, Range="bytes=100-")
    assert refused.status_code == 416
    assert refused["Content-Range"] == "bytes */100"


def test_a_head_request_is_told_of_the_whole_file(path: Path) -> None:
    head = answer(path, method="HEAD", Range="bytes=0-9")
    assert (head.status_code, head["Content-Length"]) == (200, "100")
    head.close()


@pytest.mark.parametrize(("known", "status"), [('"ab"', 206), ('"cd"', 200), ('W/"ab"', 200)])
def test_a_part_of_another_file_than_the_browser_has_is_not_sent(path: Path, known: str, status: int) -> None:
    got = answer(path, **{"Range": "bytes=0-9", "If-Range": known})
    assert got.status_code == status
    got.close()
