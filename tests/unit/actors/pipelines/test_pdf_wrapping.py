"""Lines of a cell: nothing is lost, no line is too wide, and they break where a reader expects it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.pipelines.pdf_export.wrapping import fit, is_rtl, wrap
from actors.typesetting.coverage import coverage

TEXTS = st.text(
    st.one_of(st.sampled_from("ab iW.-/ \n日本。、「」한שמ e\u0301"), st.characters(exclude_categories=("Cs", "Cc"))),
    max_size=120,
)


def lines(text: str, width: float, most: int = 1_000) -> list[str]:
    return wrap(text, width, coverage(), most_lines=most)[0]


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.floats(2.5, 40))
def test_no_line_is_wider_than_its_column(text: str, width: float) -> None:
    # One sign with the marks on it may be wider than a very narrow column.
    widest = max((coverage().width(mark) for mark in text), default=0.0)
    assert all(coverage().width(line) <= max(width, widest) + 1e-3 for line in lines(text, width))


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.floats(1, 40))
def test_all_that_can_be_seen_is_in_the_lines_in_order(text: str, width: float) -> None:
    made = "".join(lines(text, width))
    assert "".join(made.split()) == "".join(text.split())


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.floats(2, 20), st.integers(1, 4))
def test_lines_never_exceed_the_limit_and_a_cut_is_reported(text: str, width: float, most: int) -> None:
    made, is_cut = wrap(text, width, coverage(), most_lines=most)
    assert 1 <= len(made) <= most
    assert is_cut == (len(lines(text, width)) > most)
    assert not is_cut or made[-1].endswith("…")
    assert not is_cut or coverage().width(made[-1]) <= max(width, coverage().width("…")) + 1e-3


def test_words_are_kept_whole() -> None:
    assert lines("the quick brown fox", 6.0) == ["the quick", "brown fox"]


def test_a_newline_begins_a_line_and_an_empty_line_stays() -> None:
    assert lines("one\n\ntwo\r\nthree\n", 40) == ["one", "", "two", "three"]


def test_a_word_that_is_too_long_is_broken_inside() -> None:
    made = lines("x" * 30, 5.0)
    assert len(made) > 2
    assert "".join(made) == "x" * 30


def test_chinese_breaks_anywhere_but_not_before_a_full_stop() -> None:
    assert lines("数据表格的。页", 5.0) == ["数据表格", "的。页"]


def test_a_mark_stays_with_its_letter() -> None:
    assert all(not line.startswith("\u0301") for line in lines("e\u0301" * 20, 3.0))


def test_addresses_break_after_slashes() -> None:
    assert lines("example.org/a/long/path", 8.0)[0].endswith("/")


def test_a_label_is_cut_to_one_line() -> None:
    assert fit("short", 10, coverage()) == "short"
    assert fit("a label\nof many words", 5, coverage()).endswith("…")


@pytest.mark.parametrize(
    ("text", "expected"), [("שלום", True), ("123 مرحبا", True), ("Hello שלום", False), ("123", False), ("", False)]
)
def test_the_first_letter_with_a_direction_decides(text: str, expected: bool) -> None:
    assert is_rtl(text) is expected
