"""A plain file of a dataset: made when it is first asked for, and there for whoever asks again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core import pipelines
from core.files import storage
from core.models import Artifact, Dataset, Job
from core.pipelines import Download, pipeline
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, CopyForm, MakeDataset, MakeJob

Finish = Callable[[Job], Artifact]


@pytest.fixture(autouse=True)
def spell() -> Iterator[None]:
    """A pipeline that makes a file of any dataset at one click."""

    def spell(ctx: object, **params: Any) -> None: ...

    offer = Download(name="spelt", title="Spelt out", values=lambda dataset: {"dataset": dataset.pk})
    pipeline(title="Spell", form=CopyForm, takes="dataset", downloads=[offer])(spell)
    yield
    pipelines.forget("spell")


@pytest.fixture
def finish() -> Finish:
    """Have a job succeed with one file."""

    def make(job: Job) -> Artifact:
        folder = storage.attempt_folder(job.pk, 1)
        folder.mkdir(parents=True)
        (folder / "spelt.txt").write_text("alpha\n")
        Job.objects.filter(pk=job.pk).update(state="succeeded")
        return Artifact.objects.create(
            job=job,
            kind=Artifact.Kind.OUTPUT,
            field="export",
            name="spelt.txt",
            path=storage.key_of(folder / "spelt.txt"),
            size=6,
            sha256="0" * 64,
            content_type="text/plain",
        )

    return make


def ask(client: Client, dataset: Dataset, **options: Any) -> str:
    answer = client.post(reverse("headway:dataset_download", args=[dataset.pk]), {"file": "spelt"}, **options)
    assert answer.status_code == 302
    return str(answer["Location"])


def spelling() -> Job:
    return Job.objects.get(pipeline="spell")


def test_the_first_click_makes_a_job_and_leads_to_it(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    assert "Spelt out</span></button>" in as_alice.get(dataset.get_absolute_url()).text
    assert ask(as_alice, dataset) == spelling().get_absolute_url()
    assert spelling().params == {"dataset": dataset.pk}
    assert spelling().owner == alice


def test_a_second_click_leads_to_the_same_job_then_to_its_file(
    as_alice: Client, alice: User, make_dataset: MakeDataset, finish: Finish
) -> None:
    dataset = make_dataset(alice)
    first = ask(as_alice, dataset)
    assert ask(as_alice, dataset) == first
    page = as_alice.get(dataset.get_absolute_url()).text
    assert f'href="{first}"' in page
    assert "being made" in page
    file = finish(spelling())
    address = reverse("headway:job_file", args=[file.job_id, file.pk])
    assert ask(as_alice, dataset) == address
    assert as_alice.get(address).getvalue() == b"alpha\n"
    # Nobody has to ask for what is there.
    page = as_alice.get(dataset.get_absolute_url()).text
    assert f'href="{address}"' in page
    assert "Spelt out</span></button>" not in page
    assert Job.objects.filter(pipeline="spell").count() == 1


def test_a_file_that_is_gone_is_made_anew_each_time(
    as_alice: Client, alice: User, make_dataset: MakeDataset, finish: Finish
) -> None:
    dataset = make_dataset(alice)
    made = []
    for _ in range(3):
        address = ask(as_alice, dataset)
        assert ask(as_alice, dataset) == address
        job = Job.objects.filter(pipeline="spell").latest("pk")
        assert address == job.get_absolute_url()
        made.append(job.pk)
        finish(job).local_path.unlink()
    assert len(set(made)) == 3


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_did_not_succeed_is_tried_again(
    as_alice: Client, alice: User, make_dataset: MakeDataset, state: str
) -> None:
    dataset = make_dataset(alice)
    address = ask(as_alice, dataset)
    Job.objects.filter(pipeline="spell").update(state=state, attempt=1)
    assert ask(as_alice, dataset) == address
    assert spelling().state == "queued"


def test_each_dataset_has_a_file_of_its_own(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    one, other = make_dataset(alice, name="one"), make_dataset(alice, name="other")
    assert ask(as_alice, one) != ask(as_alice, other)


def test_a_file_that_the_datasets_own_job_left_is_that_file(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    Artifact.objects.filter(job=dataset.job, field="clean").update(field="spelt", title="Spelt by hand")
    page = as_alice.get(dataset.get_absolute_url()).text
    assert "Spelt by hand" in page
    assert "Spelt out" not in page
    Artifact.objects.get(job=dataset.job, field="spelt").local_path.unlink()
    assert "Spelt out" in as_alice.get(dataset.get_absolute_url()).text


def test_staff_orders_it_for_the_owner(as_staff: Client, alice: User, make_dataset: MakeDataset) -> None:
    ask(as_staff, make_dataset(alice))
    assert spelling().owner == alice


def test_the_job_that_made_the_dataset_offers_it_and_no_other(
    as_alice: Client, alice: User, make_dataset: MakeDataset, make_job: MakeJob
) -> None:
    dataset = make_dataset(alice)
    assert "Spelt out</span></button>" in as_alice.get(dataset.job.get_absolute_url()).text
    other = make_job(alice, state="succeeded", result={"dataset": dataset.pk})
    assert "Spelt out" not in as_alice.get(other.get_absolute_url()).text
    part = make_job(alice, state="succeeded", result={"dataset": dataset.pk})
    Job.objects.filter(pk=dataset.job_id).update(parent=part, fan_key="import", fan_index=0)
    assert "Spelt out</span></button>" in as_alice.get(part.get_absolute_url()).text


def test_a_job_that_made_one_file_offers_it_first(
    as_alice: Client, alice: User, make_dataset: MakeDataset, finish: Finish
) -> None:
    dataset = make_dataset(alice)
    ask(as_alice, dataset)
    file = finish(spelling())
    Job.objects.filter(pk=file.job_id).update(result={"headline": "6 letters", "dataset": dataset.pk})
    page = as_alice.get(spelling().get_absolute_url()).text
    address = reverse("headway:job_file", args=[file.job_id, file.pk])
    assert f'<a class="button is-primary" id="job-{file.job_id}-file" href="{address}">' in page
    assert f'<a class="button" id="job-{file.job_id}-dataset"' in page
    file.local_path.unlink()
    assert "Download spelt.txt" not in as_alice.get(spelling().get_absolute_url()).text


def test_what_is_too_much_is_said_on_the_datasets_page(
    as_alice: Client, alice: User, make_dataset: MakeDataset, conf: OwnConf
) -> None:
    dataset = make_dataset(alice)
    conf.OWNER_SUBMITS_PER_HOUR = 1
    assert ask(as_alice, dataset) == dataset.get_absolute_url()
    assert 'data-tone="warning" role="status"' in as_alice.get(dataset.get_absolute_url()).text
    assert not Job.objects.filter(pipeline="spell").exists()


@pytest.mark.parametrize("name", ["", "nonsense", "clean"])
def test_an_unknown_file_is_refused_in_a_sentence(
    as_alice: Client, alice: User, make_dataset: MakeDataset, name: str
) -> None:
    dataset = make_dataset(alice)
    answer = as_alice.post(reverse("headway:dataset_download", args=[dataset.pk]), {"file": name}, follow=True)
    assert "There is no file" in answer.text
    assert not Job.objects.filter(pipeline="spell").exists()


def test_another_method_is_refused(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    assert as_alice.get(reverse("headway:dataset_download", args=[make_dataset(alice).pk])).status_code == 405


def test_somebody_elses_dataset_is_not_found(as_bob: Client, alice: User, make_dataset: MakeDataset) -> None:
    address = reverse("headway:dataset_download", args=[make_dataset(alice).pk])
    assert as_bob.post(address, {"file": "spelt"}).status_code == 404
    assert not Job.objects.filter(pipeline="spell").exists()


def test_htmx_is_led_there_by_the_browser(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    answer = as_alice.post(f"/datasets/{make_dataset(alice).pk}/download/", {"file": "spelt"}, headers=HTMX)
    assert answer["HX-Redirect"] == spelling().get_absolute_url()
