"""The audit trail: who did what, with what was there before and after."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction

from core.models import AuditEntry
from core.people import audit

pytestmark = pytest.mark.django_db


def test_an_act_is_noted_with_who_when_before_and_after() -> None:
    audit.note("olga", "pause", pipeline="count", before={"paused": False}, after={"paused": True})
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.act, entry.job_id, entry.pipeline) == ("olga", "pause", None, "count")
    assert (entry.before, entry.after) == ({"paused": False}, {"paused": True})
    assert abs(entry.at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_what_json_does_not_know_is_written_as_parameters_are() -> None:
    audit.note(
        "olga\x00", "edit", job_id=7, before={"day": dt.date(2026, 5, 1), "sum": Decimal("1.50"), "text": "a\x00"}
    )
    entry = AuditEntry.objects.get()
    assert entry.before == {"day": "2026-05-01", "sum": "1.50", "text": "a\ufffd"}
    assert (entry.who, entry.after) == ("olga\ufffd", None)


def test_a_long_name_is_cut_and_not_refused() -> None:
    audit.note("o" * 300, "pause")
    assert AuditEntry.objects.get().who == "o" * 150


def test_an_act_that_is_rolled_back_leaves_no_entry() -> None:
    with transaction.atomic():
        audit.note("olga", "retry", job_id=7)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_many_entries_are_written_in_their_order() -> None:
    audit.note_all(audit.entry("olga", "retry", job_id=number) for number in range(3))
    assert list(AuditEntry.objects.order_by("id").values_list("job_id", flat=True)) == [0, 1, 2]
