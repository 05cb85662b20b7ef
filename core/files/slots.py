"""Slots: where the files of one field of a form stand, in their order: `file`, `file.2`, `file.3`.

The first file's slot is the field's name, and a field's name has no dot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def slots_of(field: str, files: Sequence[T]) -> dict[str, T]:
    """Return a field's files by their slots."""
    return {field if number == 1 else f"{field}.{number}": file for number, file in enumerate(files, 1)}


def field_of(slot: str) -> str:
    return slot.partition(".")[0]


def number_of(slot: str) -> int:
    """Return the place of a slot among those of its field, from 1 on."""
    number = slot.partition(".")[2]
    return int(number) if number.isdecimal() else 1


def in_field(files: Mapping[str, T], field: str) -> list[T]:
    """Return the files of one field, in their order."""
    return [files[slot] for slot in ordered(slot for slot in files if field_of(slot) == field)]


def ordered(slots: Iterable[str]) -> list[str]:
    """Return slots in the order of their files; those of different fields stay as they come."""
    return sorted(slots, key=number_of)
