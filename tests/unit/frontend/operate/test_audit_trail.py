"""The page of the audit trail."""

from __future__ import annotations

import re
from pathlib import Path

from django.contrib.auth.models import User
from django.test import Client

import core
from core.life import requests
from core.models import AuditEntry
from core.people import audit
from frontend.operate.pages.audit import ACTS, PAGE_LENGTH, changes_of
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults

AUDIT = "/audit/"


def test_an_act_is_shown_with_who_and_what_changed(as_staff: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    requests.cancel(job, by="alice")
    page = as_staff.get(AUDIT)
    assert page.status_code == 200
    assert "Cancelled" in page.text
    assert f'href="{job.get_absolute_url()}"' in page.text
    assert '<span class="audit-before">queued</span>' in page.text
    assert '<span class="audit-after">cancelled</span>' in page.text
    assert faults(page.text) == []


def test_an_act_on_a_job_that_is_gone_is_still_told(as_staff: Client) -> None:
    audit.note("alice", "discard", job_id=999, pipeline="letters", before={"state": "failed"})
    page = as_staff.get(AUDIT).text
    assert "Job #999, gone" in page
    assert "Count letters" in page


def test_the_trail_is_filtered_by_who_act_and_job(as_staff: Client) -> None:
    audit.note("alice", "cancel", job_id=1)
    audit.note("bob", "retry", job_id=2)
    audit.note("bob", "pause", pipeline="letters")

    def shown(**query: str) -> list[str]:
        return [line.entry.act for line in as_staff.get(AUDIT, query).context["trail"].lines]

    assert shown() == ["pause", "retry", "cancel"]
    assert shown(who="BOB") == ["pause", "retry"]
    assert shown(act="cancel") == ["cancel"]
    assert shown(job="#2") == ["retry"]
    assert shown(job="nonsense") == []
    assert "No act matches this filter." in as_staff.get(AUDIT, {"who": "nobody"}).text


def test_an_empty_trail_says_what_will_be_in_it(as_staff: Client) -> None:
    assert "Nobody has done anything" in as_staff.get(AUDIT).text


def test_a_long_trail_has_pages_that_keep_the_filter(as_staff: Client) -> None:
    AuditEntry.objects.bulk_create(AuditEntry(who="bob", act="cancel") for _ in range(PAGE_LENGTH + 1))
    first = as_staff.get(AUDIT, {"who": "bob"}).context["trail"]
    assert len(first.lines) == PAGE_LENGTH
    assert first.next_page.startswith(f"{AUDIT}?who=bob&before=")
    second = as_staff.get(first.next_page).context["trail"]
    assert len(second.lines) == 1
    assert second.next_page == ""
    assert second.previous_page.startswith(f"{AUDIT}?who=bob&after=")


def test_htmx_gets_the_lines_alone(as_staff: Client) -> None:
    audit.note("alice", "cancel", job_id=1)
    answer = as_staff.get(AUDIT, {"who": "alice"}, headers=HTMX)
    assert "<html" not in answer.text
    assert 'id="audit"' in answer.text
    assert answer["HX-Replace-Url"] == f"{AUDIT}?who=alice"


def test_only_staff_reads_the_trail_and_nobody_writes_it(as_alice: Client, as_staff: Client, client: Client) -> None:
    assert as_alice.get(AUDIT).status_code == 403
    assert client.get(AUDIT).status_code == 302
    assert as_staff.post(AUDIT).status_code == 405


def test_a_value_is_shown_as_text_and_cut_when_long(as_staff: Client) -> None:
    audit.note("alice", "edit", job_id=1, before={"params": {"q": "<b>"}}, after={"params": {"q": "x" * 5000}})
    page = as_staff.get(AUDIT).text
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "x" * 700 not in page


def test_changes_name_what_differs_and_say_what_stays() -> None:
    before = {"limit": "rate:owner", "amount": 100, "note": "", "params": {"a": 1, "b": [1, 2]}}
    after = {"limit": "rate:owner", "amount": 1200, "paused": True, "params": {"a": 2, "b": [1, 2]}}
    found = [(change.name, change.before, change.after) for change in changes_of(before, after)]
    assert found == [
        ("limit", "", "rate:owner"),
        ("params b", "", "[1, 2]"),
        ("amount", "100", "1,200"),
        ("params a", "1", "2"),
        ("paused", "", "yes"),
    ]
    assert changes_of(None, None) == []
    assert [(change.name, change.after) for change in changes_of(None, 3)] == [("value", "3")]


def test_every_act_of_the_code_has_words() -> None:
    sources = [path.read_text() for path in Path(core.__file__).parent.rglob("*.py")]
    noted = re.compile(
        r'(?:note|entry)\(\s*by,\s*"([a-z_]+)"|\bact = "(\w+_all\w*)" if .* else "(\w+)"|act="([a-z_]+)"'
    )
    named = {name for text in sources for found in noted.findall(text) for name in found if name}
    assert {"cancel", "edit", "pause", "requeue_all", "discard_all"} <= named
    assert named <= set(ACTS)


def test_a_null_in_an_address_is_read_as_it_is_stored(as_staff: Client) -> None:
    page = as_staff.get("/audit/?who=a%00b")
    assert page.status_code == 200
    assert 'value="a\ufffdb"' in page.text
