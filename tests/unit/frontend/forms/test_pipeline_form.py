"""The page that starts a pipeline."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from core import pipelines
from core.errors import Overloaded, Refused, TooMuch
from core.files.uploads import StagingUploadHandler
from core.forms import DatasetField, Entry, PipelineForm, UploadField
from core.models import Artifact, Job
from core.models.job import Priority
from core.pipelines import pipeline
from frontend.forms.pages.reading import EARLY_CHECK_BYTES
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob
from tests.unit.frontend.markup import faults

LETTERS = "/pipelines/letters/"


def filled(**changes: Any) -> dict[str, Any]:
    text = SimpleUploadedFile("abc.txt", b"abc\n", content_type="text/plain")
    return {"idempotency-key": "k1", "text": text, "alphabet": "latin", **changes}


def test_the_page_shows_the_form_with_help_groups_and_a_key(as_alice: Client) -> None:
    page = as_alice.get(LETTERS)
    assert page.status_code == 200
    assert "Ten letters at most." in page.text
    assert '<summary class="group-title">' in page.text
    assert 'accept=".txt"' in page.text
    keys = [re.search(r'name="idempotency-key" value="(\w+)"', as_alice.get(LETTERS).text) for _ in range(2)]
    assert keys[0]
    assert keys[1]
    assert keys[0][1] != keys[1][1]


def test_a_submit_makes_a_job_with_its_file_and_opens_its_page(as_alice: Client, alice: User) -> None:
    answer = as_alice.post(LETTERS, filled(title="Mine"))
    job = Job.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == job.get_absolute_url()
    assert job.owner == alice
    assert job.params == {"title": "Mine", "alphabet": "latin", "limit": None}
    assert Artifact.objects.get(job=job).local_path.read_bytes() == b"abc\n"


def test_submitting_by_htmx_leads_to_the_jobs_page(as_alice: Client) -> None:
    answer = as_alice.post(LETTERS, filled(), headers=HTMX)
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == Job.objects.get().get_absolute_url()


def test_the_same_key_again_is_the_same_job(as_alice: Client) -> None:
    first, second = as_alice.post(LETTERS, filled()), as_alice.post(LETTERS, filled())
    assert first["Location"] == second["Location"]
    assert Job.objects.count() == 1


def test_another_method_is_refused(as_alice: Client) -> None:
    assert as_alice.delete(LETTERS).status_code == 405


def test_an_unknown_pipeline_is_not_found(as_alice: Client) -> None:
    assert as_alice.get("/pipelines/nonsense/").status_code == 404
    assert as_alice.post("/pipelines/nonsense/", {}).status_code == 404


def test_a_form_without_its_token_is_refused(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(LETTERS, filled())
    assert answer.status_code == 403
    assert "The page was too old" in answer.text
    assert not Job.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_errors_stand_beside_their_fields_and_in_a_summary(as_alice: Client, headers: dict[str, str]) -> None:
    answer = as_alice.post(LETTERS, filled(title="far too long a title", limit="0"), headers=headers)
    assert answer.status_code == 422
    assert "2 things to correct" in answer.text
    assert 'href="#id_title"' in answer.text
    assert re.search(r'<input[^>]*name="title"[^>]*aria-invalid="true"', answer.text)
    assert re.search(r'aria-describedby="id_title_helptext id_title_error"', answer.text)
    assert ("<html" in answer.text) is (not headers)
    assert answer.get("HX-Retarget") == ("#pipeline-form" if headers else None)


def test_a_file_of_an_invalid_submit_need_not_be_uploaded_again(as_alice: Client) -> None:
    answer = as_alice.post(LETTERS, filled(limit="0"))
    token = re.search(r'name="text.kept" value="([^"]+)"', answer.text)
    assert token
    assert "uploaded already" in answer.text
    again = as_alice.post(LETTERS, {"idempotency-key": "k1", "alphabet": "latin", "limit": "2", "text.kept": token[1]})
    assert again.status_code == 302
    assert Artifact.objects.get().name == "abc.txt"


def test_a_kept_file_is_of_no_use_to_somebody_else(as_alice: Client, as_bob: Client) -> None:
    token = re.search(r'name="text.kept" value="([^"]+)"', as_alice.post(LETTERS, filled(limit="0")).text)
    assert token
    answer = as_bob.post(LETTERS, {"idempotency-key": "k", "alphabet": "latin", "text.kept": token[1]})
    assert answer.status_code == 422
    assert not Job.objects.exists()


def test_one_field_is_checked_without_a_word_on_the_others(as_alice: Client) -> None:
    answer = as_alice.post(
        reverse("headway:pipeline_validation", args=["letters"]) + "?field=title",
        {"title": "far too long a title", "limit": "0"},
        headers=HTMX,
    )
    assert answer.status_code == 200
    assert answer.text.count("<p>") == 1
    assert 'id="id_title_error"' in answer.text
    assert not Job.objects.exists()


def test_a_check_of_no_field_is_not_found_and_a_get_refused(as_alice: Client) -> None:
    address = reverse("headway:pipeline_validation", args=["letters"])
    assert as_alice.post(address + "?field=nonsense").status_code == 404
    assert as_alice.get(address).status_code == 405


def test_the_address_fills_in_the_form(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    page = as_alice.get(f"/pipelines/copy_letters/?dataset={dataset.pk}").text
    assert f'<option value="{dataset.pk}" selected>' in page


def test_somebody_elses_dataset_can_not_be_chosen(as_bob: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    assert as_bob.post("/pipelines/copy_letters/", {"dataset": dataset.pk}).status_code == 422


def test_running_again_starts_from_a_jobs_parameters_and_file(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    origin = make_job(alice, state="failed", params={"title": "Old", "alphabet": "greek", "limit": 7})
    page = as_alice.get(f"{LETTERS}?again={origin.pk}").text
    assert 'value="Old"' in page
    assert "abc.txt" in page
    assert '<details class="panel group" id="group-2" open>' in page
    answer = as_alice.post(
        f"{LETTERS}?again={origin.pk}", {"idempotency-key": "k2", "alphabet": "greek", "title": "New"}
    )
    assert answer.status_code == 302
    job = Job.objects.exclude(pk=origin.pk).get()
    assert job.origin == origin
    assert job.params["title"] == "New"
    assert Artifact.objects.get(job=job).name == "abc.txt"


def test_running_somebody_elses_job_again_is_not_found(as_bob: Client, alice: User, make_job: MakeJob) -> None:
    origin = make_job(alice)
    assert as_bob.get(f"{LETTERS}?again={origin.pk}").status_code == 404
    assert as_bob.get(f"{LETTERS}?again=nonsense").status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_upload_over_the_limit_is_refused_by_a_clear_page(
    as_alice: Client, conf: OwnConf, headers: dict[str, str]
) -> None:
    conf.UPLOAD_LIMIT_BYTES = 100
    text = SimpleUploadedFile("abc.txt", b"abc\n" * 1000)
    answer = as_alice.post(LETTERS, filled(text=text), headers=headers)
    assert answer.status_code == 413
    assert "larger than 100 bytes" in answer.text
    assert answer.get("HX-Retarget") == ("#refusal" if headers else None)


def test_too_much_text_is_refused_by_a_clear_page(as_alice: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = as_alice.post(LETTERS, filled(title="x" * 200))
    assert answer.status_code == 413
    assert "more text than is accepted" in answer.text


def test_a_full_disk_is_told_before_anything_is_accepted(as_alice: Client, conf: OwnConf) -> None:
    conf.DISK_FLOOR_BYTES = 1 << 62
    answer = as_alice.post(LETTERS, filled())
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "nearly full" in answer.text


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    def refuse(error: Exception) -> None:
        def submit(self: Entry, **_: Any) -> None:
            raise error

        monkeypatch.setattr(Entry, "submit", submit)

    return refuse


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_submit_shows_the_wait_and_keeps_its_values(
    as_alice: Client, refusing: Callable[[Exception], None], headers: dict[str, str]
) -> None:
    refusing(TooMuch("You have 100 jobs queued, and 100 is the most.", retry_after_seconds=89.2))
    answer = as_alice.post(LETTERS, filled(title="Mine", priority="urgent"), headers=headers)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "90"
    assert "Too much at once" in answer.text
    assert "You have 100 jobs queued" in answer.text
    assert "Possible again" in answer.text
    assert not Job.objects.exists()
    assert faults(answer.text) == []
    if headers:
        # The notice comes above the form, which stays as it is.
        assert answer["HX-Retarget"] == "#refusal"
        assert "<form" not in answer.text
    else:
        assert 'value="Mine"' in answer.text
        assert 'value="k1"' in answer.text
        assert '<option value="urgent" selected>' in answer.text
        assert "choose them again" in answer.text


def test_what_the_whole_site_refuses_is_a_503(as_alice: Client, refusing: Callable[[Exception], None]) -> None:
    refusing(Overloaded("The site has 9 jobs queued.", retry_after_seconds=0.2))
    answer = as_alice.post(LETTERS, filled())
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"


def test_another_refusal_says_why_without_a_time(as_alice: Client, refusing: Callable[[Exception], None]) -> None:
    refusing(Refused("This can't be done."))
    answer = as_alice.post(LETTERS, filled())
    assert answer.status_code == 422
    assert "Retry-After" not in answer
    assert "This can&#x27;t be done." in answer.text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_large_upload_is_refused_before_its_body_is_read(
    as_alice: Client, alice: User, conf: OwnConf, make_job: MakeJob, headers: dict[str, str]
) -> None:
    make_job(alice)
    conf.OWNER_QUEUED_LIMIT = 1
    read: list[int] = []
    body = SimpleUploadedFile("abc.txt", b"a" * (EARLY_CHECK_BYTES + 1))
    with patch.object(StagingUploadHandler, "handle_raw_input", lambda *_: read.append(1)):
        answer = as_alice.post(LETTERS, filled(text=body), headers=headers)
    assert answer.status_code == 429
    assert read == []
    assert "You have 1 job queued" in answer.text
    assert answer.get("HX-Retarget") == ("#refusal" if headers else None)
    assert faults(answer.text) == []


def test_a_large_upload_of_an_existing_job_is_not_refused(as_alice: Client, alice: User, conf: OwnConf) -> None:
    text = b"a" * (EARLY_CHECK_BYTES + 1)
    first = as_alice.post(LETTERS, filled(text=SimpleUploadedFile("abc.txt", text)))
    conf.OWNER_QUEUED_LIMIT = 1
    again = as_alice.post(
        LETTERS, filled(text=SimpleUploadedFile("abc.txt", text)), headers={**HTMX, "Idempotency-Key": "k1"}
    )
    assert again["HX-Redirect"] == first["Location"]


# -- priorities


def test_a_job_is_normal_unless_another_priority_is_chosen(as_alice: Client) -> None:
    page = as_alice.get(LETTERS).text
    assert '<label for="form-priority">Priority</label>' in page
    assert '<option value="normal" selected>Normal</option>' in page
    as_alice.post(LETTERS, filled())
    as_alice.post(LETTERS, {**filled(), "idempotency-key": "k2", "priority": "urgent"})
    assert list(Job.objects.order_by("pk").values_list("priority", flat=True)) == [Priority.NORMAL, Priority.URGENT]


def test_a_priority_that_is_not_offered_is_a_bad_request(as_alice: Client) -> None:
    assert as_alice.post(LETTERS, filled(priority="soonest")).status_code == 400
    assert not Job.objects.exists()


def test_a_chosen_priority_survives_an_invalid_submit(as_alice: Client) -> None:
    answer = as_alice.post(LETTERS, filled(limit="0", priority="low"))
    assert '<option value="low" selected>' in answer.text


def test_a_pipelines_own_field_named_priority_stays_its_own(as_alice: Client) -> None:
    class OrderForm(PipelineForm):
        priority = forms.CharField()

    def ordering(ctx: object, **params: Any) -> None: ...

    pipeline(title="Ordering", form=OrderForm, is_listed=False)(ordering)
    try:
        assert "form-priority" not in as_alice.get("/pipelines/ordering/").text
        as_alice.post("/pipelines/ordering/", {"idempotency-key": "k", "priority": "first"})
        job = Job.objects.get()
        assert (job.params, job.priority) == ({"priority": "first"}, Priority.NORMAL)
    finally:
        pipelines.forget("ordering")


# -- a form that is shown anew when its dataset is chosen


class FollowingForm(PipelineForm):
    """A choice that depends on another field."""

    refresh_on: ClassVar[tuple[str, ...]] = ("dataset",)

    dataset = DatasetField()
    title = forms.CharField(required=False, max_length=10)
    text = UploadField(required=False, accept=".txt")

    fieldsets = (("More", ("title", "text")),)


@pytest.fixture
def following() -> Iterator[str]:
    def following(ctx: object, **params: Any) -> None: ...

    pipeline(title="Following", form=FollowingForm, is_listed=False)(following)
    yield "/pipelines/following/"
    pipelines.forget("following")


def test_a_field_that_others_depend_on_has_a_no_script_button(as_alice: Client, following: str) -> None:
    page = as_alice.get(following).text
    assert re.search(
        r'<button class="button is-small refresh-button" type="submit" name="refresh" value="dataset"', page
    )
    assert 'hx-trigger="click, change from:closest .field"' in page
    assert 'hx-select-oob="#form-errors,#group-1-fields,#group-2-fields"' in page
    assert 'hx-params="not text"' in page
    assert faults(page) == []
    # The first button of the form is what Enter presses.
    first = re.search(r"<button[^>]*>", page[page.index('<form class="pipeline-form"') :])
    assert first
    assert "default-button" in first[0]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_form_shown_anew_keeps_everything_and_makes_no_job(
    as_alice: Client, following: str, headers: dict[str, str]
) -> None:
    sent = {"idempotency-key": "k9", "title": "far too long a title", "refresh": "dataset"}
    answer = as_alice.post(following, sent, headers=headers)
    assert answer.status_code == 200
    assert "HX-Retarget" not in answer
    assert 'value="far too long a title"' in answer.text
    assert 'value="k9"' in answer.text
    assert "to correct" not in answer.text
    assert "at most 10 characters" not in answer.text
    assert ("hx-preserve" in answer.text) is bool(headers)
    assert ("<html" in answer.text) is (not headers)
    assert '<details class="panel group" id="group-2" open>' in answer.text
    assert faults(answer.text) == []
    assert not Job.objects.exists()


def test_a_file_sent_without_javascript_need_not_be_sent_again(
    as_alice: Client, following: str, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    text = SimpleUploadedFile("abc.txt", b"abc\n")
    answer = as_alice.post(following, {"refresh": "dataset", "dataset": dataset.pk, "text": text})
    token = re.search(r'name="text.kept" value="([^"]+)"', answer.text)
    assert token
    assert "uploaded already" in answer.text
    again = as_alice.post(following, {"idempotency-key": "k", "dataset": dataset.pk, "text.kept": token[1]})
    assert again.status_code == 302
    assert Artifact.objects.get(job=Job.objects.latest("pk")).name == "abc.txt"


def test_a_form_shown_anew_without_its_token_is_refused(alice: User, following: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(following, {"refresh": "dataset"}).status_code == 403


def test_a_pipeline_of_the_site_alone_has_no_form(as_alice: Client, as_staff: Client) -> None:
    class NobodysForm(forms.Form):
        is_nobodys = True

    def orders(ctx: object) -> None: ...

    pipeline(title="Orders", form=NobodysForm)(orders)
    try:
        for client in (as_alice, as_staff):
            assert client.get("/pipelines/orders/").status_code == 404
            assert client.post("/pipelines/orders/", {}).status_code == 404
            assert client.post("/pipelines/orders/validation/?field=x").status_code == 404
    finally:
        pipelines.forget("orders")
    assert not Job.objects.exists()


def test_a_staff_pipeline_is_on_the_desk_of_staff_only(as_alice: Client, as_staff: Client) -> None:
    def sweep(ctx: object) -> None: ...

    pipeline(title="Sweep it", is_for_staff=True)(sweep)
    try:
        assert as_alice.get("/pipelines/sweep/").status_code == 403
        assert as_alice.post("/pipelines/sweep/", {}).status_code == 403
        assert as_alice.post("/pipelines/sweep/validation/?field=x").status_code == 403
        assert not Job.objects.exists()
        assert "Sweep it" not in as_alice.get("/").text
        assert "Sweep it" in as_staff.get("/").text
        assert as_staff.post("/pipelines/sweep/", {}).status_code == 302
    finally:
        pipelines.forget("sweep")
    assert Job.objects.get().pipeline == "sweep"


class TypedForm(PipelineForm):
    types = forms.JSONField(required=False)
    can_declare = True

    @classmethod
    def declared(cls, params: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
        return {"types": {**(params.get("types") or {}), **types}}


def test_an_address_may_ask_for_types_of_columns_to_be_filled_in(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    def typed(ctx: object, **params: Any) -> None: ...

    pipeline(title="Typed", form=TypedForm)(typed)
    try:
        job = make_job(alice, pipeline="typed", params={"types": {"price": "decimal"}})
        query: dict[str, Any] = {"again": job.pk, "declare": ["day:date", "a:b:time", "nonsense", ":date", "day:"]}
        page = as_alice.get("/pipelines/typed/", query)
        expected = {"price": "decimal", "day": "date", "a:b": "time"}
        assert page.context["form"].initial["types"] == expected
        assert "Filled in below: “day” as date, “a:b” as time." in page.text
        plain = as_alice.get("/pipelines/typed/", {"again": job.pk})
        assert plain.context["form"].initial["types"] == {"price": "decimal"}
        assert "Filled in below" not in plain.text
    finally:
        pipelines.forget("typed")


def test_a_form_that_takes_no_types_is_shown_as_it_is(as_alice: Client) -> None:
    page = as_alice.get(LETTERS, {"declare": "day:date"})
    assert page.status_code == 200
    assert "Filled in below" not in page.text
