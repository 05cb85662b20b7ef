"""Lists: what an address asks for, pages by the rows' own order, and addresses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.models import AuditEntry, ScheduledRun
from frontend.site.listing import Listing, Number, OneOf, Text, as_id
from tests.unit.frontend.conftest import MakeDataset, MakeJob
from tests.unit.frontend.schedules.test_schedules import make_schedule

#: What nobody means and anybody can type.
ODD = ["\x00", "a\x00b", "9" * 5000, "x" * 5000, "-1", "0", "1e9", "²", "#", "' OR 1=1", "\ud800", "%00", "🙈" * 300]
NAMES = ["who", "kind", "job", "l", "before", "after"]
#: Every list page with the names that its address has.
LISTS = [
    ("/", ["state", "pipeline", "q", "owner", "fan", "before", "after"]),
    ("/failed/", ["pipeline", "owner", "text", "error", "before", "after"]),
    ("/mails/", ["state", "to", "before", "after"]),
    ("/audit/", ["who", "act", "job", "before", "after"]),
    ("/datasets/", ["q", "before", "after"]),
    ("/schedules/", ["q", "before", "after"]),
    ("/notices/", ["before", "after"]),
]


class Acts(Listing[AuditEntry]):
    length = 3
    who = Text(lookup="who__icontains", length=20)
    kind = OneOf({"pause": Q(act="pause"), "cancel": Q(act="cancel")})
    job = Number(lookup="job_id")
    label = Text("l")

    def rows(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.all()


class ActsByTime(Acts):
    order = ("-at", "-pk")


class ActsUpwards(Acts):
    order = ("at", "pk")


def make_acts(count: int) -> list[int]:
    """Make entries of which many have one moment; return their ids, the newest first."""
    now = timezone.now()
    made = [AuditEntry.objects.create(who="olga", act="pause") for _ in range(count)]
    for place, entry in enumerate(made):
        AuditEntry.objects.filter(pk=entry.pk).update(at=now - dt.timedelta(minutes=place // 4))
    rows = AuditEntry.objects.order_by("-at", "-pk").values_list("pk", flat=True)
    return list(rows)


def ask(kind: type[Acts], address: str = "") -> Acts:
    return kind(QueryDict(urlsplit(address).query), "/acts/")


def walk(kind: type[Acts], *, backwards: bool = False, address: str = "") -> Iterator[list[int]]:
    while True:
        listing = ask(kind, address)
        yield [entry.pk for entry in listing.page]
        address = listing.previous_page if backwards else listing.next_page
        if not address:
            return


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [ActsByTime, ActsUpwards])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 10])
def test_each_row_is_on_one_page_also_where_keys_are_equal(kind: type[Acts], count: int) -> None:
    ids = make_acts(count)
    pages = list(walk(kind))
    assert [pk for page in pages for pk in page] == (ids if kind is ActsByTime else ids[::-1])
    assert all(len(page) == 3 for page in pages[:-1])


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [Acts, ActsByTime, ActsUpwards])
def test_the_way_back_leads_over_the_same_pages(kind: type[Acts]) -> None:
    make_acts(9)
    forward = list(walk(kind))
    second = ask(kind, ask(kind).next_page)
    last = ask(kind, second.next_page)
    assert last.next_page == ""
    assert list(walk(kind, backwards=True, address=f"?{urlsplit(last.path + last.own_query).query}")) == forward[::-1]


@pytest.mark.django_db
def test_a_new_row_moves_nothing_out_of_sight() -> None:
    make_acts(6)
    first = ask(Acts)
    second = [entry.pk for entry in ask(Acts, first.next_page).page]
    AuditEntry.objects.create(who="olga", act="pause")
    assert [entry.pk for entry in ask(Acts, first.next_page).page] == second


@pytest.mark.django_db
def test_a_page_is_found_without_counting_from_the_first() -> None:
    make_acts(9)
    address = ask(ActsByTime, ask(ActsByTime).next_page).next_page
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert ask(ActsByTime, address).page
    assert not any("OFFSET" in query["sql"] for query in queries)


@pytest.mark.django_db
def test_a_page_whose_row_has_gone_is_the_first() -> None:
    ids = make_acts(6)
    address = ask(ActsByTime).next_page
    AuditEntry.objects.filter(pk=ids[2]).delete()
    assert [entry.pk for entry in ask(ActsByTime, address).page] == [ids[0], ids[1], ids[3]]
    # By ids alone it is still known where that was.
    assert ask(Acts, "?before=999999").page


@pytest.mark.django_db
def test_an_emptied_page_leads_back_to_the_first() -> None:
    ids = make_acts(2)
    listing = ask(Acts, f"?before={min(ids)}&who=olga")
    assert (listing.page, listing.next_page, listing.previous_page) == ([], "", "/acts/?who=olga")


@pytest.mark.django_db
def test_filters_narrow_by_what_they_declare() -> None:
    AuditEntry.objects.create(who="Olga", act="pause", job_id=7)
    AuditEntry.objects.create(who="bob", act="cancel", job_id=8)

    def who(query: str) -> list[str]:
        return [entry.who for entry in ask(Acts, query).page]

    assert who("?who=OLG") == ["Olga"]
    assert who("?kind=cancel") == ["bob"]
    assert who("?job=%237") == ["Olga"]
    assert who("?job=nonsense") == []
    assert who("?kind=nonsense&l=bob") == ["bob", "Olga"]
    assert not ask(Acts, "?kind=nonsense&before=7").is_filtered


def test_a_filters_address_starts_at_the_first_page() -> None:
    listing = ask(Acts, "?who=olga&kind=pause&before=7")
    assert listing.address(kind="cancel") == "/acts/?who=olga&kind=cancel"
    assert listing.address(who="") == "/acts/?kind=pause"
    assert listing.own_query == "?who=olga&kind=pause&before=7"
    assert listing.fields == [("who", "olga"), ("kind", "pause")]
    assert ask(Acts).address() == "/acts/"
    tabs = listing.tabs("kind", {"": "All", "pause": "Pauses"}, {"pause": 3})
    assert [(tab["address"], tab["is_current"], tab["count"]) for tab in tabs] == [
        ("/acts/?who=olga", False, None),
        ("/acts/?who=olga&kind=pause", True, 3),
    ]


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.sampled_from(ODD)))
def test_any_query_is_read_and_named_again_as_it_was_read(values: dict[str, str]) -> None:
    query = QueryDict(mutable=True)
    query.update(values)
    listing = Acts(query, "/acts/")
    assert len(listing.who) <= 20
    assert listing.kind in ("", "pause", "cancel")
    again = Acts(QueryDict(urlsplit(listing.address()).query), "/acts/")
    assert again.values == listing.values
    assert set(parse_qs(urlsplit(listing.address()).query)) <= {"who", "kind", "job", "l"}


@pytest.mark.parametrize(("path", "names"), LISTS)
def test_no_list_page_fails_for_what_its_address_says(
    as_staff: Client, alice: User, make_job: MakeJob, path: str, names: list[str]
) -> None:
    make_job(alice, state="failed", finished_at=timezone.now())
    for value in ODD:
        typed = value.encode("utf-8", "surrogatepass")
        assert as_staff.get(path, dict.fromkeys(names, typed)).status_code == 200
        assert as_staff.get(path, {names[-1]: typed}).status_code == 200


@pytest.mark.parametrize(("text", "pk"), [("7", 7), ("0", 0), ("-7", 0), ("7.0", 0), ("²", 0), ("9" * 19, 0), ("", 0)])
def test_an_id_is_a_few_plain_digits(text: str, pk: int) -> None:
    assert as_id(text) == pk


def test_datasets_go_by_pages_that_keep_the_search(
    as_alice: Client, alice: User, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontend.datasets.pages.list.DatasetList.length", 2)
    for number in range(3):
        make_dataset(alice, name=f"trees {number}")
    page = as_alice.get("/datasets/?q=trees")
    older = page.context["list"].next_page
    assert f'href="{older.replace("&", "&amp;")}"' in page.text
    second = as_alice.get(older)
    assert [dataset.name for dataset in second.context["list"].page] == ["trees 0"]
    assert second.context["list"].previous_page.startswith("/datasets/?q=trees&after=")


def test_runs_that_were_due_at_one_moment_are_each_on_one_page(
    as_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontend.schedules.pages.schedules.RunList.length", 2)
    schedule, other = make_schedule(alice, label="Oaks"), make_schedule(alice, label="Elms")
    now = timezone.now()
    due = [now - dt.timedelta(hours=hours) for hours in range(5)]
    runs = [ScheduledRun.objects.create(schedule=schedule, due_at=at, outcome="missed").pk for at in due]
    ScheduledRun.objects.create(schedule=other, due_at=now, outcome="missed")
    seen, address = [], schedule.get_absolute_url()
    while address:
        shown = as_alice.get(address).context["runs"]
        seen += [line.run.pk for line in shown.lines]
        address = shown.next_page
    assert seen == runs
