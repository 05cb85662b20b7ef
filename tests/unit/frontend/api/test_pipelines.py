"""Pipelines with their JSON Schema, and submits: as JSON, in parts with files, and once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from core import pipelines
from core.attempt.context import JobContext
from core.forms import DatasetField, PipelineForm, SecretField, UploadField
from core.models import Artifact, Job
from core.pipelines import pipeline
from tests.configuration import OwnConf
from tests.unit.frontend.api.conftest import ROOT, Api, MakeApi


class ManyForm(PipelineForm):
    """A field of each kind."""

    word = forms.CharField(label="Word", max_length=10, help_text="One <b>word</b>.")
    number = forms.IntegerField(required=False, min_value=1, max_value=9, initial=3)
    share = forms.FloatField(required=False)
    price = forms.DecimalField(required=False)
    day = forms.DateField(required=False)
    at = forms.DateTimeField(required=False)
    clock = forms.TimeField(required=False)
    is_loud = forms.BooleanField(required=False)
    color = forms.ChoiceField(choices=[("r", "Red"), ("g", "Green")], required=False)
    sizes = forms.MultipleChoiceField(choices=[("s", "Small"), ("l", "Large")], required=False)
    more = forms.JSONField(required=False)
    mail = forms.EmailField(required=False)
    password = SecretField(required=False)
    dataset = DatasetField(required=False)
    picture = UploadField(required=False, accept=".png", multiple=True)


@pytest.fixture(autouse=True)
def many() -> Iterator[None]:
    def many(ctx: JobContext, **params: Any) -> None: ...

    def for_staff(ctx: JobContext) -> None: ...

    pipeline(title="Many", form=ManyForm)(many)
    pipeline(title="For staff", is_for_staff=True)(for_staff)
    yield
    pipelines.forget("many")
    pipelines.forget("for_staff")


def submit(api: Api, body: Any, name: str = "many", **headers: str) -> Any:
    return api.post(f"{ROOT}/pipelines/{name}/jobs", body, headers=headers)


def test_pipelines_are_listed_as_on_the_desk(alices: Api, operators: Api) -> None:
    names = {each["name"] for each in alices.get(f"{ROOT}/pipelines").json()["items"]}
    assert {"many", "letters"} <= names
    assert "for_staff" not in names
    assert "for_staff" in {each["name"] for each in operators.get(f"{ROOT}/pipelines").json()["items"]}


def test_a_pipeline_says_what_it_asks_for(alices: Api) -> None:
    schema = alices.get(f"{ROOT}/pipelines/many").json()["form"]
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["required"] == ["word"]
    fields = schema["properties"]
    assert fields["word"] == {
        "title": "Word", "description": "One word.", "type": "string", "maxLength": 10, "minLength": 1,
    }  # fmt: skip
    assert fields["number"]["type"] == ["integer", "null"]
    assert (fields["number"]["minimum"], fields["number"]["maximum"], fields["number"]["default"]) == (1, 9, 3)
    assert fields["day"]["format"] == "date"
    assert fields["color"]["anyOf"][0]["oneOf"] == [{"const": "r", "title": "Red"}, {"const": "g", "title": "Green"}]
    assert fields["password"]["writeOnly"] is True
    assert fields["picture"]["items"]["format"] == "binary"
    assert ".png" in fields["picture"]["description"]


def test_every_pipeline_of_the_site_has_a_schema_that_is_one(operators: Api) -> None:
    import jsonschema_rs

    names = [each["name"] for each in operators.get(f"{ROOT}/pipelines").json()["items"]]
    assert len(names) > 5
    for name in names:
        schema = operators.get(f"{ROOT}/pipelines/{name}").json()["form"]
        jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize(("name", "status"), [("nothing", 404), ("for_staff", 403), ("mail", 404)])
def test_a_pipeline_that_one_may_not_fill_in(alices: Api, name: str, status: int) -> None:
    assert alices.get(f"{ROOT}/pipelines/{name}").status_code == status
    assert submit(alices, {}, name).status_code == status


def test_a_submit_makes_a_job(alices: Api, alice: User) -> None:
    params = {"word": "hello", "number": 7, "price": "1.50", "day": "2026-11-29", "sizes": ["s"], "more": {"a": [1]}}
    answer = submit(alices, {"params": params, "priority": "urgent"})
    assert answer.status_code == 201
    job = Job.objects.get()
    assert (job.owner, job.pipeline, job.priority) == (alice, "many", 2)
    assert job.params["price"] == "1.50"
    assert answer["Location"] == f"http://testserver{ROOT}/jobs/{job.pk}"
    assert answer.json()["state"] == "queued"
    assert alices.get(answer["Location"]).json()["params"]["word"] == "hello"


def test_what_a_job_has_stored_can_be_sent_again(alices: Api) -> None:
    first = alices.get(submit(alices, {"params": {"word": "hello"}})["Location"]).json()
    again = submit(alices, {"params": first["params"]})
    assert again.status_code == 201
    assert alices.get(again["Location"]).json()["params"] == first["params"]


def test_what_the_form_does_not_take_is_said_by_field(alices: Api) -> None:
    answer = submit(alices, {"params": {"number": 99, "color": "x", "other": 1}})
    assert answer.status_code == 422
    assert "other" in answer.json()["errors"]
    answer = submit(alices, {"params": {"number": 99, "color": "x"}})
    errors = answer.json()["errors"]
    assert errors["word"] == ["This field is required."]
    assert "less than or equal to 9" in errors["number"][0]
    assert "Select a valid choice" in errors["color"][0]
    assert not Job.objects.exists()


@pytest.mark.parametrize("value", [1, 1.5, True, [], [1], {}, {"a": 1}, [[]], 10**40, -1, "x", ""])
@pytest.mark.parametrize("name", sorted(ManyForm.base_fields))
def test_a_value_of_any_kind_is_taken_or_refused_and_breaks_nothing(alices: Api, name: str, value: Any) -> None:
    answer = submit(alices, {"params": {"word": "w", name: value}})
    assert answer.status_code in (201, 422)
    if answer.status_code == 422:
        assert set(answer.json()["errors"]) == {name}


def test_the_same_key_is_the_same_job(alices: Api, bobs: Api) -> None:
    body = {"params": {"word": "hello"}}
    key = {"Idempotency-Key": "greeting-7"}
    first, again = submit(alices, body, **key), submit(alices, body, **key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again["Location"] == first["Location"]
    assert submit(bobs, body, **key).status_code == 201
    assert Job.objects.count() == 2
    assert submit(alices, body, **{"Idempotency-Key": "x" * 101}).status_code == 422


def test_a_job_may_start_later(alices: Api) -> None:
    body: dict[str, Any] = {"params": {"word": "w"}}
    assert submit(alices, {**body, "delay": 60}).json()["state"] == "scheduled"
    tomorrow = timezone.now() + dt.timedelta(days=1)
    assert submit(alices, {**body, "run_at": tomorrow.isoformat()}).json()["state"] == "scheduled"
    for wrong in (
        {"delay": -1}, {"delay": 1e300}, {"run_at": "2026-11-29T10:00:00"}, {"run_at": "9999-12-31T23:59:59-14:00"},
        {"delay": 1, "run_at": tomorrow.isoformat()}, {"priority": "high"}, {"later": 1},
    ):  # fmt: skip
        answer = submit(alices, {**body, **wrong})
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"], wrong
    assert Job.objects.count() == 2


def test_files_come_in_parts(alices: Api) -> None:
    text = SimpleUploadedFile("größe.txt", b"abc\n", content_type="text/plain")
    parts = {"text": text, "title": "Greek", "params": json.dumps({"alphabet": "greek"}), "priority": "low"}
    answer = alices.post_parts(f"{ROOT}/pipelines/letters/jobs", parts)
    assert answer.status_code == 201, answer.text
    job = Job.objects.get()
    assert job.params == {"title": "Greek", "alphabet": "greek", "limit": None}
    assert job.priority == 0
    artifact = Artifact.objects.get(job=job)
    assert (artifact.name, artifact.local_path.read_bytes()) == ("größe.txt", b"abc\n")
    assert alices.get(answer["Location"]).json()["files"][0]["name"] == "größe.txt"


def test_several_files_of_a_field_and_several_choices_come_as_parts_of_one_name(alices: Api) -> None:
    files = [SimpleUploadedFile(f"{number}.png", b"x") for number in range(2)]
    answer = alices.post_parts(f"{ROOT}/pipelines/many/jobs", {"word": "w", "sizes": ["s", "l"], "picture": files})
    assert answer.status_code == 201, answer.text
    assert Job.objects.get().params["sizes"] == ["s", "l"]
    assert Artifact.objects.count() == 2


def test_a_file_that_the_form_does_not_take_is_said_by_field(alices: Api) -> None:
    wrong = SimpleUploadedFile("a.pdf", b"x")
    answer = alices.post_parts(f"{ROOT}/pipelines/letters/jobs", {"text": wrong, "alphabet": "latin"})
    assert answer.status_code == 422
    assert ".txt" in answer.json()["errors"]["text"][0]
    assert submit(alices, {"params": {"alphabet": "latin"}}, "letters").json()["errors"]["text"]


def test_a_secret_is_shown_to_nobody(alices: Api) -> None:
    made = submit(alices, {"params": {"word": "w", "password": "very secret"}})
    answer = alices.get(made["Location"])
    assert answer.json()["params"]["password"] == "Hidden"
    assert "very secret" not in answer.text


def test_too_much_in_hand_is_said_with_when_to_come_again(conf: OwnConf, alice: User, make_api: MakeApi) -> None:
    conf.OWNER_QUEUED_LIMIT = 1
    api = make_api(alice)
    assert submit(api, {"params": {"word": "w"}}).status_code == 201
    refused = submit(api, {"params": {"word": "w"}})
    assert refused.status_code == 429
    assert refused["Retry-After"] == "60"
    assert "queued" in refused.json()["detail"]


def test_an_empty_body_has_no_parameters(alices: Api) -> None:
    assert alices.post(f"{ROOT}/pipelines/many/jobs").status_code == 422


def test_a_form_as_browsers_send_it_is_another_type(alices: Api) -> None:
    answer = alices.post(
        f"{ROOT}/pipelines/many/jobs", '{"params": {}}', content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 415


def test_a_list_that_a_job_has_stored_can_be_sent_again(operators: Api) -> None:
    """Words are typed with commas, and stored as a list."""
    file = SimpleUploadedFile("people.csv", b"a,b\n1,2\n")
    first = operators.post_parts(f"{ROOT}/pipelines/csv_import/jobs", {"file": file, "null_words": "NA, none"})
    assert first.status_code == 201, first.text
    stored = operators.get(first["Location"]).json()["params"]
    assert stored["null_words"] == ["NA", "none"]
    again = SimpleUploadedFile("people.csv", b"a,b\n1,2\n")
    parts = {"file": again, "params": json.dumps(stored)}
    second = operators.post_parts(f"{ROOT}/pipelines/csv_import/jobs", parts)
    assert second.status_code == 201, second.text
    assert operators.get(second["Location"]).json()["params"] == stored
