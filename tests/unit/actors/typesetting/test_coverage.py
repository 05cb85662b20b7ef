"""What the fonts have and how wide it is: as the compiler sees it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.typesetting import fonts
from actors.typesetting.coverage import MISSING_EM, Coverage, cjk_forms, codepoints, coverage

#: Scripts that are set character by character: what is measured is what is set.
PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_categories=("Cc", "Cf", "Zl", "Zp")))
SAMPLES = [
    "Hello, world",
    "1,234.56 −",
    "日本語のテキスト",
    "数据表",
    "한국어 텍스트",
    "Привет",
    "Καλημέρα",
    "ĄĘŚĆ ½ → ∞ ≤",
]
#: Scripts that are joined or stacked: never wider than measured.
SHAPED = ["مرحبا بالعالم", "שלום עולם", "भारतीय रेल", "ภาษาไทยที่นี่", "বাংলা ভাষা", "தமிழ் மொழி"]


def set_widths(texts: list[str], *, bold: bool = False) -> list[float]:
    """The widths in em as the compiler sets the texts."""
    source = """#let d = json(bytes(sys.inputs.data))
        #set text(font: d.fonts, size: 100pt, weight: d.weight, kerning: false, ligatures: false)
        #set text(number-width: "tabular")
        #context [#metadata(d.texts.map(t => measure(t).width.pt() / 100)) <widths>]"""
    data = {"fonts": fonts.families(), "texts": texts, "weight": 700 if bold else 400}
    answer = typst.query(
        source.encode(), "<widths>", field="value", one=True, font_paths=fonts.loaded(),
        ignore_system_fonts=True, sys_inputs={"data": json.dumps(data)},
    )  # fmt: skip
    widths: list[float] = json.loads(answer)
    return widths


def test_the_compiler_has_every_installed_family_by_name() -> None:
    assert not set(fonts.families()) - set(fonts.loaded().families())


@pytest.mark.parametrize("bold", [False, True])
def test_measured_widths_are_those_that_are_set(bold: bool) -> None:
    measured = coverage().widths(SAMPLES, bold=bold)
    assert measured.tolist() == pytest.approx(set_widths(SAMPLES, bold=bold), abs=0.02)


@settings(max_examples=30, deadline=None)
@given(PLAIN)
def test_any_latin_text_is_as_wide_as_measured(text: str) -> None:
    assert coverage().width(text.strip()) == pytest.approx(set_widths([text.strip()])[0], abs=0.02)


@pytest.mark.parametrize("text", SHAPED)
def test_joined_scripts_are_never_wider_than_measured(text: str) -> None:
    assert set_widths([text])[0] <= coverage().width(text) + 0.01


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=10))
def test_many_texts_are_measured_as_each_alone(texts: list[str]) -> None:
    together = coverage().widths(texts).tolist()
    assert together == pytest.approx([coverage().width(text) for text in texts], abs=1e-3)


def test_what_no_font_has_is_counted_the_most_frequent_first() -> None:
    missing = coverage().missing(["a\U000e0fff", "\U0010fffd\ue123 b", "\ue123"])
    assert missing == {"\ue123": 2, "\U0010fffd": 1}
    assert coverage().width("\ue123") == pytest.approx(MISSING_EM)


def test_joiners_and_direction_marks_are_not_missing_nor_wide() -> None:
    assert coverage().missing(["\u200d\ufe0f\u200f\u2066\u00ad"]) == {}
    assert coverage().width("\u200d\ufe0f\u200f") == 0


def test_fonts_are_read_only_when_a_text_needs_them() -> None:
    fresh = Coverage()
    fresh.width("Hello")
    assert fresh._read == 1
    fresh.width("日本")
    assert fresh._read > 1


def test_only_the_families_of_a_text_are_named() -> None:
    assert coverage().families_of(codepoints("Hello")) == {"Noto Sans"}
    assert coverage().families_of(codepoints("שלום")) == {"Noto Sans Hebrew"}
    assert fonts.families("JP", only={"Noto Sans CJK"}) == ["Noto Sans", "Noto Sans CJK JP"]


@pytest.mark.parametrize(("text", "forms"), [("東京の", "JP"), ("대한민국 大", "KR"), ("上海", "SC"), ("臺北ㄅ", "TC")])
def test_chinese_characters_get_the_surrounding_languages_forms(text: str, forms: str) -> None:
    assert cjk_forms(codepoints(text)) == forms


def test_half_of_a_surrogate_pair_is_measured_as_the_sign_for_it() -> None:
    assert codepoints("a\ud800").tolist() == [ord("a"), 0xFFFD]


def test_without_installed_fonts_the_compilers_own_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "installed_files", dict)
    fonts.loaded.cache_clear()
    try:
        own = Coverage()
        assert fonts.families() == [fonts.EMBEDDED]
        assert 0.3 < own.width("n") < 0.8
        assert own.missing(["日n"]) == {"日": 1}
    finally:
        monkeypatch.undo()
        fonts.loaded.cache_clear()


def test_codepoints_are_numbers_of_characters() -> None:
    assert np.array_equal(codepoints("aé日"), np.array([0x61, 0xE9, 0x65E5]))
