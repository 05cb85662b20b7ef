"""Imports from the web as jobs: the form, the datasets, what has not changed, and what fails beside what does not."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from actors.pipelines.url_import.collect import collected
from core import pipelines
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.forms import Entry, open_form
from core.life.fan_out import pipeline_of
from core.life.requests import retry
from core.models import Artifact, Dataset, Job, JobEvent, JobStep, Schedule, ScheduledRun, Source
from core.models.states import State
from core.pipelines import pipeline
from tests.configuration import OwnConf
from tests.unit.actors.fetching.serving import Answers, Handler, Server, serving
from tests.unit.actors.pipelines.sending import as_sent
from tests.unit.actors.reading.importing import silent

pytestmark = pytest.mark.django_db

TABLE = b"id,name\n1,alpha\n2,beta\n"
_numbers = itertools.count(1)

Serve = Callable[..., Server]


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    conf.FETCH_INSIDE = []
    return tmp_path / "files"


@pytest.fixture(autouse=True)
def same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps' functions without a child process each, and no pauses to speak of."""

    def call(_ctx: JobContext, function: Any, *, unit: str = "", memory_bytes: int = 0, **kwargs: Any) -> Any:
        return as_sent(function(silent, **kwargs))

    monkeypatch.setattr(JobContext, "run_in_child", call)
    monkeypatch.setattr("actors.fetching.fetching.BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr("actors.fetching.many.POLL_SECONDS", 0.01)


@pytest.fixture
def serve(conf: OwnConf) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(answers: Answers) -> Server:
            server = stack.enter_context(serving(answers))
            conf.FETCH_INSIDE = [*conf.FETCH_INSIDE, f"127.0.0.1:{server.port}"]
            return server

        yield start


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


class Shelf:
    """A server with files by their paths, which knows their ETags."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.status: dict[str, int] = {}
        self.etags = True

    def __call__(self, request: Handler) -> None:
        name = request.path.removeprefix("/").partition(".")[0]
        content = self.files.get(name)
        if content is None or name in self.status:
            request.send(b"", self.status.get(name, 404))
            return
        headers: dict[str, Any] = {"etag": f'"{hash(content):x}"'} if self.etags else {}
        if self.etags and request.headers.get("If-None-Match") == headers["etag"]:
            request.send_response(304)
            request.end_headers()
            return
        request.send(content, **headers)


def opened(owner: User, urls: str, **data: Any) -> Entry:
    return open_form(pipelines.get("url_import"), user=owner, data={"urls": urls, **data}, files={})


def submit(owner: User, *urls: str, **data: Any) -> Job:
    entry = opened(owner, "\n".join(urls), **data)
    assert entry.is_valid(), entry.form.errors
    return Job.objects.get(pk=entry.submit(key=f"fetch {next(_numbers)}").job_id)


def run_family(job: Job) -> Job:
    """Run the job's attempts and those of its children, and theirs, until it has ended or waits for a time."""
    attempts = Attempts(worker="here:1")

    def run(job_id: int) -> State:
        for _ in range(10):
            attempts.run(job_id)
            for child in Job.objects.filter(parent=job_id, state=State.QUEUED).values_list("pk", flat=True):
                run(child)
            state = State(Job.objects.values_list("state", flat=True).get(pk=job_id))
            if state not in (State.QUEUED, State.WAITING):
                return state
        raise AssertionError(f"job {job_id} is still {state}")

    run(job.pk)
    return Job.objects.get(pk=job.pk)


def make(owner: User, *urls: str, **data: Any) -> Job:
    return run_family(submit(owner, *urls, **data))


def result_of(job: Job) -> dict[str, Any]:
    assert job.state == State.SUCCEEDED, job.error
    assert isinstance(job.result, dict)
    return job.result


def test_a_table_on_the_web_becomes_a_dataset(alice: User, serve: Serve) -> None:
    server = serve(Shelf(orders=TABLE))
    job = make(alice, server.url("/orders.csv?token=1"), **{"rules-0-column": "id", "rules-0-type": "integer"})
    result = result_of(job)
    assert (result["headline"], result["facts"][0]) == ("2 rows imported", ["Fetched", "23 bytes"])
    dataset = Dataset.objects.for_user(alice).get()
    assert (dataset.pk, dataset.name, dataset.source_name) == (result["dataset"], "orders", "orders.csv")
    assert [(column.name, column.type) for column in dataset.columns.all()] == [("id", "integer"), ("name", "text")]
    assert job.label == "orders.csv"
    fetched = Artifact.objects.get(job=job, kind=Artifact.Kind.OUTPUT)
    assert (fetched.name, fetched.local_path.read_bytes()) == ("orders.csv", TABLE)
    assert server.seen.connections == 1


def test_what_has_not_changed_leads_to_the_dataset_that_exists(alice: User, serve: Serve) -> None:
    server = serve(Shelf(orders=TABLE))
    first = result_of(make(alice, server.url("/orders.csv")))
    again = result_of(make(alice, server.url("/orders.csv"), name="another name"))
    assert (again["dataset"], again["unchanged"]) == (first["dataset"], True)
    assert again["headline"].startswith("Unchanged since ")
    assert [headers.get("if-none-match") is not None for _, headers in server.seen.requests] == [False, True]
    assert Dataset.objects.count() == 1


def test_the_same_bytes_make_no_new_dataset_without_an_etag(alice: User, serve: Serve) -> None:
    shelf = Shelf(orders=TABLE)
    shelf.etags = False
    server = serve(shelf)
    first = result_of(make(alice, server.url("/orders.csv")))
    again = result_of(make(alice, server.url("/orders.csv")))
    assert (again["dataset"], again["unchanged"]) == (first["dataset"], True)
    shelf.etags = True
    assert result_of(make(alice, server.url("/orders.csv")))["unchanged"]
    assert Source.objects.get().etag != ""


def test_the_same_bytes_from_another_address_are_no_new_dataset(alice: User, serve: Serve) -> None:
    server = serve(Shelf(orders=TABLE, copy=TABLE))
    first = result_of(make(alice, server.url("/orders.csv")))
    again = result_of(make(alice, server.url("/copy.csv")))
    assert (again["dataset"], again["unchanged"]) == (first["dataset"], True)
    # From now on that address is asked whether it has changed, too.
    assert Source.objects.filter(dataset=first["dataset"]).count() == 2


def test_new_data_other_options_or_insisting_makes_a_dataset(alice: User, serve: Serve) -> None:
    shelf = Shelf(orders=TABLE)
    url = serve(shelf).url("/orders.csv")
    datasets = [result_of(make(alice, url))["dataset"]]
    datasets.append(result_of(make(alice, url, import_again="on"))["dataset"])
    datasets.append(result_of(make(alice, url, header="no"))["dataset"])
    shelf.files["orders"] = TABLE + b"3,gamma\n"
    datasets.append(result_of(make(alice, url))["dataset"])
    assert len(set(datasets)) == 4
    assert Dataset.objects.get(pk=datasets[-1]).rows == 3


@pytest.mark.parametrize("is_scheduled", [True, False])
def test_a_schedule_reads_fresh_data_by_the_types_of_the_last(alice: User, serve: Serve, is_scheduled: bool) -> None:
    shelf = Shelf(days=b"day;n;note\n31.01.2024;1;1\n28.02.2024;2;2\n")
    url = serve(shelf).url("/days.csv")
    first = Dataset.objects.get(pk=result_of(make(alice, url))["dataset"])
    assert [column.type for column in first.columns.all()] == ["date", "integer", "integer"]
    # Every day could be a month, and a column is empty for once.
    shelf.files["days"] = b"day;n;note\n01.02.2024;1;\n02.02.2024;2;\n"
    job = submit(alice, url)
    if is_scheduled:
        schedule = Schedule.objects.create(owner=alice, pipeline="url_import", cron="0 7 * * 1")
        ScheduledRun.objects.create(schedule=schedule, due_at=timezone.now(), outcome="submitted", job=job)
    fresh = Dataset.objects.get(pk=result_of(run_family(job))["dataset"])
    types = [column.type for column in fresh.columns.all()]
    assert types == (["date", "integer", "integer"] if is_scheduled else ["text", "integer", "text"])


@pytest.mark.parametrize("gone", ["row", "file"])
def test_what_is_not_here_any_more_is_fetched_whole(alice: User, serve: Serve, gone: str) -> None:
    server = serve(Shelf(orders=TABLE))
    first = result_of(make(alice, server.url("/orders.csv")))
    dataset = Dataset.objects.get(pk=first["dataset"])
    if gone == "row":
        dataset.delete()
    else:
        (Path(Artifact.objects.get(field="parquet").local_path)).unlink()
    again = result_of(make(alice, server.url("/orders.csv")))
    assert again["dataset"] != first["dataset"]
    assert "unchanged" not in again
    assert "if-none-match" not in server.seen.requests[-1][1]


def test_another_person_has_no_part_in_it(alice: User, serve: Serve) -> None:
    bob = User.objects.create_user("bob", password="bob")
    url = serve(Shelf(orders=TABLE)).url("/orders.csv")
    first, second = result_of(make(alice, url)), result_of(make(bob, url))
    assert first["dataset"] != second["dataset"]
    assert list(Dataset.objects.for_user(bob).values_list("pk", flat=True)) == [second["dataset"]]


def test_many_addresses_are_one_job(alice: User, serve: Serve) -> None:
    files = {f"t{n}": TABLE + b"%d,more\n" % n for n in range(5)}
    server = serve(Shelf(**files))
    urls = [server.url(f"/{name}.csv") for name in files]
    job = make(alice, *urls, name="Orders")
    result = result_of(job)
    assert result["headline"] == "5 of 5 files imported"
    assert dict(result["facts"])["Rows"] == 15
    assert sorted(Dataset.objects.values_list("name", flat=True)) == [f"Orders · t{n}" for n in range(5)]
    assert sorted(result["datasets"]) == sorted(Dataset.objects.values_list("pk", flat=True))
    assert job.label == "t0.csv and 4 more"
    again = result_of(make(alice, *urls, server.url("/t0.csv"), name="Orders"))
    assert again["headline"] == "0 of 5 files imported, 5 unchanged"
    assert again["datasets"] == result["datasets"]


def test_one_that_fails_does_not_lose_the_others(alice: User, serve: Serve) -> None:
    shelf = Shelf(good=TABLE, odd=b"<html>", fine=TABLE + b"3,c\n")
    server = serve(shelf)
    job = make(alice, *(server.url(f"/{name}.csv") for name in ("good", "gone", "odd", "fine")))
    assert job.state == State.FAILED
    assert job.error == (
        f"2 of 4 addresses were not imported. http://127.0.0.1:{server.port}/gone.csv answered 404 Not Found. The "
        f"address answered with a web page, not with a table: http://127.0.0.1:{server.port}/odd.csv. It may ask for "
        "a login, or the file may have moved. The other 2 are in your datasets."
    )
    assert Dataset.objects.for_user(alice).count() == 2
    # The site is mended, a person tries again: only what had failed is fetched.
    shelf.files |= {"gone": TABLE + b"4,d\n", "odd": TABLE + b"5,e\n"}
    before = len(server.seen.requests)
    retry(job, by="alice")
    result = result_of(run_family(Job.objects.get(pk=job.pk)))
    assert (result["headline"], len(result["datasets"])) == ("4 of 4 files imported", 4)
    assert sorted(path for path, _ in server.seen.requests[before:]) == ["/gone.csv", "/odd.csv"]


def test_a_person_may_choose_to_go_on_without_those_that_fail(alice: User, serve: Serve) -> None:
    server = serve(Shelf(good=TABLE))
    job = make(alice, server.url("/good.csv"), server.url("/gone.csv"), go_on="on")
    result = result_of(job)
    assert result["headline"] == "1 of 2 files imported, 1 failed"
    assert "gone.csv answered 404" in dict(result["facts"])["Failed"]
    assert make(alice, server.url("/gone.csv"), server.url("/away.csv"), go_on="on").state == State.FAILED


def test_the_charset_of_the_answer_is_kept_with_the_file(alice: User, serve: Serve) -> None:
    server = serve(lambda request: request.send(TABLE, content_type="text/csv; charset=windows-1252"))
    job = make(alice, server.url("/orders.csv"))
    fetched = collected(job.pk)[1].fetched
    assert fetched is not None
    assert fetched.charset == "windows-1252"


def test_a_file_that_is_no_table_fails_alone(alice: User, serve: Serve) -> None:
    server = serve(Shelf(good=TABLE, bad=b"%PDF-1.7 ..."))
    job = make(alice, server.url("/good.csv"), server.url("/bad.csv"))
    assert (job.state, Dataset.objects.for_user(alice).count()) == (State.FAILED, 1)
    assert "bad.csv is a PDF, not a table" in job.error
    assert make(alice, server.url("/bad.csv")).error == (
        "bad.csv is a PDF, not a table. Look for the data that it was made from."
    )


def test_a_missing_file_fails_at_once_with_its_address(alice: User, serve: Serve) -> None:
    server = serve(Shelf())
    job = make(alice, server.url("/gone.csv?token=secret"))
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert job.error == f"http://127.0.0.1:{server.port}/gone.csv?… answered 404 Not Found."


def test_a_server_that_is_down_is_tried_by_the_job_again(alice: User, serve: Serve) -> None:
    shelf = Shelf(orders=TABLE, other=TABLE + b"3,c\n")
    shelf.status["orders"] = 503
    server = serve(shelf)
    job = make(alice, server.url("/orders.csv"), server.url("/other.csv"))
    assert job.state == State.RETRYING
    assert "answered 503 Service Unavailable" in job.error
    # What came is kept, and not asked for again.
    assert list(JobStep.objects.filter(job=job).values_list("key", "title")) == [("fetch-2", "Fetch other.csv")]
    del shelf.status["orders"]
    Job.objects.filter(pk=job.pk).update(run_at=job.created_at)
    assert result_of(run_family(job))["headline"] == "2 of 2 files imported"
    assert [path for path, _ in server.seen.requests].count("/other.csv") == 1


def test_a_long_wait_gives_the_thread_back_and_burns_no_attempt(alice: User, serve: Serve) -> None:
    waits = iter([300])

    def answer(request: Handler) -> None:
        wait = next(waits, None)
        if wait is None:
            request.send(TABLE)
        else:
            request.send(b"", 429, retry_after=wait)

    server = serve(answer)
    job = make(alice, server.url("/orders.csv"))
    assert (job.state, job.attempt) == (State.SCHEDULED, 0)
    event = JobEvent.objects.get(job=job, kind=JobEvent.Kind.DEFERRED)
    assert "429 Too Many Requests, and asked to wait 300 seconds" in event.text
    assert timedelta(seconds=290) < job.run_at - event.at < timedelta(seconds=301)
    Job.objects.filter(pk=job.pk).update(run_at=job.created_at)
    assert result_of(run_family(job))["headline"] == "2 rows imported"


def test_a_worker_that_is_lost_leaves_its_part_to_the_next(alice: User, serve: Serve, store: Path) -> None:
    content = TABLE + b"".join(b"%d,word\n" % n for n in range(50_000))

    def answer(request: Handler) -> None:
        first = int((request.headers.get("Range") or "bytes=0-")[6:-1])
        headers: dict[str, Any] = {"etag": '"one"', "accept_ranges": "bytes"}
        if first:
            request.send(
                content[first:], 206, content_range=f"bytes {first}-{len(content) - 1}/{len(content)}", **headers
            )
        else:
            request.send(content, **headers)

    server = serve(answer)
    job = submit(alice, server.url("/orders.csv"))
    # As an attempt leaves it that is killed: a part, its note, and more bytes than the note says.
    lost = store / "jobs" / str(job.pk) / "0" / "fetch"
    lost.mkdir(parents=True)
    (lost / "1.part").write_bytes(content[:123_456] + b"not safe")
    origin = {"url": server.url("/orders.csv"), "etag": '"one"', "last_modified": "", "total": len(content)}
    (lost / "1.json").write_text(json.dumps({"bytes": 123_456, "origin": {**origin, "validator": '"one"'}}))
    assert result_of(run_family(job))["headline"] == "50,002 rows imported"
    assert [headers["range"] for _, headers in server.seen.requests] == ["bytes=123456-"]
    assert Dataset.objects.get().source_bytes == len(content)


def test_a_bomb_is_not_unpacked(alice: User, serve: Serve, conf: OwnConf) -> None:
    conf.FETCH_LIMIT_BYTES = 1_000_000
    bomb = gzip.compress(b"a,b\n" + bytes(20_000_000))
    job = make(alice, serve(Shelf(bomb=bomb)).url("/bomb.csv.gz"))
    assert (job.state, job.error) == (
        State.FAILED,
        "bomb.csv.gz unpacks to more than 977 KB; that is refused.",
    )


def test_packed_files_are_unpacked(alice: User, serve: Serve) -> None:
    server = serve(lambda request: request.send(gzip.compress(TABLE), content_encoding="gzip"))
    assert result_of(make(alice, server.url("/orders.csv")))["headline"] == "2 rows imported"


def test_a_host_that_is_allowed_no_more_is_not_fetched_from(alice: User, serve: Serve, conf: OwnConf) -> None:
    server = serve(Shelf(orders=TABLE))
    job = submit(alice, server.url("/orders.csv"))
    conf.FETCH_INSIDE = []
    job = run_family(job)
    assert (job.state, server.seen.connections) == (State.FAILED, 0)


def test_it_runs_as_a_part_of_another_pipeline(alice: User, serve: Serve) -> None:
    @pipeline(title="Outer", is_listed=False)
    def outer(ctx: JobContext, **params: Any) -> Any:
        spec = pipelines.get("url_import")
        assert pipeline_of(spec.run) is spec
        return ctx.fan_out("fetch", spec.run, [params]).values()[0]

    from core.life.submission import submit as submit_job

    server = serve(Shelf(orders=TABLE))
    params = {"urls": [server.url("/orders.csv")], "header": "yes"}
    try:
        for is_known in (False, True):
            job_id = submit_job("outer", owner_id=alice.pk, params=params, key=f"outer {is_known}").job_id
            result = result_of(run_family(Job.objects.get(pk=job_id)))
            assert result["dataset"] == Dataset.objects.get().pk
            assert result.get("unchanged", False) is is_known
    finally:
        pipelines.forget("outer")


# -- the form ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("urls", "words"),
    [
        ("", "This field is required."),
        ("data.example/t.csv", "does not begin with http:// or https://"),
        ("ftp://data.example/t.csv", "does not begin with http:// or https://"),
        ("https://me:secret@data.example/t.csv", "with a user name or a password in it is refused"),
        ("https://data.example:22/t.csv", "names port 22; only these are connected to: 80, 443, 8080, 8443."),
        ("http://127.0.0.1/t.csv", "not on the public internet"),
        ("http://localhost/t.csv", "not on the public internet"),
        ("https://data.example/a b.csv", "has a blank"),
        ("https://data.example/1.csv\nhttps://[oops/2.csv", "is not an address"),
        ("\n".join(f"https://data.example/{n}.csv" for n in range(101)), "101 addresses are more than the 100"),
    ],
)
def test_an_address_that_cannot_be_fetched_is_told_in_the_form(alice: User, urls: str, words: str) -> None:
    form = opened(alice, urls).form
    errors = " ".join(map(str, form.errors["urls"]))
    assert words in errors
    assert "secret" not in errors


def test_no_more_complaints_are_shown_than_can_be_read(alice: User) -> None:
    form = opened(alice, "\n".join(f"ftp://data.example/{n}" for n in range(50))).form
    assert len(form.errors["urls"]) == 6
    assert form.errors["urls"][-1] == "And 45 more addresses are refused."


def test_each_address_is_fetched_once_in_one_spelling(alice: User) -> None:
    entry = opened(
        alice, " HTTPS://Data.Example:443/t.csv#top \r\n\r\nhttps://data.example./t.csv\nhttps://data.example/T.csv"
    )
    assert entry.is_valid(), entry.form.errors
    assert entry.form.cleaned_data["urls"] == ["https://data.example/t.csv", "https://data.example/T.csv"]


def test_what_was_asked_for_fills_the_form_again(alice: User) -> None:
    urls = ["https://data.example/1.csv", "https://data.example/2.csv"]
    form = open_form(pipelines.get("url_import"), user=alice, initial={"urls": urls}).form
    assert "https://data.example/1.csv\nhttps://data.example/2.csv</textarea>" in str(form["urls"])
    assert list(form.fields)[:4] == ["urls", "name", "import_again", "go_on"]


def test_the_label_has_no_query(alice: User) -> None:
    for url, label in (
        ("https://data.example/?token=x", "data.example"),
        ("https://data.example/a/t.csv?k=x", "t.csv"),
    ):
        assert submit(alice, url).label == label
