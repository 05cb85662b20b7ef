"""Pages of a list: the newest rows first, and the address of the next page, which begins beyond the last row."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from pydantic import BaseModel, Field

from frontend.api.problems import Problem
from frontend.site.listing import as_id

M = TypeVar("M", bound=Model)

#: Rows of a page, unless another number is asked for, and the most there may be.
LENGTH, MOST = 25, 100


class PageQuery(BaseModel):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="Rows of a page.")] = LENGTH
    cursor: Annotated[
        str, Field(max_length=40, description="Where the page begins, as `next` of the page before has it.")
    ] = ""


def page_of(request: HttpRequest, rows: QuerySet[M], query: PageQuery) -> tuple[list[M], str | None]:
    """Return the rows of a page and the address of the next one, if there is one; raise Problem for a bad cursor."""
    if query.cursor:
        if not (beyond := as_id(query.cursor)):
            sentence = "This is no cursor. Take the address in `next` as it is."
            raise Problem(422, f"cursor: {sentence}", errors={"cursor": [sentence]})
        rows = rows.filter(pk__lt=beyond)
    page = list(rows.order_by("-pk")[: query.limit + 1])
    if len(page) <= query.limit:
        return page, None
    page = page[: query.limit]
    return page, address_with(request, cursor=page[-1].pk)


def address_with(request: HttpRequest, **changes: Any) -> str:
    """Return the whole address of this request with other values in its query."""
    query = request.GET.copy()
    for name, value in changes.items():
        query[name] = str(value)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
