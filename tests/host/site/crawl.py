"""Opens every page of Headway on this host, does work on it, and prints what came of it as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - Django has to be set up
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import URLResolver, get_resolver  # noqa: E402
from shop.tasks import ask_suppliers, count_stock  # noqa: E402

from core.models import Dataset, Job  # noqa: E402
from core.people import tokens  # noqa: E402

#: Seconds that the jobs may take.
PATIENCE = 180.0
CSV = b"name,age\n" + b"".join(b"person %d,%d\n" % (number, number) for number in range(50))


def main() -> None:
    staff, member = _person("ann@shop.example", is_staff=True), _person("ben@shop.example", is_staff=False)
    as_staff, as_member = _client(staff), _client(member)
    report: dict[str, Any] = {"anonymous": _answer(Client().get("/jobs-desk/"))}
    report["submits"] = [
        _answer(as_member.post("/jobs-desk/pipelines/count_orders/", {"upto": "5"})),
        _answer(as_member.post("/jobs-desk/pipelines/csv_import/", {"file": SimpleUploadedFile("people.csv", CSV)})),
    ]
    task, async_task = count_stock.enqueue(3), ask_suppliers.using(queue_name="night").enqueue(2)
    with subprocess.Popen([sys.executable, "manage.py", "worker", "--threads", "2"]) as worker:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and Job.objects.live().filter(pk__lte=async_task.id).exists():
            time.sleep(0.2)
        worker.terminate()
        worker.wait(60)
    report["jobs"] = list(Job.objects.filter(owner=member).order_by("pk").values_list("pipeline", "state", "error"))
    task.refresh()
    async_task.refresh()
    report["async task"] = async_task.return_value
    report["task"] = {"status": task.status, "value": task.return_value, "attempts": task.attempts}
    report["task page"] = as_staff.get("/jobs-desk/pipelines/shop_tasks_count_stock/").content.decode()
    dataset = Dataset.objects.filter(owner=member).first()
    report["rows"] = dataset.rows if dataset else None
    report["api"] = _api(member)
    report["pages"] = {who: dict(_pages(client)) for who, client in (("staff", as_staff), ("member", as_member))}
    page = as_member.get("/jobs-desk/jobs/1/")
    report["job page"] = {**_answer(page), "text": page.content.decode()}
    home = Client().get("/")
    report["home"] = {**_answer(home), "headers": sorted(home.headers), "text": home.content.decode()}
    nowhere = Client().get("/jobs-desk/nowhere/")
    report["nowhere"] = {**_answer(nowhere), "text": nowhere.content.decode()}
    report["admin"] = _answer(as_staff.get("/admin/core/job/"))
    json.dump(report, sys.stdout)


def _person(mail: str, *, is_staff: bool) -> Any:
    model = get_user_model()
    fields = {model.USERNAME_FIELD: mail, "is_staff": is_staff, "is_superuser": is_staff}
    person = model(**fields)
    person.set_password("a password")
    person.save()
    return person


def _api(person: Any) -> dict[str, Any]:
    """What the API answers to a token of this person's."""
    _, text = tokens.make(person, name="shop", scope="submit", days=1)
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"})
    root = "/jobs-desk/api/v1"
    made = client.post(f"{root}/pipelines/count_orders/jobs", {"params": {"upto": 3}}, content_type="application/json")
    nowhere = client.get(f"{root}/nowhere")
    return {
        "name": client.get(f"{root}/me").json()["name"],
        "made": _answer(made),
        "owner": made.json()["owner"],
        "jobs": len(client.get(f"{root}/jobs").json()["items"]),
        "nowhere": [nowhere.status_code, nowhere.headers["Content-Type"]],
        "nobody": Client().get(f"{root}/jobs").status_code,
        "servers": Client().get(f"{root}/openapi.json").json()["servers"],
    }


def _client(person: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def _answer(response: Any) -> dict[str, Any]:
    return {"status": response.status_code, "location": response.headers.get("Location", "")}


def _pages(client: Client) -> Iterator[tuple[str, int]]:
    """Every address of Headway with its arguments filled in, and the status of a GET."""
    values = {
        "<int:pk>": "1",
        "<slug:name>": "count_orders",
        "<int:artifact_pk>": "1",
        "<int:link_pk>": "1",
        "<int:job>": "1",
        "<str:token>": "x",
        "<str:limit>": "x",
    }
    for pattern in _patterns(get_resolver().url_patterns, ""):
        if pattern.startswith("jobs-desk/"):
            for name, value in values.items():
                pattern = pattern.replace(name, value)
            yield pattern, client.get(f"/{pattern}").status_code


def _patterns(entries: Any, prefix: str) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns, prefix + str(entry.pattern))
        else:
            yield prefix + str(entry.pattern)


if __name__ == "__main__":
    main()
