"""Parts become one file: all pages, in order, with an outline and links that lead where they say."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest

from actors.typesetting import merge as merging
from actors.typesetting.merge import merge
from actors.typesetting.preview import first_page_png

CREATED = datetime.datetime(2025, 3, 1, 12, 30, tzinfo=datetime.UTC)


def part(folder: Path, name: str, sizes: list[int]) -> Path:
    """A file whose pages are told apart by their widths."""
    with pikepdf.new() as pdf:
        for size in sizes:
            pdf.add_blank_page(page_size=(size, 100))
            pdf.pages[-1].obj.StructParents = 0
        pdf.save(folder / name)
    return folder / name


def parts(folder: Path) -> list[Path]:
    return [part(folder, "a.pdf", [101, 102]), part(folder, "b.pdf", [103]), part(folder, "c.pdf", [104, 105])]


def join(folder: Path, name: str = "out.pdf", **options: Any) -> Path:
    out = folder / name
    pages = merge(parts(folder), out, title="Überblick", author="alice", subject="Rows", created=CREATED, **options)
    assert pages == 5
    return out


def test_pages_stand_in_the_order_of_their_parts(tmp_path: Path) -> None:
    with pikepdf.open(join(tmp_path)) as pdf:
        assert [int(page.mediabox[2]) for page in pdf.pages] == [101, 102, 103, 104, 105]
        assert all("/StructParents" not in page.obj for page in pdf.pages)


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    outline: list[Any] = [("One", 0, [("Inside", 1, [])])]
    first = join(tmp_path, outline=outline).read_bytes()
    assert first == join(tmp_path, "again.pdf", outline=outline).read_bytes()


def test_many_parts_are_joined_in_rounds_to_the_same_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[int] = []
    monkeypatch.setattr(merging, "BATCH", 2)
    with pikepdf.open(join(tmp_path, report=reports.append)) as pdf:
        assert [int(page.mediabox[2]) for page in pdf.pages] == [101, 102, 103, 104, 105]
    assert reports == [2, 3, 5]
    assert sorted(path.name for path in tmp_path.glob("*.pdf")) == ["a.pdf", "b.pdf", "c.pdf", "out.pdf"]


def test_the_outline_leads_to_its_pages(tmp_path: Path) -> None:
    path = join(tmp_path, outline=[("Title", 0, []), ("Tafel – 表", 2, [("A", 2, []), ("B", 4, [])])])
    document = pypdfium2.PdfDocument(path)
    entries = [(item.level, item.get_title(), item.get_dest().get_index()) for item in document.get_toc()]
    document.close()
    assert entries == [(0, "Title", 0), (0, "Tafel – 表", 2), (1, "A", 2), (1, "B", 4)]
    with pikepdf.open(path) as pdf:
        assert pdf.Root.PageMode == "/UseOutlines"


def test_a_link_lies_on_its_page_and_leads_to_another(tmp_path: Path) -> None:
    with pikepdf.open(join(tmp_path, links=[(1, (10, 20, 90, 40), 4)])) as pdf:
        annotation = pdf.pages[1].obj.Annots[0]
        assert [float(side) for side in annotation.Rect] == [10, 20, 90, 40]
        assert annotation.Dest[0].objgen == pdf.pages[4].obj.objgen


def test_an_entry_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="page 6 of 5"):
        join(tmp_path, outline=[("Beyond", 5, [])])
    with pytest.raises(ValueError, match="page 6 of 5"):
        join(tmp_path, links=[(1, (0, 0, 9, 9), 5)])


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    with pikepdf.open(join(tmp_path)) as pdf:
        properties = {
            key: str(pdf.docinfo[key]) for key in ("/Title", "/Author", "/Subject", "/Creator", "/CreationDate")
        }
        assert list(properties.values()) == ["Überblick", "alice", "Rows", "Headway", "D:20250301123000Z"]
        assert pdf.open_metadata()["dc:title"] == "Überblick"


def test_the_first_page_becomes_a_picture(tmp_path: Path) -> None:
    first_page_png(join(tmp_path), tmp_path / "first.png", width=202)
    picture = (tmp_path / "first.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 202
