"""The OpenAPI document, and the page that shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core import pipelines
from frontend.api.api import api
from frontend.api.openapi import document_of
from frontend.api.pages.reference import lines_of
from tests.unit.frontend.api.conftest import ROOT, Api


@pytest.fixture
def document(client: Client, db: None) -> Any:
    answer = client.get(f"{ROOT}/openapi.json")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    return answer.json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, details) for path, methods in document["paths"].items() for method, details in methods.items()
    ]


def test_the_document_is_the_same_for_everybody(document: Any, as_alice: Client, operators: Api) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": ROOT}]
    for client in (as_alice, operators):
        assert client.get(f"{ROOT}/openapi.json").json() == document


def test_each_route_names_its_problems_its_scope_and_itself(document: Any) -> None:
    names = [details["operationId"] for _, _, details in operations(document)]
    assert len(names) == len(set(names)) > 20
    for method, path, details in operations(document):
        assert details["description"].strip(), path
        assert {"400", "401", "403", "405", "422", "429", "503"} <= set(details["responses"]), path
        assert ("404" in details["responses"]) == ("{" in path)
        assert ("413" in details["responses"]) == (method == "post")
        for status, answer in details["responses"].items():
            if status.startswith(("4", "5")):
                assert list(answer["content"]) == ["application/problem+json"]
        assert details["security"] == [{"Token": [details["x-scope"]]}, {"Session": [details["x-scope"]]}]
    assert set(document["components"]["securitySchemes"]) == {"Token", "Session"}


def test_each_reference_leads_somewhere(document: Any) -> None:
    named = set(re.findall(r"#/components/schemas/([\w.-]+)", str(document)))
    assert named <= set(document["components"]["schemas"])
    assert "#/$defs/" not in str(document)


def test_the_page_shows_every_route_and_value(as_alice: Client) -> None:
    answer = as_alice.get("/api/")
    assert answer.status_code == 200
    page = answer.text
    for method, path, details in operations(document_of(api)):
        assert f"<strong>{method.upper()}</strong> {path}" in page
        assert details["summary"].replace("'", "&#x27;") in page
    for name in ("Idempotency-Key", "run_at", "created_after", "cron", "offset", "Range"):
        assert f"<code>{name}</code>" in page
    assert "http://testserver/api/v1/jobs/JOB/events?wait=25" in page
    assert "<script>" not in page
    assert " style=" not in page


def test_the_page_is_for_people_who_have_logged_in(client: Client, db: None) -> None:
    assert client.get("/api/")["Location"].startswith("/login/")
    assert client.post("/api/").status_code == 405


def test_the_example_is_of_a_pipeline_that_one_may_fill_in(as_alice: Client) -> None:
    names = re.findall(r"/pipelines/(\w+)/jobs", as_alice.get("/api/").text)
    assert as_alice.get(f"{ROOT}/pipelines/{names[0]}").status_code == 200


def test_the_lines_of_the_page_are_those_that_the_docs_run() -> None:
    docs = (Path(__file__).resolve().parents[4] / "docs/api.md").read_text()
    for _, line in lines_of("$SITE/api/v1", pipelines.get("csv_import")):
        own = line.replace("@FILE", "@orders.csv").replace("FILE_ID", "$FILE").replace("/JOB/", "/$JOB/")
        assert f"```sh\n{own}\n```" in docs
