"""Lists: the filters of an address, one page of the matching rows, and the addresses of its neighbours.

A listing declares its filters as a form declares its fields:

    class MailList(Listing[Mail]):
        state = OneOf({"sent": Q(state="sent"), "refused": Q(state="refused")})
        to = Text(lookup="to__icontains")

        def rows(self) -> QuerySet[Mail]:
            return Mail.objects.all()

1. The address is read tolerantly: a value that a filter can't have counts as missing, and a long text is cut. So a
   listing can be made from any query.
2. `rows()`, all that this person may see, is narrowed by each filter with a `lookup`, or with conditions by choice.
3. Pages go by the rows' own order, never by counting from the first: `before=7` are the rows with smaller keys than
   row 7, `after=7` those with larger ones. A row that comes or goes moves no other to another page, a far page costs as
   much as the first, and rows with equal keys are ordered by their id. If row 7 is gone, it is the first page.
4. `address()` names the listing again with some of its filters changed, from its first page on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, Self, TypeVar, overload
from urllib.parse import urlencode

from django.db.models import Model, Q, QuerySet, Subquery
from django.http import QueryDict

from core.database.jsontext import storable

M = TypeVar("M", bound=Model)

#: The names under which an address says at which row a page begins.
BEFORE, AFTER = "before", "after"
#: Digits of an id: no database knows larger ones.
_DIGITS = 18


class Filter:
    """A filter of a list: a text in the address, empty when it is not set.

    Its name in the address is the attribute's, unless it gets another one.
    """

    def __init__(self, name: str = "", *, lookup: str = "") -> None:
        self.name, self.lookup = name, lookup

    def __set_name__(self, owner: type[Listing[Any]], name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, listing: None, owner: type[Listing[Any]]) -> Self: ...
    @overload
    def __get__(self, listing: Listing[Any], owner: type[Listing[Any]]) -> str: ...
    def __get__(self, listing: Listing[Any] | None, owner: type[Listing[Any]]) -> Self | str:
        return self if listing is None else listing.values[self.name]

    def read(self, text: str) -> str:
        """Return the filter's value from the text of the address; empty for a value that it can't have."""
        return text

    def narrow(self, rows: QuerySet[M], value: str) -> QuerySet[M]:
        return rows.filter(**{self.lookup: value}) if self.lookup else rows


class Text(Filter):
    """A text as it was typed, up to a length."""

    def __init__(self, name: str = "", *, lookup: str = "", length: int = 200) -> None:
        super().__init__(name, lookup=lookup)
        self.length = length

    def read(self, text: str) -> str:
        return text.strip()[: self.length].strip()


class Number(Text):
    """The number of a row, with `#` or without. Any other text stays in its field, and nothing matches."""

    def __init__(self, name: str = "", *, lookup: str = "") -> None:
        super().__init__(name, lookup=lookup, length=_DIGITS + 1)

    def read(self, text: str) -> str:
        return super().read(text).removeprefix("#")

    def narrow(self, rows: QuerySet[M], value: str) -> QuerySet[M]:
        return rows.filter(**{self.lookup: as_id(value)}) if self.lookup else rows


class OneOf(Filter):
    """One of some names; each may have the condition that its rows meet."""

    def __init__(self, choices: Iterable[str] | Mapping[str, Q], name: str = "") -> None:
        super().__init__(name)
        self.conditions = dict(choices) if isinstance(choices, Mapping) else dict.fromkeys(choices, Q())

    def read(self, text: str) -> str:
        return text if text in self.conditions else ""

    def narrow(self, rows: QuerySet[M], value: str) -> QuerySet[M]:
        return rows.filter(self.conditions[value])


class Listing(Generic[M]):
    """One page of a list, made from the query of an address; see the module."""

    #: The filters by their names in the address, in their order.
    filters: ClassVar[dict[str, Filter]] = {}
    #: The fields by which the rows are ordered, the id last; all upwards or all downwards. None of them may be null.
    order: tuple[str, ...] = ("-pk",)
    #: Rows of a page.
    length: int = 25

    def __init_subclass__(cls) -> None:
        own = [value for value in vars(cls).values() if isinstance(value, Filter)]
        cls.filters = {**cls.filters, **{each.name: each for each in own}}

    def __init__(self, query: QueryDict, path: str = "") -> None:
        self.query, self.path = query, path
        self._has_more = False
        self.values = {name: each.read(storable(query.get(name, ""))) for name, each in self.filters.items()}

    # -- what a listing declares

    def rows(self) -> QuerySet[M]:
        """Return all the rows that this person may see in this list."""
        raise NotImplementedError

    def whole(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Return the rows of a page with what it shows of each."""
        return rows

    # -- what it has then

    @property
    def is_filtered(self) -> bool:
        return any(self.values.values())

    @property
    def matching(self) -> QuerySet[M]:
        """All rows that the filters let through, in no order."""
        rows = self.rows()
        for name, each in self.filters.items():
            if self.values[name]:
                rows = each.narrow(rows, self.values[name])
        return rows

    @cached_property
    def page(self) -> list[M]:
        """The rows of this page, in order."""
        return self.in_order(list(self.whole(self.sliced)))

    @property
    def sliced(self) -> QuerySet[M]:
        """The rows of this page as they are queried: from its first row on, and one more than it shows."""
        rows = self.matching
        if self._begin:
            rows = rows.filter(self._beyond(self._begin, backwards=self._is_backwards))
        order = [_turned(field) for field in self.order] if self._is_backwards else self.order
        return rows.order_by(*order)[: self.length + 1]

    def in_order(self, rows: list[Any]) -> list[Any]:
        """Return the queried rows in the page's order, without the extra one, which shows that there are more."""
        self._has_more = len(rows) > self.length
        return rows[: self.length][::-1] if self._is_backwards else rows[: self.length]

    @property
    def next_page(self) -> str:
        """The address of the next page, empty on the last."""
        if not self.page or not (self._is_backwards or self._has_more):
            return ""
        return self._page_from(self.page[-1], backwards=False)

    @property
    def previous_page(self) -> str:
        """The address of the page before, empty on the first."""
        if not self.page:
            # All of them have gone meanwhile.
            return self.first_page
        if not self._begin or (self._is_backwards and not self._has_more):
            return ""
        return self._page_from(self.page[0], backwards=True)

    @property
    def first_page(self) -> str:
        """The address of the first page, empty on it."""
        return self.address() if self._begin else ""

    @property
    def own_query(self) -> str:
        """The query that names exactly this page."""
        return self._query({self._begins_with: self._begin} if self._begin else {})

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The filters as hidden fields of a form."""
        return [(name, value) for name, value in self.values.items() if value]

    def address(self, **changes: Any) -> str:
        """Return the address of the first page with these filters changed; an empty one takes a filter away."""
        return (self.path + self._query(changes)) or "?"

    def tabs(self, name: str, titles: Mapping[str, str], counts: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return a tab for each title: the address with that value of a filter, and how many there are if counted."""
        return [
            {
                "title": title,
                "address": self.address(**{name: value}),
                "is_current": value == self.values[name],
                "count": counts.get(value),
            }
            for value, title in titles.items()
        ]

    # -- how

    @property
    def _is_upwards(self) -> bool:
        return not self.order[-1].startswith("-")

    @cached_property
    def _begins_with(self) -> str:
        """The one of the two names that is in the address."""
        return next((name for name in (BEFORE, AFTER) if as_id(self.query.get(name, ""))), "")

    @cached_property
    def _begin(self) -> int:
        """The id of the row that this page begins at; 0 for the first page."""
        pk = as_id(self.query.get(self._begins_with, "")) if self._begins_with else 0
        # A row that is gone still has an id, but no other keys to compare with.
        is_there = len(self.order) == 1 or (pk and self.rows().filter(pk=pk).exists())
        return pk if is_there else 0

    @property
    def _is_backwards(self) -> bool:
        """Whether this page is read towards the first one."""
        return bool(self._begin) and (self._begins_with == BEFORE) == self._is_upwards

    def _beyond(self, pk: int, *, backwards: bool) -> Q:
        """Return the condition of the rows beyond the one with this id, in the order of the list or against it."""
        towards = "lt" if self._is_upwards == backwards else "gt"
        model = self.rows().model
        # Compared in the database: a moment loses precision on its way through Python.
        names = [field.removeprefix("-") for field in self.order]
        keys = {name: Subquery(model._base_manager.filter(pk=pk).values(name)[:1]) for name in names[:-1]}
        beyond, equal = Q(), Q()
        for name in names:
            key = keys.get(name, pk)
            beyond |= equal & Q(**{f"{name}__{towards}": key})
            equal &= Q(**{name: key})
        # The first key's condition again, in a form for which an index can be used.
        begin = Q(**{f"{names[0]}__{towards}e": keys[names[0]]}) if keys else Q()
        return begin & beyond

    def _page_from(self, row: M, *, backwards: bool) -> str:
        """Return the address of the page that begins beyond a row; empty when there is nothing beyond it."""
        # On the side from which this page was reached there may be no rows any more.
        is_unknown = backwards != self._is_backwards
        if is_unknown and not self.matching.filter(self._beyond(row.pk, backwards=backwards)).exists():
            return ""
        return self.path + self._query({BEFORE if self._is_upwards == backwards else AFTER: row.pk})

    def _query(self, changes: Mapping[str, Any]) -> str:
        named = {name: value for name, value in {**self.values, **changes}.items() if value}
        return "?" + urlencode(named) if named else ""


def as_id(text: str) -> int:
    """Return the id that a text names; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def _turned(field: str) -> str:
    return field.removeprefix("-") if field.startswith("-") else f"-{field}"
