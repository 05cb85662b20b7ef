"""The pages of schedules, and "Repeat this" on the form of a pipeline."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core import pipelines
from core.limits import changes as limits
from core.models import Artifact, AuditEntry, Job, PeriodicRun, Preferences, Schedule, ScheduledRun, Webhook
from core.people.users import system_user
from core.pipelines import pipeline
from core.schedules import changes, static
from frontend.forms.pages import repeats
from frontend.forms.pages.times import TIMES_LENGTH
from frontend.operate.pages.audit import ACTS
from frontend.schedules.pages import schedules as schedule_pages
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults

LIST, LETTERS, PREVIEW, WORDS = "/schedules/", "/pipelines/letters/", "/schedules/preview/", "/pipelines/words/"
NOON = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
HOSTILE = '"><script>alert(1)</script>'
MONDAYS = {
    "repeat-cron": "0 7 * * 1",
    "repeat-zone": "Europe/Paris",
    "repeat-catch_up": "latest",
    "repeat-overlap": "skip",
}
#: Each outcome without a job, and the word that its line begins with.
WITHOUT_JOB = {"waiting": "Waits for the run", "skipped": "Left out", "missed": "Missed", "refused": "Too much"}


class WordsForm(forms.Form):
    word = forms.CharField()


@pytest.fixture(autouse=True)
def words() -> Iterator[None]:
    """A pipeline without a file."""

    def words(ctx: object, **params: Any) -> None: ...

    pipeline(title="Count words", form=WordsForm)(words)
    yield
    pipelines.forget("words")


def make_schedule(owner: User, **fields: Any) -> Schedule:
    at = timezone.now() + dt.timedelta(hours=2)
    given = {"pipeline": "words", "params": {"word": "tree"}, "label": "Trees", "cron": "0 7 * * 1", "next_at": at}
    return Schedule.objects.create(owner=owner, **{"zone": "Europe/Paris", **given, **fields})


def add_runs(schedule: Schedule, *outcomes: str, job: Job | None = None, text: str = "") -> None:
    """Give the schedule runs a day apart, the last one a day ago; `job` to the last."""
    now = timezone.now()
    for place, outcome in enumerate(outcomes):
        of_job = job if place == len(outcomes) - 1 else None
        due_at = now - dt.timedelta(days=len(outcomes) - place)
        ScheduledRun.objects.create(schedule=schedule, due_at=due_at, outcome=outcome, job=of_job, text=text)


def filled(**changes: Any) -> dict[str, Any]:
    return {"idempotency-key": "k1", "word": "tree", "repeat": "1", **MONDAYS, **changes}


def with_file(**changes: Any) -> dict[str, Any]:
    text = SimpleUploadedFile("abc.txt", b"abc\n", content_type="text/plain")
    return {"idempotency-key": "k1", "alphabet": "latin", "text": text, "repeat": "1", **MONDAYS, **changes}


def token_in(page: str) -> str:
    found = re.search(r'name="text.kept" value="([^"]+)"', page)
    assert found
    return found[1]


# -- "Repeat this" on the form of a pipeline ---------------------------------------------------------


def test_times_of_another_zone_than_the_persons_say_which(as_alice: Client, alice: User) -> None:
    """A page has the times of the schedule's clock beside those of the person's."""
    begin, end = (dt.datetime(2090, month, 2, 6, tzinfo=dt.UTC) for month in (1, 7))
    fields = {"next_at": begin, "starts_at": begin, "ends_at": end}
    schedule = make_schedule(alice, **fields)
    ScheduledRun.objects.create(schedule=schedule, due_at=dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC), outcome="missed")
    addresses = ("/schedules/", schedule.get_absolute_url())
    listed, page = (as_alice.get(address).text for address in addresses)
    for time in ("Mon 2 Jan 2090, 07:00 UTC+01:00", "Sun 2 Jul 2090, 08:00 UTC+02:00"):
        assert time in page
    assert "Mon 2 Jan 2090, 07:00 UTC+01:00" in listed
    assert "Mon 5 Jan 2026, 07:00 UTC+01:00" in page
    Preferences.objects.create(user=alice, zone="Europe/Rome")
    listed, page = (as_alice.get(address).text for address in addresses)
    assert "Mon 2 Jan 2090, 07:00<" in listed
    assert ", 07:00 UTC" not in page
    Schedule.objects.filter(pk=schedule.pk).update(zone="UTC")
    assert "Mon 2 Jan 2090, 06:00 UTC<" in as_alice.get("/schedules/").text


def test_every_form_offers_to_repeat_it_in_the_persons_zone(as_alice: Client, alice: User) -> None:
    assert 'name="repeat-cron"' in as_alice.get(WORDS).text
    Preferences.objects.create(user=alice, zone="Asia/Tokyo")
    page = as_alice.get(LETTERS).text
    assert re.search(r'name="repeat-zone"[^>]*value="Asia/Tokyo"|value="Asia/Tokyo" selected', page)
    assert '<details class="panel group repeat" id="repeat">' in page
    assert faults(page) == []


def test_saving_makes_a_schedule_and_no_job(as_alice: Client, alice: User) -> None:
    answer = as_alice.post(WORDS, filled(priority="urgent"))
    schedule = Schedule.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, schedule.get_absolute_url())
    assert schedule.owner == alice
    assert schedule.params == {"word": "tree"}
    assert (schedule.cron, schedule.zone, schedule.priority) == ("0 7 * * 1", "Europe/Paris", 2)
    assert schedule.next_at is not None
    assert not Job.objects.exists()
    assert AuditEntry.objects.get().who == "alice"


def test_saving_by_htmx_leads_to_the_schedules_page(as_alice: Client) -> None:
    answer = as_alice.post(WORDS, filled(), headers=HTMX)
    assert answer["HX-Redirect"] == Schedule.objects.get().get_absolute_url()


def test_the_same_form_sent_twice_is_one_schedule(as_alice: Client, as_bob: Client) -> None:
    first, second = as_alice.post(WORDS, filled()), as_alice.post(WORDS, filled())
    assert first["Location"] == second["Location"]
    assert Schedule.objects.count() == 1
    # Another person's key is another key, and another form of the same person another schedule.
    as_bob.post(WORDS, filled())
    as_alice.post(WORDS, filled(**{"idempotency-key": "k2"}))
    assert Schedule.objects.count() == 3


def test_of_two_forms_sent_at_once_one_makes_the_schedule(
    as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = as_alice.post(WORDS, filled())
    # The second one looked before the first had saved.
    looks = iter([None])
    look = repeats.saved
    monkeypatch.setattr(repeats, "saved", lambda entry, *, key: next(looks, look(entry, key=key)))
    second = as_alice.post(WORDS, filled())
    assert second["Location"] == first["Location"]
    assert Schedule.objects.count() == 1


def test_start_asks_nothing_of_the_repeat_fields(as_alice: Client) -> None:
    sent = filled(**{"repeat-cron": "nonsense", "repeat-zone": "Nowhere"})
    del sent["repeat"]
    answer = as_alice.post(WORDS, sent)
    assert answer["Location"] == Job.objects.get().get_absolute_url()
    assert not Schedule.objects.exists()
    # And what is wrong there is no word of the summary when something else is.
    page = as_alice.post(WORDS, {**sent, "word": "", "idempotency-key": "k2"})
    assert page.status_code == 422
    assert "One thing to correct" in page.text
    assert 'value="nonsense"' in page.text


def test_the_first_button_of_the_form_starts_it(as_alice: Client) -> None:
    # Enter presses it.
    assert re.findall(r'<button[^>]*type="submit"[^>]*>', as_alice.get(WORDS).text.split('id="pipeline-form"')[1])[
        0
    ].startswith('<button class="default-button"')


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_errors_of_the_form_and_of_the_times_show_together(as_alice: Client, headers: dict[str, str]) -> None:
    answer = as_alice.post(WORDS, filled(word="", **{"repeat-cron": "61 * * * *"}), headers=headers)
    assert answer.status_code == 422
    assert "2 things to correct" in answer.text
    assert 'href="#id_word"' in answer.text
    assert 'href="#id_repeat-cron"' in answer.text
    assert 'value="61 * * * *"' in answer.text
    assert re.search(r'<details[^>]*id="repeat" open>', answer.text)
    assert not Schedule.objects.exists()
    assert faults(answer.text) == []


def test_a_schedule_takes_over_its_file_without_a_second_upload(as_alice: Client) -> None:
    wrong = as_alice.post(LETTERS, with_file(**{"repeat-cron": "every day"}))
    assert wrong.status_code == 422
    assert "abc.txt" in wrong.text
    sent = with_file(**{"text.kept": token_in(wrong.text)})
    del sent["text"]
    as_alice.post(LETTERS, sent)
    schedule = Schedule.objects.get()
    assert schedule.files["text"]["name"] == "abc.txt"
    assert not Artifact.objects.exists()
    page = as_alice.get(schedule.get_absolute_url()).text
    assert "abc.txt" in page
    assert "no longer kept" not in page


def test_without_javascript_a_button_previews_the_next_times(as_alice: Client) -> None:
    sent = with_file(refresh="repeat", title="Mine")
    del sent["repeat"]
    answer = as_alice.post(LETTERS, sent)
    assert answer.status_code == 200
    assert answer.text.count("<time") >= TIMES_LENGTH
    assert re.search(r'<details[^>]*id="repeat" open>', answer.text)
    assert 'value="Mine"' in answer.text
    assert token_in(answer.text)
    assert not Schedule.objects.exists()
    assert not Job.objects.exists()


def test_a_form_says_that_its_pipeline_is_paused(as_alice: Client) -> None:
    assert "Paused by" not in as_alice.get(WORDS).text
    limits.pause("words", by="staff", note="No <ink>.")
    page = as_alice.get(WORDS).text
    assert "Paused by staff since" in page
    assert "No &lt;ink&gt;." in page
    assert faults(page) == []


# -- the preview -------------------------------------------------------------------------------------


def test_a_preview_says_what_a_cron_means_and_when_it_comes(as_alice: Client) -> None:
    answer = as_alice.get(PREVIEW, {"repeat-cron": "0 7 * * MON", "repeat-zone": "Asia/Tokyo"}, headers=HTMX)
    assert answer.status_code == 200
    assert "Monday" in answer.text
    assert answer.text.count('class="times-day">Mon ') == 5
    assert answer.text.count("07:00") >= 5
    assert answer.text.count("UTC+09:00") == 5
    assert "<html" not in answer.text
    assert faults(answer.text) == []


@pytest.mark.parametrize(
    ("cron", "zone", "sentence"),
    [
        ("", "UTC", "Once a cron is given"),
        ("0 7 * *", "UTC", "five are needed"),
        ("61 * * * *", "UTC", "Minute 61 is not between 0 and 59"),
        ("0 7 * * 1", "Nowhere/City", "Nowhere/City"),
        ("0 0 30 2 *", "UTC", "never comes"),
        (HOSTILE, "UTC", "five are needed"),
        ("0 7 * * 1", HOSTILE, ""),
        ("0 7 * * 1\0", "UTC", ""),
        ("9" * 5000, "UTC", ""),
    ],
    ids=["empty", "four", "minute", "zone", "never", "hostile-cron", "hostile-zone", "null", "long"],
)
def test_a_preview_of_what_is_wrong_is_a_sentence(as_alice: Client, cron: str, zone: str, sentence: str) -> None:
    answer = as_alice.get(PREVIEW, {"repeat-cron": cron, "repeat-zone": zone})
    assert answer.status_code == 200
    assert sentence in answer.text
    assert "<time" not in answer.text
    assert "<script>" not in answer.text


def test_a_preview_is_of_people_and_only_read(client: Client, as_alice: Client) -> None:
    assert client.get(PREVIEW).status_code == 302
    assert as_alice.post(PREVIEW).status_code == 405


# -- the list ----------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(as_alice: Client) -> None:
    page = as_alice.get(LIST)
    assert page.status_code == 200
    assert "No schedules yet" in page.text
    assert faults(page.text) == []


def test_the_list_shows_when_how_it_went_and_what_comes_next(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    schedule = make_schedule(alice)
    add_runs(schedule, "skipped", "missed", "submitted", "submitted", job=make_job(alice, state="failed"))
    page = as_alice.get(LIST)
    assert page.status_code == 200
    for words in ("Trees", "Count words", "07:00", "Monday", "Europe/Paris", "in 2 h"):
        assert words in page.text, words
    assert "Last 4 runs, the newest last: 1 failed, 1 left out, 1 missed, 1 no longer kept" in page.text
    squares = re.findall(r'class="part"[^>]* data-state="(\w+)"', page.text)
    assert squares == ["skipped", "missed", "expired", "failed"]
    assert Job.objects.get().get_absolute_url() in page.text
    assert faults(page.text) == []


def test_a_strip_has_the_last_thirty_runs_of_its_own_schedule(as_alice: Client, alice: User) -> None:
    long, short = make_schedule(alice), make_schedule(alice)
    add_runs(long, *["missed"] * 10, *["skipped"] * 30)
    add_runs(short, "refused")
    # One more at nearly the time of the oldest of the thirty.
    oldest = long.runs.filter(outcome="skipped").order_by("due_at")[0]
    ScheduledRun.objects.create(schedule=long, due_at=oldest.due_at - dt.timedelta(milliseconds=5), outcome="missed")
    rows = schedule_pages.rows(schedule_pages.one(alice).order_by("-pk"), alice)
    assert {row.schedule.pk: row.summary for row in rows} == {long.pk: "30 left out", short.pk: "1 refused"}
    assert [run.run.due_at for run in rows[1].strip] == sorted(run.run.due_at for run in rows[1].strip)


def test_a_list_asks_as_much_for_many_schedules_as_for_one(as_staff: Client, alice: User, make_job: MakeJob) -> None:
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            as_staff.get(LIST)
        return [query["sql"] for query in queries]

    add_runs(make_schedule(alice), *["submitted"] * 3, job=make_job(alice))
    few = asked()
    for _ in range(3):
        add_runs(make_schedule(alice), *["submitted"] * 31, job=make_job(alice))
    many = asked()
    assert len(many) == len(few)


def test_a_list_is_searched_and_paged(as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_pages.ScheduleList, "length", 2)
    _, elms, _ = [make_schedule(alice, label=label) for label in ("Oaks", "Elms", "Firs")]
    page = as_alice.get(LIST).text
    assert "Firs" in page
    assert "Oaks" not in page
    assert "Oaks" in as_alice.get(f"{LIST}?before={elms.pk}").text
    found = as_alice.get(LIST + "?q=oak").text
    assert "Oaks" in found
    assert "Firs" not in found
    # A page that asks anew says which version it has; the pages that it leads to have none yet.
    assert f'href="{LIST}?before={elms.pk}"' in as_alice.get(LIST + "?v=old", headers=HTMX).text
    # By the pipeline's title too.
    assert "Firs" in as_alice.get(LIST + "?q=count+WORDS").text
    assert "holds “zzz”" in as_alice.get(LIST + "?q=zzz").text


def test_each_sees_their_own_and_staff_sees_all(
    as_alice: Client, as_bob: Client, as_staff: Client, alice: User
) -> None:
    schedule = make_schedule(alice)
    assert "Trees" not in as_bob.get(LIST).text
    assert "Trees" in as_alice.get(LIST).text
    page = as_staff.get(LIST).text
    assert "Trees" in page
    assert "· alice" in page
    assert as_staff.get(schedule.get_absolute_url()).status_code == 200


def test_htmx_gets_only_the_lists_and_nothing_if_unchanged(as_alice: Client, alice: User) -> None:
    schedule = make_schedule(alice)
    first = as_alice.get(LIST, headers=HTMX)
    assert "<html" not in first.text
    assert first.text.startswith('<div class="blocks" id="schedules">')
    version = re.search(r'name="v" value="(\w+)"', first.text)
    assert version
    assert as_alice.get(LIST, {"v": version[1]}, headers=HTMX).status_code == 204
    add_runs(schedule, "missed")
    assert as_alice.get(LIST, {"v": version[1]}, headers=HTMX).status_code == 200


# -- the page of one ---------------------------------------------------------------------------------


def test_the_page_shows_all_of_a_schedule(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    now = timezone.now()
    job = make_job(alice, state="succeeded", started_at=now, finished_at=now + dt.timedelta(seconds=61))
    schedule = make_schedule(alice, catch_up="all", overlap="cancel", priority=2)
    add_runs(schedule, *WITHOUT_JOB, "submitted", job=job, text="Too much.")
    page = as_alice.get(schedule.get_absolute_url())
    assert page.status_code == 200
    told = ("At 07:00", "0 7 * * 1", "Run them all", "Cancel it", "Urgent", "tree", "1 min 01 s", f"#{job.pk}")
    for words in (*told, "UTC+0"):
        assert words in page.text, words
    # The one that it waits for, and those after it.
    assert page.text.count('class="times-day">') == 5
    assert page.text.count('class="times-day">Mon ') >= 4
    assert faults(page.text) == []


@pytest.mark.parametrize("path", ["", "/schedules/"])
def test_who_is_notified_by_the_browser_gets_one_place_for_messages(as_alice: Client, alice: User, path: str) -> None:
    schedule = make_schedule(alice)
    as_alice.post("/settings/browser-notices/")
    assert as_alice.get(path or schedule.get_absolute_url()).text.count('id="notices"') == 1


@pytest.mark.parametrize("outcome", WITHOUT_JOB)
def test_a_run_without_a_job_says_what_became_of_it(as_alice: Client, alice: User, outcome: str) -> None:
    schedule = make_schedule(alice)
    add_runs(schedule, outcome, text="Too much." if outcome == "refused" else "")
    assert WITHOUT_JOB[outcome] in as_alice.get(schedule.get_absolute_url()).text


def test_one_that_has_no_more_times_says_when_its_end_is(as_alice: Client, alice: User) -> None:
    # Its last time comes before its end, which may still be to come.
    schedule = make_schedule(alice, next_at=None, zone="UTC", ends_at=dt.datetime(2090, 1, 2, 6, tzinfo=dt.UTC))
    assert "It has no more times: its end is Mon 2 Jan 2090, 06:00." in as_alice.get(schedule.get_absolute_url()).text
    Schedule.objects.filter(pk=schedule.pk).update(ends_at=None)
    assert "It has no more times." in as_alice.get(schedule.get_absolute_url()).text


def test_what_the_system_switched_off_says_why(as_alice: Client, alice: User) -> None:
    schedule = make_schedule(alice, is_on=False, next_at=None, note="Refused <ten> times.")
    page = as_alice.get(schedule.get_absolute_url()).text
    assert re.search(r'data-tone="error" role="alert">.*Refused &lt;ten&gt; times\.', page)
    assert "Refused &lt;ten&gt; times." in as_alice.get(LIST).text


def test_a_pipeline_or_a_cron_that_is_gone_does_no_harm(as_alice: Client, alice: User) -> None:
    schedule = make_schedule(alice, pipeline="gone", cron="not a cron", zone="Atlantis/City")
    add_runs(schedule, "missed")
    for address in (LIST, schedule.get_absolute_url(), f"{schedule.get_absolute_url()}deletion/"):
        page = as_alice.get(address)
        assert page.status_code == 200
        assert "no longer installed" in page.text or "deletion" in address
    # What switched it off says it already.
    Schedule.objects.filter(pk=schedule.pk).update(is_on=False, note="The pipeline gone is no longer installed.")
    notices = re.findall(r'<p class="notice".*?</p>', as_alice.get(schedule.get_absolute_url()).text)
    assert len(notices) == 1
    assert as_alice.get(f"{schedule.get_absolute_url()}form/").status_code == 302
    assert "no longer installed" in as_alice.post(f"{schedule.get_absolute_url()}run/", follow=True).text


def test_what_people_wrote_is_text(as_alice: Client, alice: User) -> None:
    schedule = make_schedule(alice, label=HOSTILE, params={"word": HOSTILE}, note=HOSTILE, is_on=False)
    add_runs(schedule, "refused", text=HOSTILE)
    address = schedule.get_absolute_url()
    for page in (LIST, address, f"{address}form/", f"{address}deletion/", f"{LIST}?q={HOSTILE}"):
        text = as_alice.get(page).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
        assert faults(text) == []


def test_htmx_gets_only_the_regions_and_a_reload_when_gone(as_alice: Client, alice: User) -> None:
    address = make_schedule(alice).get_absolute_url()
    answer = as_alice.get(address, headers=HTMX)
    assert answer.text.startswith('<div id="schedule">')
    Schedule.objects.all().delete()
    gone = as_alice.get(address, headers=HTMX)
    assert (gone.status_code, gone["HX-Refresh"]) == (404, "true")


def test_a_job_tells_the_schedule_that_it_is_of(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert "From schedule" not in as_alice.get(job.get_absolute_url()).text
    schedule = make_schedule(alice)
    add_runs(schedule, "submitted", job=job)
    page = as_alice.get(job.get_absolute_url()).text
    assert f'From schedule</dt><dd><a href="{schedule.get_absolute_url()}">Trees</a>, due <time' in page


# -- acts --------------------------------------------------------------------------------------------

ACTS_ON_ONE = {"run/": {}, "switching/": {"to": "off"}, "deletion/": {}}


@pytest.mark.parametrize("act", [*ACTS_ON_ONE, "form/"])
def test_another_persons_schedule_is_not_found(as_bob: Client, client: Client, alice: User, act: str) -> None:
    schedule = make_schedule(alice)
    address = schedule.get_absolute_url()
    assert as_bob.get(address).status_code == 404
    assert as_bob.post(address + act, {**ACTS_ON_ONE.get(act, filled())}).status_code == 404
    assert client.post(address + act).status_code == 302
    assert Schedule.objects.get().is_on
    assert not Job.objects.exists()


@pytest.mark.parametrize("act", [*ACTS_ON_ONE, "form/"])
def test_an_act_without_its_token_is_refused(alice: User, act: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(make_schedule(alice).get_absolute_url() + act, {**ACTS_ON_ONE.get(act, filled())})
    assert answer.status_code == 403
    assert Schedule.objects.get().is_on


def test_another_method_is_refused(as_alice: Client, alice: User) -> None:
    address = make_schedule(alice).get_absolute_url()
    for act in ("run/", "switching/"):
        assert as_alice.get(address + act).status_code == 405
    for page in (LIST, address):
        assert as_alice.post(page).status_code == 405
    for act in ("deletion/", "form/"):
        assert as_alice.delete(address + act).status_code == 405


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_run_now_submits_a_job_that_is_of_the_schedule(as_alice: Client, alice: User, headers: dict[str, str]) -> None:
    schedule = make_schedule(alice)
    answer = as_alice.post(f"{schedule.get_absolute_url()}run/", headers=headers, follow=True)
    job = Job.objects.get()
    assert f"Job #{job.pk} is submitted." in answer.text
    assert (job.owner, job.params) == (alice, {"word": "tree"})
    run = ScheduledRun.objects.get()
    assert (run.job_id, run.is_manual) == (job.pk, True)
    assert "by hand" in answer.text
    assert AuditEntry.objects.get().act in ACTS
    assert faults(answer.text) == []


@pytest.mark.parametrize("on", ["list", "page"])
def test_a_switch_is_what_it_is_asked_to_be(as_alice: Client, alice: User, on: str) -> None:
    schedule = make_schedule(alice)
    address = f"{schedule.get_absolute_url()}switching/"
    answer = as_alice.post(address, {"to": "off", "on": on}, headers=HTMX)
    assert 'aria-checked="false"' in answer.text
    assert answer.text.startswith('<li class="schedule"' if on == "list" else '<div id="schedule">')
    assert "Trees is switched off." in answer.text
    assert faults(answer.text) == []
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.next_at) == (False, None)
    page = as_alice.post(address, {"to": "on", "on": on}, follow=True)
    assert page.redirect_chain[0][0].startswith(LIST if on == "list" else schedule.get_absolute_url())
    schedule.refresh_from_db()
    assert schedule.is_on
    assert schedule.next_at is not None
    assert {entry.act for entry in AuditEntry.objects.all()} <= set(ACTS)
    assert as_alice.post(address, {"to": "sideways"}).status_code == 400


def test_deleting_asks_first_and_leaves_the_jobs(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    schedule = make_schedule(alice)
    add_runs(schedule, "submitted", job=make_job(alice, state="running"))
    address = f"{schedule.get_absolute_url()}deletion/"
    page = as_alice.get(address)
    assert "Delete this schedule?" in page.text
    assert "what runs now goes on" in page.text
    assert faults(page.text) == []
    assert Schedule.objects.exists()
    answer = as_alice.post(address, follow=True)
    assert "Trees is deleted." in answer.text
    assert not Schedule.objects.exists()
    assert Job.objects.count() == 1
    assert AuditEntry.objects.get().act in ACTS


@pytest.mark.parametrize(("count", "words"), [(0, ""), (1, "The webhook of this"), (2, "The 2 webhooks of this")])
def test_deleting_says_which_webhooks_go_along(as_alice: Client, alice: User, count: int, words: str) -> None:
    schedule = make_schedule(alice)
    for _ in range(count):
        Webhook.objects.create(owner=alice, schedule=schedule, url="https://example.org/", secret={})
    page = as_alice.get(f"{schedule.get_absolute_url()}deletion/").text
    assert words in page
    assert ("deleted as well" in page) == bool(count)


def test_staff_acts_on_anybodys(as_staff: Client, alice: User) -> None:
    schedule = make_schedule(alice)
    as_staff.post(f"{schedule.get_absolute_url()}run/")
    # The job is the owner's all the same.
    assert Job.objects.get().owner == alice
    as_staff.post(f"{schedule.get_absolute_url()}deletion/")
    assert not Schedule.objects.exists()
    assert set(AuditEntry.objects.values_list("who", flat=True)) == {"staff"}


# -- editing -----------------------------------------------------------------------------------------


def test_editing_starts_from_what_there_is(as_alice: Client, alice: User) -> None:
    schedule = make_schedule(alice, starts_at=dt.datetime(2030, 1, 1, 6, tzinfo=dt.UTC), overlap="queue")
    page = as_alice.get(f"{schedule.get_absolute_url()}form/").text
    assert 'value="tree"' in page
    assert 'value="0 7 * * 1"' in page
    # On the wall clock of the schedule's zone.
    assert 'value="2030-01-01T07:00' in page
    assert 'value="queue" selected' in page
    assert 'name="repeat"' not in page
    assert faults(page) == []


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_editing_changes_the_form_and_the_times(as_alice: Client, alice: User, headers: dict[str, str]) -> None:
    schedule = make_schedule(alice)
    address = f"{schedule.get_absolute_url()}form/"
    sent = {"word": "bush", **MONDAYS, "repeat-cron": "30 8 * * 2", "repeat-zone": "UTC", "priority": "low"}
    answer = as_alice.post(address, sent, headers=headers)
    assert (answer.get("HX-Redirect") if headers else answer["Location"]) == schedule.get_absolute_url()
    schedule.refresh_from_db()
    assert (schedule.params, schedule.cron, schedule.zone) == ({"word": "bush"}, "30 8 * * 2", "UTC")
    assert schedule.priority == 0
    assert schedule.next_at is not None
    assert (schedule.next_at.hour, schedule.next_at.minute, schedule.next_at.weekday()) == (8, 30, 1)
    assert AuditEntry.objects.get().act in ACTS


def test_what_is_for_staff_is_filled_in_by_staff_alone(as_alice: Client, as_staff: Client, alice: User) -> None:
    def sweep(ctx: object, **params: Any) -> None: ...

    pipeline(title="Sweep it", form=WordsForm, is_for_staff=True)(sweep)
    try:
        # Made when its owner was staff.
        schedule = make_schedule(alice, pipeline="sweep")
        address = f"{schedule.get_absolute_url()}form/"
        assert "Sweep it is for staff." in as_alice.get(address, follow=True).text
        assert as_alice.post(address, {"word": "bush", **MONDAYS})["Location"] == schedule.get_absolute_url()
        assert "Sweep it is for staff" in as_alice.post(f"{schedule.get_absolute_url()}run/", follow=True).text
        assert as_staff.get(address).status_code == 200
    finally:
        pipelines.forget("sweep")
    assert Schedule.objects.get(params={"word": "tree"}).pk == schedule.pk
    assert not Job.objects.exists()


def test_editing_with_something_wrong_changes_nothing(as_alice: Client, alice: User) -> None:
    schedule = make_schedule(alice)
    answer = as_alice.post(f"{schedule.get_absolute_url()}form/", {"word": "", **MONDAYS, "repeat-zone": "Nowhere"})
    assert answer.status_code == 422
    assert "2 things to correct" in answer.text
    schedule.refresh_from_db()
    assert schedule.params == {"word": "tree"}


def test_editing_keeps_the_file_or_takes_another(as_alice: Client) -> None:
    as_alice.post(LETTERS, with_file())
    schedule = Schedule.objects.get()
    address = f"{schedule.get_absolute_url()}form/"
    assert "abc.txt" in as_alice.get(address).text
    assert as_alice.post(address, {"alphabet": "greek", **MONDAYS}).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.files["text"]["name"], schedule.params["alphabet"]) == ("abc.txt", "greek")
    other = SimpleUploadedFile("xyz.txt", b"xyz\n", content_type="text/plain")
    as_alice.post(address, {"alphabet": "greek", "text": other, **MONDAYS})
    schedule.refresh_from_db()
    assert schedule.files["text"]["name"] == "xyz.txt"


# -- the code's own ----------------------------------------------------------------------------------


def test_the_codes_own_are_shown_to_all_and_changed_by_nobody(
    as_alice: Client, as_staff: Client, make_job: MakeJob
) -> None:
    system = system_user()
    schedule = make_schedule(system, code_name="words", label="Words, daily")
    job = make_job(system, state="succeeded")
    add_runs(schedule, "submitted", job=job)
    address = schedule.get_absolute_url()
    for client in (as_alice, as_staff):
        page = client.get(LIST).text
        assert "From code" in page
        assert "Words, daily" in page
        detail = client.get(address).text
        assert f"{address}form/" not in detail
        assert f"{address}switching/" not in detail
        client.post(f"{address}switching/", {"to": "off"})
        client.post(f"{address}deletion/")
        client.post(f"{address}form/", {"word": "bush", **MONDAYS})
        schedule.refresh_from_db()
        assert (schedule.is_on, schedule.params) == (True, {"word": "tree"})
    # The job and the parameters are the system's, which only staff looks into.
    assert job.get_absolute_url() not in as_alice.get(address).text
    assert "tree" not in as_alice.get(address).text
    assert job.get_absolute_url() in as_staff.get(address).text


def test_only_staff_runs_the_codes_own(as_alice: Client, as_staff: Client) -> None:
    schedule = make_schedule(system_user(), code_name="words")
    address = f"{schedule.get_absolute_url()}run/"
    assert "only staff may run it" in as_alice.post(address, follow=True).text
    assert not Job.objects.exists()
    as_staff.post(address)
    assert Job.objects.count() == 1


def test_an_act_that_is_refused_says_why(as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.errors import Refused

    def refuse(schedule: Schedule, *, by: str) -> None:
        raise Refused("Not <now>.")

    monkeypatch.setattr(changes, "run_now", refuse)
    address = f"{make_schedule(alice).get_absolute_url()}run/"
    for headers in ({}, HTMX):
        assert "Not &lt;now&gt;." in as_alice.post(address, headers=headers, follow=True).text


# -- what code runs without a job -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words", "error_for_staff"),
    [
        ({}, "Has not run yet", ""),
        ({"due_at": NOON}, "Waits for a worker", ""),
        ({"due_at": NOON, "began_at": NOON}, "Running", ""),
        ({"due_at": NOON, "began_at": NOON, "ended_at": NOON}, "Ran", ""),
        ({"due_at": NOON, "began_at": NOON, "ended_at": NOON, "error": "KeyError: 'x'"}, "Failed", "KeyError"),
    ],
)
def test_a_periodic_actor_says_what_came_of_its_last_time(
    as_alice: Client, as_staff: Client, fields: dict[str, Any], words: str, error_for_staff: str
) -> None:
    static.declare("count_orders", "Count the orders", "0 7 * * MON", queue="default")
    try:
        PeriodicRun.objects.create(name="count_orders", cron="0 7 * * MON", **fields)
        for client in (as_alice, as_staff):
            line = client.get(LIST).text.split("Count the orders")[1].split("</li>")[0]
            assert f"{words}</span>" in line
            assert ("KeyError" in line) == (bool(error_for_staff) and client is as_staff)
    finally:
        static.forget("count_orders")
