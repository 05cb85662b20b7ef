"""The datasets that an address asks for."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from django.db.models import QuerySet
from django.urls import reverse

from core.models import Dataset
from frontend.site import expiry
from frontend.site.listing import Listing, Text
from frontend.site.security import PersonRequest

PAGE_LENGTH = 50


class DatasetList(Listing[Dataset]):
    """A person's datasets, the newest first; staff sees all."""

    length = PAGE_LENGTH
    search = Text("q", lookup="name__icontains")

    def __init__(self, request: PersonRequest) -> None:
        super().__init__(request.GET, reverse("headway:dataset_list"))
        self.user = request.user

    def rows(self) -> QuerySet[Dataset]:
        return Dataset.objects.for_user(self.user)

    def whole(self, rows: QuerySet[Dataset]) -> QuerySet[Dataset]:
        return rows.select_related("owner")

    @cached_property
    def lines(self) -> list[tuple[Dataset, dt.datetime | None]]:
        """The datasets of this page, and when those go that go soon."""
        near = expiry.near(self.page)
        return [(dataset, near.get(dataset.pk)) for dataset in self.page]
