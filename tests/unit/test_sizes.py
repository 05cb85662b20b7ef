"""A size reads the same wherever it is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from actors.fetching import fetching
from actors.pipelines.housekeeping import pipeline as housekeeping
from actors.pipelines.mail import composing
from actors.reading import sizes as reading_sizes
from actors.reading import unpack
from core import formatting
from core.attempt import children
from core.forms.fields import UploadField
from core.life import backpressure
from core.management import job_output
from core.models import Job
from frontend.templatetags import formatting as tags

ROOT = Path(__file__).resolve().parents[2]
SIZE, WORDS = 3 * 1024**4, "3.0 TB"


def _storage_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.HEADWAY", {"OWNER_STORED_BYTES": SIZE})
    pressure = backpressure._Pressure(False, 0.0, 0, 0, None, SIZE, 0)
    backpressure._refuse_owner(pressure, incoming_bytes=SIZE, jobs=1)


def _upload(_: pytest.MonkeyPatch) -> None:
    file = SimpleUploadedFile("big.csv", b"x")
    file.size = SIZE + 1
    UploadField(limit_bytes=SIZE).clean(file)


def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_resident_bytes", lambda _: SIZE + 1)
    children._enforce(1, memory_bytes=SIZE, deadline=None, seconds=None)


def _fetched(_: pytest.MonkeyPatch) -> None:
    fetch = SimpleNamespace(
        policy=SimpleNamespace(limit_bytes=SIZE), wanted=SimpleNamespace(address=SimpleNamespace(label="x"))
    )
    fetching._Fetch._refuse_large(cast(Any, fetch), SIZE + 1)


def _unpacked(_: pytest.MonkeyPatch) -> None:
    unpack._Budget("big.csv.gz", SIZE, SIZE).spend(SIZE + 1)


@pytest.mark.parametrize("refuse", [_storage_full, _upload, _memory, _fetched, _unpacked])
def test_a_refusal_tells_a_size_as_pages_do(
    refuse: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises((Exception, ValidationError), match=WORDS.replace(".", r"\.")):
        refuse(monkeypatch)


def test_pages_mails_and_headlines_tell_a_size_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    artifact: Any = SimpleNamespace(pk=7, name="big.csv", size=SIZE)
    file = {"name": "big.csv", "bytes": SIZE, "path": "-"}
    monkeypatch.setattr(composing, "link_to", str)
    monkeypatch.setattr(job_output, "_files", lambda _: [file])
    monkeypatch.setattr("core.life.waiting.why", lambda _: None)
    monkeypatch.setattr("core.life.fan_out.summary", lambda _: [])

    assert tags.amount(SIZE, "bytes") == WORDS
    assert tags.rate(SIZE, "bytes") == f"{WORDS}/s"
    assert composing._of_files([artifact], [])["file_size"] == WORDS
    assert housekeeping._headline({"files": 2}, SIZE, is_dry=False) == f"2 files, {WORDS} deleted"
    assert f"big.csv  {WORDS}  -" in "\n".join(job_output.as_lines(Job(pk=7)))


@given(st.integers(0, 2**64))
def test_the_toolkit_of_tables_tells_a_size_as_pages_do(size: int) -> None:
    assert reading_sizes.size(size) == formatting.size(size)


def test_the_toolkit_of_tables_changes_units_where_pages_do() -> None:
    near = [(hundredths << 10 * power) // 100 for power in range(6) for hundredths in range(102_200, 102_500)]
    assert [reading_sizes.size(size) for size in near] == [formatting.size(size) for size in near]


def test_nothing_else_makes_words_of_sizes() -> None:
    own = {ROOT / "core/formatting.py", ROOT / "actors/reading/sizes.py"}
    words = re.compile(r"filesizeformat|// ?(1024 ?\*\* ?[23]|\(1 << [23]0\))|[\"'][KM]i?B[\"']|\} [KMG]i?B\b")
    files = [file for room in ("core", "actors", "frontend") for file in (ROOT / room).rglob("*.*")]
    sources = [file for file in files if file.suffix in (".py", ".html", ".txt") and file not in own]
    assert [str(file) for file in sources if words.search(file.read_text())] == []
