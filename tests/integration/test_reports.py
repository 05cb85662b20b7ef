"""Reports and documents on a whole site: made by child jobs, shown in the page, cancelled within seconds."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pikepdf
import pytest

from tests.integration.test_life import rows, state_of, wait_for_state
from tests.services.processes import children_of
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until

NAMES = ("Ada Lovelace", "田中 太郎 株式会社", "محمد علي الحسن", "שרה כהן", "Đặng Thị Hoa", "Émile “Zoé” Noël")


def write_orders(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("number,customer,day,amount,region\n")
        for number in range(count):
            name = NAMES[number % len(NAMES)]
            file.write(
                f"{number},{name},2026-0{number % 9 + 1}-1{number % 9},{number * 1.25:.2f},{'NESW'[number % 4]}\n"
            )
    return path


@pytest.fixture
def press(runtime: Runtime, make_site: Callable[..., Site]) -> Site:
    """A site with alice and one worker with the processor's two threads."""
    site = make_site(runtime, WORKER_PROCESSES="1", STOP_GRACE_SECONDS="1", LEASE_SECONDS="6")
    site.add_user("alice")
    site.start_worker(1, "--threads", "4")
    return site


def import_orders(site: Site, tmp_path: Path, count: int) -> int:
    path = write_orders(tmp_path / "orders.csv", count)
    made = site.run_json(
        *("job", "submit", "csv_import", "--owner", "alice", "--file", f"file={path}", "--wait", "120"), timeout=240
    )
    return int(made["result"]["dataset"])


def submit(site: Site, pipeline: str, *arguments: str, **params: object) -> dict[str, object]:
    given = [text for name, value in params.items() for text in ("--param", f"{name}={value}")]
    made = site.run_json("job", "submit", pipeline, "--owner", "alice", *given, *arguments, timeout=240)
    assert isinstance(made, dict)
    return made


def output_of(job: dict[str, object], ending: str) -> Path:
    artifacts = job["artifacts"]
    assert isinstance(artifacts, list), job
    return next(Path(each["path"]) for each in artifacts if each["kind"] == "output" and each["name"].endswith(ending))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("runtime", ["embedded"])
def test_a_report_is_made_shown_and_the_same_when_made_again(press: Site, tmp_path: Path) -> None:
    dataset = import_orders(press, tmp_path, 3_000)
    asked = {"dataset": dataset, "group_by": "region", "charts": "region", "title": "Orders: a report"}
    first = submit(press, "pdf_export", "--wait", "120", **asked)
    assert first["state"] == "succeeded", first
    path = output_of(first, ".pdf")
    with pikepdf.open(path) as pdf:
        pages = len(pdf.pages)
        assert str(pdf.docinfo["/Title"]) == "Orders: a report"
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root][-1:] == ["Table"]
    result = first["result"]
    assert isinstance(result, dict)
    assert f"3,000 rows on {pages} pages" in str(result["headline"])
    parts = rows(press, "SELECT count(*) FROM core_job WHERE parent_id = %s AND state = 'succeeded'", first["id"])
    assert parts[0][0] >= 3

    again = submit(press, "pdf_export", "--wait", "120", **asked)
    assert sha256(output_of(again, ".pdf")) == sha256(path)

    press.start_web()
    alice = press.person("alice")
    page = alice.get(f"/jobs/{first['id']}/").text
    picture = re.search(r'src="(/jobs/\d+/files/\d+/preview/)"', page)
    assert picture is not None
    assert alice.get(picture[1]).body.startswith(b"\x89PNG")
    shown = alice.get(picture[1].replace("preview/", "?view=1"), headers={"Range": "bytes=0-3"})
    assert (shown.status, shown.body) == (206, b"%PDF")
    assert shown.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize("runtime", ["rabbitmq"])
def test_a_cancelled_report_leaves_nobody_at_work(press: Site, tmp_path: Path) -> None:
    dataset = import_orders(press, tmp_path, 120_000)
    job = int(str(submit(press, "pdf_export", dataset=dataset)["id"]))
    running = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state = 'running'"
    wait_until(lambda: rows(press, running, job)[0][0] >= 1, what="a chunk at work")
    press.run("job", "cancel", str(job))
    assert state_of(press, job) == "cancelled"
    live = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state <> 'cancelled' AND state <> 'succeeded'"
    wait_until(lambda: rows(press, live, job) == [(0,)], what="the end of all chunks")
    # It was not waited for: what was at work was stopped, and what had not begun never did.
    cancelled = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state = 'cancelled'"
    assert rows(press, cancelled, job)[0][0] >= 1
    (worker,) = (process.pid for process in press.processes)
    wait_until(partial(nobody_computes, worker), what="idle children")
    wait_until(lambda: not (press.home / "files" / "jobs" / str(job)).exists() or is_empty(press, job), what="no files")


def nobody_computes(worker: int) -> bool:
    """Whether no descendant of the worker uses the processor: none is in the state R."""
    states = []
    for pid in children_of([worker]):
        try:
            states.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
        except OSError:
            continue
    return "R" not in states


def is_empty(site: Site, job: int) -> bool:
    return not any((site.home / "files" / "jobs" / str(job)).rglob("*.pdf"))


@pytest.mark.parametrize("runtime", ["embedded"])
def test_documents_deliver_what_could_be_made_and_list_the_rest(press: Site, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    people = [f"{name},{index}" for index, name in enumerate(("Ada", "", "Chloé", "山田", "Ada"))]
    path.write_text("\n".join(["name,number", *people]) + "\n", encoding="utf-8")
    made = press.run_json(
        *("job", "submit", "csv_import", "--owner", "alice", "--file", f"file={path}", "--wait", "120"), timeout=240
    )
    mapping = json.dumps({"name": {"column": "name"}, "event": {"text": "A fair"}})
    dataset = made["result"]["dataset"]
    asked = {"dataset": dataset, "template": "badge", "mapping": mapping, "output": "zip", "name_column": "name"}
    job = submit(press, "documents", "--wait", "120", **asked)
    assert job["state"] == "succeeded", job
    with zipfile.ZipFile(output_of(job, ".zip")) as pack:
        names = pack.namelist()
        assert len(names) == len(set(names)) == 4
        assert {"Chloé.pdf", "山田.pdf"} <= set(names)
        assert all(pack.read(name).startswith(b"%PDF") for name in names)
    not_made = output_of(job, ".csv").read_text(encoding="utf-8")
    assert len(not_made.strip().splitlines()) == 2
    assert "2" in not_made


@pytest.mark.parametrize("runtime", ["rabbitmq"])
def test_a_lost_worker_costs_a_report_nothing_but_time(press: Site, tmp_path: Path) -> None:
    dataset = import_orders(press, tmp_path, 3_000)
    whole = submit(press, "pdf_export", "--wait", "120", dataset=dataset)
    job = int(str(submit(press, "pdf_export", dataset=dataset)["id"]))
    chunks = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state IN ('running', 'succeeded')"
    wait_until(lambda: rows(press, chunks, job)[0][0] >= 1, what="a chunk at work")
    (worker,) = press.processes
    press.kill(worker)
    press.start_worker(1, "--threads", "4")
    wait_for_state(press, job, "succeeded")
    assert sha256(output_of(press.run_json("job", "show", str(job)), ".pdf")) == sha256(output_of(whole, ".pdf"))
