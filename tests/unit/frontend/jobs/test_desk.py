"""The desk and its list of jobs."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from core.models import Job
from frontend.jobs.pages.list import PAGE_LENGTH
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob


def test_the_desk_offers_every_listed_pipeline_with_a_link(as_alice: Client) -> None:
    page = as_alice.get(reverse("headway:desk"))
    assert page.status_code == 200
    assert f'href="{reverse("headway:pipeline_form", args=["letters"])}"' in page.text
    assert "Counts." in page.text


def test_an_empty_desk_says_what_to_do(as_alice: Client) -> None:
    page = as_alice.get(reverse("headway:desk"))
    assert "No jobs yet." in page.text
    assert "every 2s" not in page.text


def test_posting_to_the_desk_is_refused(as_alice: Client) -> None:
    assert as_alice.post(reverse("headway:desk")).status_code == 405


def test_who_is_not_logged_in_is_sent_to_log_in(client: Client) -> None:
    page = client.get(reverse("headway:desk"))
    assert page.status_code == 302
    assert page["Location"] == f"{reverse('headway:login')}?next=/"


def test_a_fragment_without_a_session_reloads_the_page(client: Client) -> None:
    answer = client.get(reverse("headway:jobs"), headers=HTMX)
    assert answer.status_code == 401
    assert answer["HX-Refresh"] == "true"


def test_the_desk_shows_my_jobs_and_not_those_of_others(
    as_alice: Client, alice: User, bob: User, make_job: MakeJob
) -> None:
    make_job(alice, label="mine.txt")
    make_job(bob, label="his.txt")
    page = as_alice.get(reverse("headway:desk"))
    assert "mine.txt" in page.text
    assert "his.txt" not in page.text
    assert "his.txt" not in as_alice.get(reverse("headway:desk"), {"owner": "all"}).text


def test_staff_sees_everyones_jobs_on_request(as_staff: Client, bob: User, make_job: MakeJob) -> None:
    make_job(bob, label="his.txt")
    assert "his.txt" not in as_staff.get(reverse("headway:desk")).text
    assert "his.txt" in as_staff.get(reverse("headway:desk"), {"owner": "all"}).text


def test_the_list_asks_again_only_while_something_lives(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert "every 2s" in as_alice.get(reverse("headway:desk")).text
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    assert "every 2s" not in as_alice.get(reverse("headway:desk")).text


def test_an_unchanged_list_is_answered_by_204_from_one_query(
    as_alice: Client, alice: User, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job(alice)
    version = as_alice.get(reverse("headway:jobs"), headers=HTMX).context["list"].version
    with django_assert_num_queries(3):  # the session, the person, the check
        answer = as_alice.get(reverse("headway:jobs"), {"v": version}, headers=HTMX)
    assert answer.status_code == 204
    Job.objects.filter(pk=job.pk).update(state="running")
    assert as_alice.get(reverse("headway:jobs"), {"v": version}, headers=HTMX).status_code == 200


def test_the_list_alone_is_for_htmx_and_others_get_the_desk(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    make_job(alice)
    fragment = as_alice.get(reverse("headway:jobs"), {"q": "abc"}, headers=HTMX)
    assert "<html" not in fragment.text
    assert fragment["HX-Replace-Url"] == "/?q=abc"
    assert "<html" in as_alice.get(reverse("headway:jobs")).text


def test_the_list_is_filtered_by_state_pipeline_name_and_number(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    failed = make_job(alice, label="bad.txt", state="failed", error="line 3 is odd")
    make_job(alice, label="good.txt", state="succeeded")

    def shown(**query: str) -> list[str]:
        return [job.label for job in as_alice.get(reverse("headway:desk"), query).context["list"].jobs]

    assert shown() == ["good.txt", "bad.txt"]
    assert shown(state="failed") == ["bad.txt"]
    assert shown(state="live") == []
    assert shown(q="GOOD") == ["good.txt"]
    assert shown(q=f"#{failed.pk}") == ["bad.txt"]
    assert shown(pipeline="copy_letters") == []
    assert shown(state="nonsense") == ["good.txt", "bad.txt"]
    assert "No job matches this filter." in as_alice.get(reverse("headway:desk"), {"q": "zzz"}).text


def test_a_long_list_has_pages_that_lead_both_ways(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    jobs = [make_job(alice, label=f"{number}.txt", state="succeeded").pk for number in range(PAGE_LENGTH + 3)]
    first = as_alice.get(reverse("headway:desk")).context["list"]
    assert [job.pk for job in first.jobs] == jobs[:2:-1]
    assert not first.previous_page
    second = as_alice.get(first.next_page).context["list"]
    assert [job.pk for job in second.jobs] == jobs[2::-1]
    assert not second.next_page
    back = as_alice.get(second.previous_page).context["list"]
    assert [job.pk for job in back.jobs] == jobs[:2:-1]


def test_a_row_says_what_became_of_the_job(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    make_job(alice, state="succeeded", result={"headline": "3 letters counted"})
    make_job(alice, state="failed", error="<b>line 3</b> is odd")
    running = {"done": 1, "total": 4, "stages": [{"name": "read", "title": "Read", "state": "running"}]}
    make_job(alice, state="running", progress=running)
    page = as_alice.get(reverse("headway:desk")).text
    assert "3 letters counted" in page
    assert "&lt;b&gt;line 3&lt;/b&gt; is odd" in page
    assert 'value="25.0"' in page
    assert "Read" in page


def test_recent_datasets_are_linked(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    assert f'href="{dataset.get_absolute_url()}"' in as_alice.get(reverse("headway:desk")).text


def test_unnoticed_jobs_are_listed_on_request_or_when_failed(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    sent = make_job(alice, pipeline="mail", label="Mail to alice", state="succeeded")
    make_job(alice, pipeline="mail", label="Mail to nobody", state="failed", error="No such person.")
    page = as_alice.get(reverse("headway:desk")).text
    assert ("Mail to alice" in page, "Mail to nobody" in page) == (False, True)
    for asked in ({"pipeline": "mail"}, {"q": "alice"}, {"q": str(sent.pk)}):
        assert "Mail to alice" in as_alice.get(reverse("headway:desk"), asked).text
