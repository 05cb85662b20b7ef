"""The page of a dataset whose profile is worked out while somebody looks at it."""

from __future__ import annotations

from django.contrib.auth.models import User
from playwright.sync_api import expect

from core.models import Dataset
from tests.unit.frontend.conftest import MakeDataset

from .conftest import OpenPage


def test_a_profile_appears_by_itself_and_then_asks_no_more(
    open_page: OpenPage, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice, columns=60)
    Dataset.objects.filter(pk=dataset.pk).update(dialect={"profile": "pending"})
    stats = {column.pk: column.stats for column in dataset.columns.all()}
    dataset.columns.update(stats={}, nulls=0)
    page = open_page(dataset.get_absolute_url())
    expect(page.get_by_text("is being worked out")).to_be_visible()
    # What somebody types meanwhile stays.
    page.get_by_label("Find a column").fill("column 4")
    for pk, known in stats.items():
        dataset.columns.filter(pk=pk).update(stats=known, nulls=1)
    expect(page.get_by_role("img", name="Histogram of column 0")).to_be_visible()
    expect(page.get_by_text("is being worked out")).to_have_count(0)
    expect(page.get_by_label("Find a column")).to_have_value("column 4")
    assert not page.locator("#profile").get_attribute("hx-get")
