"""The whole chain as one job: fetched from an address, checked, set as a PDF, mailed; a failure says which it was."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.test_reports import output_of, submit
from tests.services.mail_sink import MailSink
from tests.services.site import Person, Runtime, Site

pytestmark = pytest.mark.main_way

HEADER = "region,amount,day\n"
FIRST = HEADER + "".join(f"{'NSEW'[row % 4]},{row * 1.25:.2f},2026-01-0{row % 9 + 1}\n" for row in range(40))


class DataServer(http.server.ThreadingHTTPServer):
    """Serves one table, with an ETag; counts what was sent whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.text = FIRST
        self.sent = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, DataServer)
        body = server.text.encode()
        tag = f'"{hash(server.text)}"'
        is_known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if is_known else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", "0" if is_known else str(len(body)))
        self.end_headers()
        if not is_known:
            server.sent += 1
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def data() -> Iterator[DataServer]:
    server = DataServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as sink:
        yield sink


@pytest.fixture
def desk(runtime: Runtime, make_site: Callable[..., Site], data: DataServer, sink: MailSink) -> Site:
    site = make_site(runtime, WORKER_PROCESSES="1", STOP_GRACE_SECONDS="1", FETCH_INSIDE=data.host, EMAIL_URL=sink.url)
    site.add_user("alice")
    site.start_worker(1, "--threads", "4")
    return site


@pytest.mark.parametrize("runtime", ["embedded"])
def test_fresh_data_is_mailed_as_pdf_and_failures_name_the_step(desk: Site, data: DataServer, sink: MailSink) -> None:
    url = f"http://{data.host}/sales.csv"
    model = submit(desk, "url_import", "--wait", "60", urls=url)
    assert model["state"] == "succeeded", model
    result: Any = model["result"]
    asked = {"dataset": result["dataset"], "url": url, "title": "Weekly sales", "group_by": "region"}

    data.text = FIRST + "N,99.00,2026-02-01\n"
    made = submit(desk, "report", "--wait", "120", recipients="a@example.com,b@example.com", **asked)
    assert made["state"] == "succeeded", made
    assert output_of(made, ".pdf").read_bytes().startswith(b"%PDF")
    fresh: Any = made["result"]
    assert fresh["headline"] == "Mailed to 2 people"
    assert fresh["dataset"] != result["dataset"]
    assert ["Rows", 41] in fresh["facts"]

    mails = [each.message for each in sink.accepted]
    assert sorted(str(mail["To"]) for mail in mails) == ["a@example.com", "b@example.com"]
    assert "Weekly sales" in mails[0]["Subject"]
    attached = next(part for part in mails[0].walk() if part.get_content_type() == "application/pdf")
    assert attached.get_payload(decode=True) == output_of(made, ".pdf").read_bytes()
    body = mails[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    link = re.search(r"https?://\S+(/shared/\S+)", text)
    assert link, text
    desk.start_web()
    stranger = Person(desk)
    given = stranger.get(link[1])
    assert (given.status, given.body[:5]) == (200, b"%PDF-")
    # The last letters of a signature hold spare bits: one in its middle is changed.
    broken = link[1][:-12] + ("A" if link[1][-12] != "A" else "B") + link[1][-11:]
    assert stranger.get(broken).status in (404, 410)

    again = submit(desk, "report", "--wait", "120", recipients="a@example.com", only_changed="on", **asked)
    assert again["state"] == "succeeded", again
    told: Any = again["result"]
    assert (told["headline"], told["dataset"]) == (
        "The data has not changed since the last report: no mail was sent",
        fresh["dataset"],
    )
    assert len(sink.accepted) == 2
    # It is unchanged, and news to who has no report of it.
    other = submit(desk, "report", "--wait", "120", recipients="c@example.com", only_changed="on", **asked)
    assert dict(other["result"])["headline"] == "Mailed to 1 person"  # type: ignore[call-overload]
    assert [str(each.message["To"]) for each in sink.accepted[2:]] == ["c@example.com"]

    data.text = FIRST.replace("region", "area")
    given_up = [f"--param={name}={value}" for name, value in asked.items() if name != "group_by"]
    failed = desk.run_json(
        *("job", "submit", "report", "--owner", "alice", "--param", "recipients=a@example.com", *given_up),
        *("--wait", "120"),
        check=False,
        timeout=150,
    )
    assert failed["state"] == "failed"
    assert str(failed["error"]).startswith("Check it: the columns are not those of")
    assert "missing: region; not expected: area" in str(failed["error"])
    assert len(sink.accepted) == 3
