"""Pages: every row once and in order, none over its height, no heading alone at the end."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.pipelines.pdf_export.paginate import GRAND_TOTAL, HEADING, ROW, TOTAL, Page, Paginator

ROOM, HEAD, SUM = 200.0, 22.0, 16.0
#: The highest row that fits a page with a heading, a repeated one, and both lines of totals.
HIGHEST = ROOM - 2 * HEAD - 2 * SUM
ROW_HEIGHTS = st.floats(1, HIGHEST)
GROUPS = st.lists(st.lists(ROW_HEIGHTS, min_size=1, max_size=30), min_size=1, max_size=8)


def paginate(items: list[tuple[str, float, int]], batch: int) -> list[Page]:
    pages: list[Page] = []
    paginator = Paginator(room=ROOM, heading=HEAD, emit=pages.append)
    for start in range(0, len(items), batch):
        part = items[start : start + batch]
        paginator.feed([item[0] for item in part], [item[1] for item in part], [item[2] for item in part])
    paginator.finish()
    return pages


def grouped(groups: list[list[float]], *, with_totals: bool) -> list[tuple[str, float, int]]:
    items = []
    for number, heights in enumerate(groups):
        items.append((f"g{number}", HEAD, HEADING))
        items += [(f"r{number}.{row}", height, ROW) for row, height in enumerate(heights)]
        if with_totals:
            items.append((f"t{number}", SUM, TOTAL))
    return [*items, ("all", SUM, GRAND_TOTAL)] if with_totals else items


def height_of(page: Page) -> float:
    return sum(page.heights) + (HEAD if page.continued is not None else 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW_HEIGHTS, max_size=80), st.integers(1, 40))
def test_rows_stand_once_and_in_order_on_pages_that_hold_them(heights: list[float], batch: int) -> None:
    items = [(str(number), height, ROW) for number, height in enumerate(heights)]
    pages = paginate(items, batch)
    assert [item for page in pages for item in page.items] == [item[0] for item in items]
    assert all(height_of(page) <= ROOM + 0.02 for page in pages)
    for page, following in itertools.pairwise(pages):
        assert height_of(page) + following.heights[0] > ROOM, "the page could have held one more"


@settings(max_examples=150, deadline=None)
@given(GROUPS, st.booleans(), st.integers(1, 40))
def test_groups_keep_together_what_belongs_together(groups: list[list[float]], with_totals: bool, batch: int) -> None:
    items = grouped(groups, with_totals=with_totals)
    pages = paginate(items, batch)
    assert [item for page in pages for item in page.items] == [item[0] for item in items]
    for page in pages:
        assert height_of(page) <= ROOM + 0.02
        assert page.kinds[-1] != HEADING, "a heading stands alone at the end"
        assert ROW in page.kinds, "totals stand alone"
        first = page.items[0]
        belongs = f"g{first[1:].split('.')[0]}" if page.kinds[0] != HEADING else None
        assert page.continued == belongs


@settings(max_examples=50, deadline=None)
@given(GROUPS, st.integers(1, 40), st.integers(1, 40))
def test_the_pages_do_not_depend_on_how_the_rows_arrive(groups: list[list[float]], one: int, other: int) -> None:
    items = grouped(groups, with_totals=True)
    assert paginate(items, one) == paginate(items, other)


def test_no_rows_are_no_pages() -> None:
    assert paginate([], 5) == []
