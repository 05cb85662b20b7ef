"""The stored results of the job's steps and parts."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file that was fetched: its key in the store, and what its server declared."""

    file: str
    name: str
    bytes: int
    sha256: str
    etag: str
    last_modified: str
    charset: str = ""


@dataclass(frozen=True, kw_only=True)
class Unchanged:
    """A dataset that has the content already."""

    dataset: int
    rows: int
    #: When it was fetched, e.g. "21 November 2026, 17:05 UTC".
    since: str


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What came of an address: one of the two."""

    fetched: StoredFile | None = None
    unchanged: Unchanged | None = None


# What it does not have is not among what the page shows of a part.
class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a child job is given: an address with the file that was fetched, or why there is none."""

    number: int
    url: str
    file: str = ""
    name: str = ""
    error: str = ""
