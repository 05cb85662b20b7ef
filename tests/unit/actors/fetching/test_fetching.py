"""What is fetched arrives whole, once, and within its caps, whatever the server and the line do."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from actors.fetching import asking, fetching, partial
from actors.fetching.errors import Unfetchable, Unreachable, WaitRequested
from actors.fetching.hosts import Hosts
from actors.fetching.partial import Partial
from core.errors import JobCancelled
from tests.services.waiting import PATIENCE_SECONDS

from .certificate import CERTIFICATE
from .conftest import Client
from .serving import Handler, Server, ranged, slowly

CONTENT = b"id,word\n" + b"".join(
    b"%d,%s\n" % (n, hashlib.sha256(b"%d" % n).hexdigest().encode()) for n in range(6_000)
)
OLD = "Wed, 01 Jan 2025 00:00:00 GMT"

Serve = Callable[..., Server]


def ranges_of(server: Server) -> list[str]:
    return [headers.get("range", "") for _, headers in server.seen.requests]


# -- the line breaks --------------------------------------------------------------------------------


@pytest.mark.parametrize("resets", [False, True], ids=["ends", "resets"])
def test_after_each_break_only_the_rest_is_fetched(client: Client, serve: Serve, resets: bool) -> None:
    server = serve(lambda request: ranged(CONTENT, request, drop_after=150_000, resets=resets))
    assert client.content(server.url()) == CONTENT
    ranges = ranges_of(server)
    assert ranges[0] == ""
    assert all(each.startswith("bytes=") and each != "bytes=0-" for each in ranges[1:])
    assert resets or ranges == ["", "bytes=150000-", "bytes=300000-"]
    assert [headers.get("if-range") for _, headers in server.seen.requests[1:]] == ['"one"'] * (len(ranges) - 1)


def test_a_server_without_ranges_is_asked_for_all_of_it_again(client: Client, serve: Serve) -> None:
    tries: list[int] = []

    def answer(request: Handler) -> None:
        tries.append(1)
        request.head(content_length=len(CONTENT), etag='"one"')
        request.wfile.write(CONTENT if len(tries) > 2 else CONTENT[:100_000])
        if len(tries) <= 2:
            request.drop()

    server = serve(answer)
    assert client.content(server.url()) == CONTENT
    assert ranges_of(server) == ["", "", ""]


def test_other_content_meanwhile_is_fetched_from_its_start(client: Client, serve: Serve) -> None:
    other = CONTENT[::-1]

    def answer(request: Handler) -> None:
        if len(server.seen.requests) == 1:
            ranged(CONTENT, request, drop_after=100_000)
        else:
            ranged(other, request, etag='"two"')

    server = serve(answer)
    fetched = client.fetch(server.url())
    assert fetched is not None
    assert (fetched.path.read_bytes(), fetched.etag) == (other, '"two"')
    assert fetched.sha256 == hashlib.sha256(other).hexdigest()
    assert ranges_of(server) == ["", "bytes=100000-"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"content_range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"content_range": f"bytes 99999-{len(CONTENT) - 1}/{len(CONTENT)}"},
        {"content_range": f"bytes 100000-{len(CONTENT)}/{len(CONTENT) + 1}"},
        {"content_range": "bytes 100000-100001/*x"},
        {"content_range": f"bytes 100000-100001/{len(CONTENT)}"},
        {},
        {"content_range": f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}", "etag": '"two"'},
    ],
    ids=["whole", "one-before", "other-size", "no-number", "a-part-of-it", "none", "other-etag"],
)
def test_a_wrong_part_is_not_appended(client: Client, serve: Serve, wrong: dict[str, str]) -> None:
    def answer(request: Handler) -> None:
        match len(server.seen.requests):
            case 1:
                ranged(CONTENT, request, drop_after=100_000)
            case 2:
                # As long as the rest would be: its length alone does not give it away.
                request.send(b"x" * (len(CONTENT) - 100_000), 206, **wrong)
            case _:
                ranged(CONTENT, request)

    server = serve(answer)
    assert client.content(server.url()) == CONTENT
    assert ranges_of(server) == ["", "bytes=100000-", ""]


def test_a_range_that_is_refused_is_given_up(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        if request.headers.get("Range"):
            request.send(b"", 416, content_range=f"bytes */{len(CONTENT)}")
        else:
            ranged(CONTENT, request, drop_after=100_000 if len(server.seen.requests) == 1 else None)

    server = serve(answer)
    assert client.content(server.url()) == CONTENT
    assert ranges_of(server) == ["", "bytes=100000-", ""]


@pytest.mark.parametrize(
    ("headers", "goes_on"),
    [
        ({"etag": '"one"', "accept_ranges": "bytes"}, True),
        ({"etag": 'W/"one"', "accept_ranges": "bytes"}, False),
        ({"etag": '"one"', "accept_ranges": "none"}, False),
        ({"etag": '"one"'}, False),
        ({"last_modified": OLD, "accept_ranges": "bytes"}, True),
        ({"accept_ranges": "bytes"}, False),
        (
            {
                # Newer than any answer of this run.
                "last_modified": format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True),
                "accept_ranges": "bytes",
            },
            False,
        ),
    ],
    ids=["strong", "weak", "no-ranges", "unsaid", "old-date", "nothing", "fresh-date"],
)
def test_it_goes_on_only_with_what_names_the_very_same_content(
    client: Client, serve: Serve, headers: dict[str, Any], goes_on: bool
) -> None:
    def answer(request: Handler) -> None:
        if len(server.seen.requests) == 1:
            request.head(content_length=len(CONTENT), **headers)
            request.wfile.write(CONTENT[:100_000])
            request.drop()
        elif request.headers.get("Range"):
            rest: dict[str, Any] = {"content_range": f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}"}
            request.send(CONTENT[100_000:], 206, **rest, **headers)
        else:
            request.send(CONTENT, **headers)

    server = serve(answer)
    assert client.content(server.url()) == CONTENT
    assert ranges_of(server)[1] == ("bytes=100000-" if goes_on else "")


def test_a_server_that_never_comes_to_an_end_is_given_up(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        request.head(content_length=10)
        request.drop()

    server = serve(answer)
    with pytest.raises(Unreachable):
        client.fetch(server.url())
    assert len(server.seen.requests) == fetching.TRIES


def test_nobody_listening_is_tried_a_few_times(client: Client, serve: Serve, connects: list[str]) -> None:
    server = serve(lambda request: request.send(b"a\n"))
    server.shutdown()
    server.server_close()
    with pytest.raises(Unreachable, match="could not be connected to"):
        client.fetch(server.url())
    assert len(connects) == fetching.TRIES


# -- an attempt is lost -----------------------------------------------------------------------------


def test_the_next_attempt_goes_on_with_a_copy(tmp_path: Path) -> None:
    first, second = tmp_path / "1" / "fetch", tmp_path / "2" / "fetch"
    lost = Partial(first, "1", url="https://data.example/t.csv")
    lost.begin(partial.Origin(url="https://data.example/t.csv", etag='"one"', total=10, validator='"one"'))
    lost.append(b"01234")
    lost.keep()
    lost.append(b"not safe yet")
    mine = Partial(second, "1", url="https://data.example/t.csv")
    mine.take_over([second, first], lambda: None)
    assert (mine.size, mine.origin and mine.origin.validator) == (5, '"one"')
    # The other attempt does not know yet that it is lost.
    lost.append(b"zombie")
    lost.keep()
    mine.append(b"56789")
    path, sha256 = mine.finish()
    assert path.read_bytes() == b"0123456789"
    assert sha256 == hashlib.sha256(b"0123456789").hexdigest()
    lost.close()


def test_a_late_thread_does_not_reopen_what_is_closed(tmp_path: Path) -> None:
    lost = Partial(tmp_path, "1", url="https://data.example/")
    lost.begin(partial.Origin(url="https://data.example/", etag='"one"', validator='"one"'))
    lost.append(b"01234")
    lost.keep()
    lost.close()
    lost.keep()
    assert (tmp_path / "1.part").read_bytes() == b"01234"


@pytest.mark.parametrize("damage", ["other-address", "short-file", "no-json", "empty-note", "no-file"])
def test_a_part_that_is_not_sound_is_not_gone_on_with(tmp_path: Path, damage: str) -> None:
    url = "https://data.example/t.csv"
    lost = Partial(tmp_path / "1", "1", url=url)
    lost.begin(partial.Origin(url=url, etag='"one"', validator='"one"'))
    lost.append(b"01234")
    lost.keep()
    lost.close()
    note, file = tmp_path / "1" / "1.json", tmp_path / "1" / "1.part"
    match damage:
        case "short-file":
            file.write_bytes(b"0123")
        case "no-json":
            note.write_text("{")
        case "empty-note":
            note.write_text("")
        case "no-file":
            file.unlink()
    mine = Partial(tmp_path / "2", "1", url="https://other.example/" if damage == "other-address" else url)
    mine.take_over([tmp_path / "1"], lambda: None)
    assert (mine.size, mine.is_resumable) == (0, False)
    mine.close()


# -- the server asks for patience -------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(client: Client, serve: Serve, status: int) -> None:
    def answer(request: Handler) -> None:
        request.send(CONTENT, 200 if len(server.seen.requests) > 2 else status)

    server = serve(answer)
    assert client.content(server.url()) == CONTENT


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "400 Bad Request"),
        (401, "401"),
        (404, "404 Not Found"),
        (410, "410"),
        (501, "501"),
        (206, "206"),
        (304, "304"),
        (299, "299"),
    ],
)
def test_what_stays_is_told_once(client: Client, serve: Serve, status: int, words: str) -> None:
    server = serve(lambda request: request.send(b"", status))
    with pytest.raises(Unfetchable, match=rf"127\.0\.0\.1:\d+/table\.csv\?… answered {words}"):
        client.fetch(server.url("/table.csv?token=secret"))
    assert len(server.seen.requests) == 1


def test_a_short_wait_is_waited_for_by_all_files_of_the_host(client: Client, serve: Serve) -> None:
    times: list[float] = []

    def answer(request: Handler) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            request.send(b"", 429, retry_after=1)
        else:
            request.send(CONTENT)

    server = serve(answer)
    client.policy = {"per_host": 1}
    came, failed = client.many(server.url("/1.csv"), server.url("/2.csv"), server.url("/3.csv"))
    assert (len(came), failed) == (3, {})
    assert times[1] - times[0] >= 0.99


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_long_wait_is_raised_and_costs_other_hosts_nothing(client: Client, serve: Serve, form: str) -> None:
    def answer(request: Handler) -> None:
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        request.send(b"", 503, retry_after=90 if form == "seconds" else at)

    busy, other = serve(answer), serve(lambda request: request.send(CONTENT), names=("localhost",))
    client.policy = {"per_host": 1}
    came, failed = client.many(busy.url("/1.csv"), busy.url("/2.csv"), other.url(host="localhost"))
    assert list(came) == [other.url(host="localhost")]
    waits = [error.seconds for error in failed.values() if isinstance(error, WaitRequested)]
    assert len(waits) == 2
    assert all(30 <= wait <= 91 for wait in waits)
    # The second file of that host was not even asked for.
    assert len(busy.seen.requests) == 1


@pytest.mark.parametrize("date", ["Wed, 01 Jan 2025 00:00:00 99999999999999999999", "Fri, 31 Dec 9999 23:59:59 -2359"])
@pytest.mark.parametrize("header", ["date", "last_modified", "retry_after"])
def test_a_date_beyond_all_dates_is_none(client: Client, serve: Serve, header: str, date: str) -> None:
    # Of the server, Date and Retry-After are read for a wait, Date and Last-Modified for whether it can go on.
    def answer(request: Handler) -> None:
        status = 503 if len(server.seen.requests) == 1 else 200
        headers = {"date": OLD, "last_modified": OLD, "retry_after": OLD, header: date}
        request.send(b"a\n1\n", status, accept_ranges="bytes", **headers)

    server = serve(answer)
    if header == "retry_after" and "9999 " in date:
        with pytest.raises(Unfetchable, match="longer than a day"):
            client.fetch(server.url())
    else:
        assert client.content(server.url()) == b"a\n1\n"


def test_a_wait_of_days_is_no_wait(client: Client, serve: Serve) -> None:
    server = serve(lambda request: request.send(b"", 503, retry_after=9_999_999))
    with pytest.raises(Unfetchable, match="longer than a day"):
        client.fetch(server.url())


def test_only_the_host_that_asks_for_a_wait_is_left_alone(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested: list[str] = []
    monkeypatch.setattr(Hosts, "rest", lambda *asked: rested.append(asked[1]))
    busy = serve(lambda request: request.send(b"", 503, retry_after=90))
    first = serve(lambda request: request.send(b"", 302, location=busy.url()), names=("localhost",))
    with pytest.raises(WaitRequested):
        client.fetch(first.url(host="localhost"))
    assert rested == ["127.0.0.1"]


def test_a_server_without_a_wait_is_still_not_retried_at_once(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[int] = []

    def pause(failures: int) -> float:
        pauses.append(failures)
        return 0.0

    monkeypatch.setattr(fetching, "pause_seconds", pause)
    server = serve(lambda request: request.send(b"", 503, retry_after=0))
    with pytest.raises(Unreachable, match=r"answered 503 Service Unavailable\.$"):
        client.fetch(server.url())
    assert pauses == [1, 2, 3, 4]


@pytest.mark.parametrize("asked", ["soon", "-5", "1e9", "Wed, 99 Foo 2025", ""])
def test_a_wait_that_says_nothing_is_our_own(client: Client, serve: Serve, asked: str) -> None:
    def answer(request: Handler) -> None:
        request.send(b"a\n1\n", 200 if len(server.seen.requests) > 1 else 503, retry_after=asked)

    server = serve(answer)
    assert client.content(server.url()) == b"a\n1\n"


class Counting:
    """Answers after a moment, and counts how many it answers at once.

    The first ones are kept until there are as many as should be: on a busy machine the moment would be over before.
    """

    def __init__(self, expected: int) -> None:
        self.guard = threading.Lock()
        self.now = self.most = 0
        self._expected, self._gathered = expected, threading.Event()

    def __call__(self, request: Handler) -> None:
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == self._expected:
                self._gathered.set()
        self._gathered.wait(15)
        request.head(content_length=4)
        time.sleep(0.02)
        # Before the last byte: then the client may ask for the next.
        with self.guard:
            self.now -= 1
        request.wfile.write(b"a\n1\n")


def test_no_host_is_asked_for_more_at_once_than_it_may_be(client: Client, serve: Serve) -> None:
    counts = Counting(3), Counting(3)
    first, second = serve(counts[0]), serve(counts[1], names=("localhost",))
    client.policy = {"per_host": 3}
    urls = [first.url(f"/{n}.csv") for n in range(20)] + [second.url(f"/{n}.csv", host="localhost") for n in range(20)]
    came, failed = client.many(*urls)
    assert (len(came), failed) == (40, {})
    assert [each.most for each in counts] == [3, 3]


def test_one_job_asks_for_so_many_at_once_whatever_the_hosts(client: Client, serve: Serve) -> None:
    count = Counting(5)
    servers = [serve(count, names=(f"127.0.0.{n}",), host=f"127.0.0.{n}") for n in range(2, 8)]
    client.policy = {"per_host": 4, "at_once": 5}
    came, failed = client.many(*(server.url(f"/{n}.csv", host=server.host) for server in servers for n in range(6)))
    assert (len(came), failed, count.most) == (36, {}, 5)


# -- nothing has changed ----------------------------------------------------------------------------


def test_unchanged_content_is_not_sent_again(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        if request.headers.get("If-None-Match") == '"one"' or request.headers.get("If-Modified-Since") == OLD:
            request.send_response(304)
            request.end_headers()
        else:
            request.send(CONTENT, etag='"one"')

    server = serve(answer)
    assert client.fetch(server.url(), etag='"one"', last_modified=OLD) is None
    assert client.fetch(server.url(), last_modified=OLD) is None
    assert client.content(server.url(), etag='"other"') == CONTENT
    assert "if-modified-since" not in server.seen.requests[0][1]


# -- caps -------------------------------------------------------------------------------------------


def test_more_than_may_be_is_refused_at_its_head(client: Client, serve: Serve) -> None:
    server = serve(lambda request: request.head(content_length=10**15))
    with pytest.raises(Unfetchable, match=r"more than the 5.0.GB"):
        client.fetch(server.url())
    assert len(server.seen.requests) == 1


@pytest.mark.parametrize("length", ["none", "wrong"])
def test_more_than_may_be_is_cut_off_when_the_head_is_silent(client: Client, serve: Serve, length: str) -> None:
    sent = 0

    def answer(request: Handler) -> None:
        nonlocal sent
        headers: dict[str, Any] = {} if length == "none" else {"transfer_encoding": "chunked"}
        request.head(**headers)
        block = b"x" * 10_000
        for _ in range(2_000):
            request.wfile.write(block if length == "none" else b"2710\r\n" + block + b"\r\n")
            sent += len(block)

    server = serve(answer)
    client.policy = {"limit_bytes": 100_000}
    with pytest.raises(Unfetchable, match=r"more than the 97\.7.KB"):
        client.fetch(server.url())
    assert max(path.stat().st_size for path in client.folder.iterdir()) <= 100_000


def test_a_server_that_trickles_is_cut_off_in_time(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        request.head(content_length=10_000)
        # More than eight minutes of it.
        slowly(request, [b"x"] * 10_000, seconds=0.05)

    server = serve(answer)
    client.policy = {"seconds": 0.5}
    with pytest.raises(Unfetchable, match="took longer than"):
        client.fetch(server.url())


def test_a_head_that_trickles_is_cut_off_in_time(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        slowly(request, [b"X-A: b\r\n"] * 5_000, seconds=0.05)

    server = serve(answer)
    client.policy = {"seconds": 0.5}
    with pytest.raises(Unfetchable, match="took longer than"):
        client.fetch(server.url())


def test_a_silent_server_is_left_and_tried_again(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        if len(server.seen.requests) == 1:
            request.head(content_length=len(CONTENT), etag='"one"', accept_ranges="bytes")
            slowly(request, [CONTENT[:1_000]], seconds=1.0)
        else:
            ranged(CONTENT, request)

    server = serve(answer)
    client.policy = {"silence_seconds": 0.2}
    assert client.content(server.url()) == CONTENT
    assert ranges_of(server) == ["", "bytes=1000-"]


def test_a_huge_head_is_refused(client: Client, serve: Serve) -> None:
    def answer(request: Handler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 3_000_000 + b"\r\n\r\n")

    server = serve(answer)
    with pytest.raises(Unreachable):
        client.fetch(server.url())


@pytest.mark.parametrize("hops", [3, 4, 5])
def test_three_redirects_are_followed_and_no_more(client: Client, serve: Serve, hops: int) -> None:
    def answer(request: Handler) -> None:
        done = len(server.seen.requests) - 1
        if done < hops:
            request.send(b"", 302, location=f"/{done}.csv")
        else:
            request.send(CONTENT)

    server = serve(answer)
    if hops == 3:
        fetched = client.fetch(server.url())
        assert fetched is not None
        assert fetched.name == "2.csv"
    else:
        with pytest.raises(Unfetchable, match="more than 3 redirects"):
            client.fetch(server.url())
        assert len(server.seen.requests) == 4


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_a_packing_that_was_not_asked_for_is_refused(client: Client, serve: Serve, encoding: str) -> None:
    server = serve(lambda request: request.send(b"xxxx", content_encoding=encoding))
    with pytest.raises(Unfetchable, match="packing"):
        client.fetch(server.url())
    assert server.seen.requests[0][1]["accept-encoding"] == "identity"


def test_gzip_is_kept_as_it_comes_and_not_blown_up(client: Client, serve: Serve) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    server = serve(lambda request: request.send(bomb, content_encoding="gzip"))
    client.policy = {"limit_bytes": 1_000_000}
    assert client.content(server.url()) == bomb


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "text/csv", "a web page"),
        (b"\xef\xbb\xbf \n<HTML><body>", "text/plain", "a web page"),
        (b"<div>not found</div>", "text/html; charset=utf-8", "a web page"),
        (b'{"error": "no"}', "application/json", "JSON"),
        (b'[\n {\n  "id": 1}]', "text/plain", "JSON"),
        (b'{"error": "no"}', "text/csv", "JSON"),
        (b'<?xml version="1.0"?><Error/>', "application/xml", "XML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Error/>', "text/csv", "XML"),
        (b"", "text/csv", "is empty"),
    ],
)
def test_what_is_no_table_is_told(client: Client, serve: Serve, body: bytes, kind: str, words: str) -> None:
    server = serve(lambda request: request.send(body, content_type=kind))
    with pytest.raises(Unfetchable, match=words):
        client.fetch(server.url())
    assert not list(client.folder.glob("*.fetched"))


def test_a_table_that_is_called_a_web_page_is_taken(client: Client, serve: Serve) -> None:
    server = serve(lambda request: request.send(b"a,b\n1,2\n", content_type="text/html"))
    assert client.content(server.url()) == b"a,b\n1,2\n"


@pytest.mark.parametrize(
    "table",
    [
        b"[a],b\n1,2\n",
        b"{x};y\n1;2\n",
        b'{"k": 1},2\n{"k": 2},3\n',
        b"<b>x</b>,1\n<i>y</i>,2\n",
        b'"{""k"": 1}",2\n',
        b"<5,>5\n1,2\n",
    ],
)
def test_a_table_with_odd_marks_in_its_head_is_taken(client: Client, serve: Serve, table: bytes) -> None:
    server = serve(lambda request: request.send(table, content_type="text/csv"))
    assert client.content(server.url()) == table


@pytest.mark.parametrize(
    ("said", "charset"),
    [
        ("text/csv; charset=windows-1251", "windows-1251"),
        ('text/csv; header=present; Charset="ISO-8859-2"', "iso-8859-2"),
        ("text/csv", ""),
        ("text/csv; charset=", ""),
        ("text/csv; charset=\xfc\xfc", ""),
        (f"text/csv; charset={'x' * 500}", ""),
    ],
)
def test_the_charset_that_the_server_gives_is_kept(client: Client, serve: Serve, said: str, charset: str) -> None:
    server = serve(lambda request: request.send(b"a\n1\n", content_type=said))
    fetched = client.fetch(server.url())
    assert fetched is not None
    assert fetched.charset == charset


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "disposition", "name"),
    [
        ("/a/orders.csv?x=1", "", "orders.csv"),
        ("/a/", "", "127.0.0.1"),
        ("/a/b%20c.csv", "", "b c.csv"),
        ("/x", 'attachment; filename="orders 2026.csv"', "orders 2026.csv"),
        ("/x", "attachment; filename*=UTF-8''%C3%BCber.csv", "über.csv"),
        ("/x", 'attachment; filename="../../etc/passwd"', "passwd"),
        ("/x", 'attachment; filename="..\\\\..\\\\a.csv"', "a.csv"),
        ("/x", 'attachment; filename=".hidden"', "hidden"),
        ("/x", 'attachment; filename="' + "a" * 400 + '.csv"', "a" * 141 + ".csv"),
        ("/x", 'attachment; filename="a<b>|.csv"', "ab.csv"),
        ("/..%2F..%2Fetc%2Fpasswd", "", "passwd"),
        ("/x", "attachment; filename*=broken'%ff", "broken'\ufffd"),
        ("/x.csv", "attachment; filename*=a; filename*1=b", "x.csv"),
    ],
)
def test_the_file_has_a_safe_name(client: Client, serve: Serve, path: str, disposition: str, name: str) -> None:
    headers: dict[str, Any] = {"content_disposition": disposition} if disposition else {}
    server = serve(lambda request: request.send(b"a\n1\n", **headers))
    fetched = client.fetch(server.url(path))
    assert fetched is not None
    assert fetched.name == name
    assert fetched.path.parent == client.folder


# -- TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A certificate that is trusted as a company's own is: by the system."""
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    asking._tls.cache_clear()
    yield path
    asking._tls.cache_clear()


def test_a_certificate_is_checked_against_the_name(
    client: Client, serve: Serve, certificate: Path, resolver: Any
) -> None:
    names = ("data.example", "other.example", "127.0.0.1")
    server = serve(lambda request: request.send(CONTENT), certificate=certificate, names=names)
    resolver.names = {"data.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    assert client.content(server.url(host="data.example")) == CONTENT
    for host in names[1:]:
        with pytest.raises(Unfetchable, match=f"The certificate of {host} is not to be trusted"):
            client.fetch(server.url(host=host))
    assert len(server.seen.requests) == 1


def test_a_certificate_that_nobody_has_signed_is_refused(
    client: Client, serve: Serve, tmp_path: Path, resolver: Any
) -> None:
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)
    server = serve(lambda request: request.send(CONTENT), certificate=path, names=("data.example",))
    resolver.names = {"data.example": [["127.0.0.1"]]}
    with pytest.raises(Unfetchable, match="is not to be trusted"):
        client.fetch(server.url(host="data.example"))
    assert server.seen.requests == []


def test_a_redirect_from_https_to_http_is_refused(
    client: Client, serve: Serve, certificate: Path, resolver: Any
) -> None:
    resolver.names = {"data.example": [["127.0.0.1"]]}
    plain = serve(lambda request: request.send(CONTENT))
    server = serve(
        lambda request: request.send(b"", 301, location=plain.url()), certificate=certificate, names=("data.example",)
    )
    with pytest.raises(Unfetchable, match="from https to http"):
        client.fetch(server.url(host="data.example"))
    assert plain.seen.connections == 0


# -- a stop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["body", "head", "name", "pause"])
def test_a_cancel_is_noticed_whatever_is_waited_for(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch, resolver: Any, what: str
) -> None:
    asked, is_over = threading.Event(), threading.Event()
    waited_out: list[str] = []

    def hold() -> None:
        asked.set()
        if not is_over.wait(PATIENCE_SECONDS):
            waited_out.append(what)

    def answer(request: Handler) -> None:
        if what == "pause":
            request.send(b"", 503, retry_after=25)
            asked.set()
            return
        if what == "body":
            request.head(content_length=100)
            request.wfile.write(b"x")
        hold()

    def look_up(*_: Any, **__: Any) -> list[Any]:
        hold()
        return []

    server = serve(answer)
    if what == "name":
        monkeypatch.setattr("socket.getaddrinfo", look_up)
    client.attempt.is_cancelled = asked.is_set
    url = f"http://slow.example:{80}/" if what == "name" else server.url()
    try:
        with pytest.raises(JobCancelled):
            client.fetch(url)
        # What it waited for was still to come: no answer, no name, no other try.
        assert waited_out == []
        assert len(server.seen.requests) == (0 if what == "name" else 1)
    finally:
        is_over.set()


def test_progress_is_in_bytes(client: Client, serve: Serve) -> None:
    server = serve(lambda request: request.send(CONTENT))
    client.many(server.url("/1.csv"), server.url("/2.csv"))
    assert client.attempt.shown[-1] == (2 * len(CONTENT), 2 * len(CONTENT))


def test_no_connection_and_no_file_is_left_open(client: Client, serve: Serve) -> None:
    server = serve(lambda request: ranged(CONTENT, request, drop_after=200_000))
    client.many(*(server.url(f"/{n}.csv") for n in range(10)))
    open_files = [str(each.resolve()) for each in Path("/proc/self/fd").iterdir()]
    assert not [each for each in open_files if str(client.folder) in each]
