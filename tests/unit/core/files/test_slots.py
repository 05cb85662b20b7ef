"""Where the files of one field stand, in their order."""

from __future__ import annotations

from core.files import slots


def test_the_files_of_a_field_stand_in_their_order() -> None:
    many = [f"{number}.csv" for number in range(1, 13)]
    stored = {**slots.slots_of("tables", many), **slots.slots_of("file", ["x.csv"])}
    assert list(stored)[:3] == ["tables", "tables.2", "tables.3"]
    backwards = dict(reversed(stored.items()))
    assert slots.in_field(backwards, "tables") == many
    assert slots.in_field(backwards, "file") == ["x.csv"]
    assert slots.in_field(backwards, "table") == []
    assert slots.field_of("tables.12") == "tables"
