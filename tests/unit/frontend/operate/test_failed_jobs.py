"""The list of failed jobs, and what is done to many of them at once."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.life import dead_letters
from core.models import AuditEntry, Job, JobStep
from frontend.operate.pages.failed import PAGE_LENGTH
from tests.unit.frontend.conftest import HTMX, MakeJob, MakeParts
from tests.unit.frontend.markup import faults

FAILED = "/failed/"
REQUEUE = "/failed/requeue/"
DISCARD = "/failed/discard/"


@pytest.fixture
def failed(alice: User, make_job: MakeJob) -> list[Job]:
    """Three failed jobs of alice, the newest last."""
    return [
        make_job(
            alice,
            label=f"{word}.txt",
            state="failed",
            error=f"line 3: {word} is odd",
            params={"title": word, "alphabet": "greek", "limit": None},
            attempt=2,
        )
        for word in ("alpha", "beta", "gamma")
    ]


def states(*jobs: Job) -> list[str]:
    found = Job.objects.in_bulk([job.pk for job in jobs])
    return [found[job.pk].state for job in jobs]


def shown(client: Client, **query: str) -> list[str]:
    return [job.label for job in client.get(FAILED, query).context["list"].page]


def test_the_list_shows_failed_jobs_with_reason_and_attempts(as_alice: Client, failed: list[Job]) -> None:
    page = as_alice.get(FAILED)
    assert page.status_code == 200
    assert "Line 3: alpha is odd" in page.text
    assert "2 of 5" in page.text
    assert f'href="{failed[0].get_absolute_url()}"' in page.text
    assert faults(page.text) == []


def test_an_empty_list_says_so(as_alice: Client) -> None:
    assert "No job has failed." in as_alice.get(FAILED).text


def test_the_navigation_counts_failed_jobs(as_alice: Client, as_bob: Client, failed: list[Job]) -> None:
    assert re.search(r'nav-count[^>]*><span class="visually-hidden">: </span>3</span>', as_alice.get("/").text)
    assert "nav-count" not in as_bob.get("/").text


def test_posting_to_the_list_is_refused(as_alice: Client) -> None:
    assert as_alice.post(FAILED).status_code == 405


def test_who_is_not_logged_in_is_sent_to_log_in(client: Client, db: None) -> None:
    for address in (FAILED, REQUEUE, DISCARD):
        assert client.get(address).status_code == 302


def test_the_list_is_searched_by_pipeline_parameters_and_reason(as_alice: Client, failed: list[Job]) -> None:
    assert set(shown(as_alice)) == {"alpha.txt", "beta.txt", "gamma.txt"}
    assert shown(as_alice, text="beta") == ["beta.txt"]
    assert shown(as_alice, error="GAMMA is") == ["gamma.txt"]
    assert shown(as_alice, pipeline="copy_letters") == []
    page = as_alice.get(FAILED, {"text": "nowhere"}).text
    assert "No failed job matches this search." in page
    assert f'href="{FAILED}"' in page


def test_a_person_sees_their_own_and_staff_all_or_one_owners(
    as_bob: Client, as_staff: Client, bob: User, failed: list[Job], make_job: MakeJob
) -> None:
    make_job(bob, label="his.txt", state="failed")
    assert shown(as_bob) == ["his.txt"]
    # What staff only may ask for changes nothing for others.
    assert shown(as_bob, owner="alice") == ["his.txt"]
    assert len(shown(as_staff)) == 4
    assert shown(as_staff, owner="bob") == ["his.txt"]
    assert 'name="owner"' not in as_bob.get(FAILED).text


def test_parts_of_a_job_are_not_listed_beside_it(
    as_alice: Client, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    parent = make_job(alice, label="whole.txt")
    make_parts(parent, "failed")
    Job.objects.filter(pk=parent.pk).update(state="failed")
    assert shown(as_alice) == ["whole.txt"]


def test_htmx_gets_the_list_alone_and_the_address_of_the_search(as_alice: Client, failed: list[Job]) -> None:
    answer = as_alice.get(FAILED, {"text": "beta", "error": ""}, headers=HTMX)
    assert "<html" not in answer.text
    assert 'id="failed"' in answer.text
    assert answer["HX-Replace-Url"] == f"{FAILED}?text=beta"


def test_a_long_list_has_pages_that_keep_the_search(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    now = timezone.now()
    jobs = [
        make_job(alice, label=f"{number}.txt", state="failed", error="odd", finished_at=now)
        for number in range(PAGE_LENGTH + 1)
    ]
    page = as_alice.get(FAILED, {"error": "odd"}).text
    assert f'href="{FAILED}?error=odd&amp;before={jobs[1].pk}"' in page
    assert f"All {PAGE_LENGTH + 1} that match" in page


def test_the_confirmation_says_how_many_and_which(as_alice: Client, failed: list[Job]) -> None:
    page = as_alice.get(REQUEUE, {"scope": "selected", "job": [str(failed[0].pk), str(failed[2].pk)]})
    assert "Requeue 2 jobs?" in page.text
    assert "alpha.txt" in page.text
    assert "beta.txt" not in page.text
    assert 'name="expected" value="2"' in page.text
    assert faults(page.text) == []
    assert states(*failed) == ["failed"] * 3


def test_the_selected_are_requeued_and_the_others_stay(as_alice: Client, failed: list[Job]) -> None:
    chosen = {"scope": "selected", "job": [str(failed[0].pk)], "expected": "1"}
    page = as_alice.post(REQUEUE, chosen, follow=True)
    assert page.redirect_chain == [(FAILED, 302)]
    assert "1 job is in the queue again." in page.text
    assert states(*failed) == ["queued", "failed", "failed"]
    assert AuditEntry.objects.filter(act="retry", job_id=failed[0].pk, who="alice").exists()


def test_all_on_the_page_are_those_that_were_on_it(as_alice: Client, failed: list[Job]) -> None:
    query = {"scope": "page", "on_page": f"{failed[0].pk},{failed[1].pk}"}
    page = as_alice.get(DISCARD, query).text
    assert "Discard 2 jobs?" in page
    named = re.findall(r'name="job" value="(\d+)"', page)
    as_alice.post(DISCARD, {"scope": "selected", "job": named, "expected": "2"})
    assert states(*failed) == ["cancelled", "cancelled", "failed"]


def test_all_that_match_are_discarded_beyond_the_page(as_alice: Client, failed: list[Job]) -> None:
    page = as_alice.get(DISCARD, {"scope": "all", "error": "is odd"}).text
    assert "Discard 3 jobs?" in page
    assert "error holds “is odd”" in page
    answer = as_alice.post(DISCARD, {"scope": "all", "error": "is odd", "expected": "3"})
    assert answer["Location"] == f"{FAILED}?error=is+odd"
    assert states(*failed) == ["cancelled"] * 3


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_number_other_than_confirmed_changes_nothing_and_shows(
    as_alice: Client, alice: User, failed: list[Job], make_job: MakeJob, headers: dict[str, str]
) -> None:
    make_job(alice, label="delta.txt", state="failed")
    answer = as_alice.post(REQUEUE, {"scope": "all", "expected": "3", "from": "start"}, headers=headers)
    assert answer.status_code == 409
    assert "4 failed jobs match now, not 3." in answer.text
    assert "Requeue 4 jobs?" in answer.text
    assert 'name="expected" value="4"' in answer.text
    assert re.search(r'value="start" checked', answer.text)
    assert states(*failed) == ["failed"] * 3


@pytest.mark.parametrize("expected", ["", "-1", "many", "9" * 30])
def test_an_act_without_a_number_does_nothing(as_alice: Client, failed: list[Job], expected: str) -> None:
    assert as_alice.post(DISCARD, {"scope": "all", "expected": expected}).status_code == 409
    assert states(*failed) == ["failed"] * 3


def test_from_the_start_the_steps_are_deleted_first(as_alice: Client, failed: list[Job]) -> None:
    for job in failed[:2]:
        JobStep.objects.create(job=job, key="read", attempt=1, fence=1)
    as_alice.post(REQUEUE, {"job": [str(failed[0].pk)], "expected": "1", "from": "step"})
    as_alice.post(REQUEUE, {"job": [str(failed[1].pk)], "expected": "1", "from": "start"})
    assert list(JobStep.objects.values_list("job", flat=True)) == [failed[0].pk]
    assert states(*failed) == ["queued", "queued", "failed"]


def test_nothing_selected_is_said_without_a_confirmation(as_alice: Client, failed: list[Job]) -> None:
    page = as_alice.get(REQUEUE, {"scope": "selected"}, follow=True)
    assert page.redirect_chain == [(FAILED, 302)]
    assert "No job was selected." in page.text


def test_jobs_that_have_not_failed_any_more_are_said_to_be_so(as_alice: Client, failed: list[Job]) -> None:
    Job.objects.filter(pk=failed[0].pk).update(state="queued")
    page = as_alice.get(REQUEUE, {"job": [str(failed[0].pk)]}, follow=True)
    assert "None of these jobs is a failed one any more." in page.text


def test_somebody_elses_job_is_not_among_those_that_are_acted_on(as_bob: Client, failed: list[Job]) -> None:
    assert as_bob.get(DISCARD, {"job": [str(failed[0].pk)]}, follow=True).redirect_chain == [(FAILED, 302)]
    as_bob.post(DISCARD, {"job": [str(failed[0].pk)], "expected": "1"})
    as_bob.post(DISCARD, {"scope": "all", "expected": "3", "owner": "alice"})
    assert states(*failed) == ["failed"] * 3


def test_staff_acts_on_the_jobs_of_one_owner(as_staff: Client, bob: User, failed: list[Job], make_job: MakeJob) -> None:
    his = make_job(bob, label="his.txt", state="failed")
    page = as_staff.get(REQUEUE, {"scope": "all"}).text
    assert "All failed jobs of everybody" in page
    as_staff.post(REQUEUE, {"scope": "all", "owner": "bob", "expected": "1"})
    assert states(his, *failed) == ["queued", "failed", "failed", "failed"]


def test_jobs_that_somebody_else_acted_on_meanwhile_are_told(
    as_alice: Client, failed: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "requeue_all", lambda *_, **__: 2)
    page = as_alice.post(REQUEUE, {"scope": "all", "expected": "3"}, follow=True).text
    assert "2 jobs are in the queue again. 1 could not be" in page


def test_another_method_is_refused(as_alice: Client) -> None:
    assert as_alice.delete(REQUEUE).status_code == 405
    assert as_alice.put(DISCARD).status_code == 405


def test_an_act_without_its_token_is_refused(alice: User, failed: list[Job]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(DISCARD, {"scope": "all", "expected": "3"}).status_code == 403
    assert states(*failed) == ["failed"] * 3


def test_every_address_is_named(failed: list[Job]) -> None:
    names = {"failed_list": FAILED, "failed_requeue": REQUEUE, "failed_discard": DISCARD}
    assert {name: reverse(f"headway:{name}") for name in names} == names
