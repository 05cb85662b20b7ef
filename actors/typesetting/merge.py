"""Many PDF files become one, with an outline, links and a title; the same parts give the same bytes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pikepdf

#: A title, the index of its page, and what is below it.
Entry = tuple[str, int, Sequence[Any]]
#: The index of a page, the rectangle on it (x0, y0, x1, y1 in points from its lower left), the index of the target.
Link = tuple[int, tuple[float, float, float, float], int]

#: Files that are open at once; more are joined in rounds.
BATCH = 1_000
CREATOR = "Headway"


def merge(
    parts: Iterable[Path],
    out: Path,
    *,
    title: str,
    author: str = "",
    subject: str = "",
    created: datetime.datetime,
    outline: Sequence[Entry] = (),
    links: Sequence[Link] = (),
    report: Callable[..., None] = lambda *_: None,
) -> int:
    """Join the files in their order and write them to `out`; returns the number of pages.

    `report(done)` is told the pages joined so far. Outline and links that lead to a page which is not there raise
    ValueError.
    """
    listed = list(parts)
    rounds: list[Path] = []
    done = 0
    if len(listed) > BATCH:
        for number, batch in enumerate(_batches(listed)):
            joined = out.with_name(f"{out.stem}.part{number}.pdf")
            with pikepdf.new() as pdf:
                done = _join(pdf, batch, done, report)
                pdf.save(joined, **_SAVED)
            rounds.append(joined)
    with pikepdf.new() as pdf:
        _join(pdf, rounds or listed, 0, (lambda *_: None) if rounds else report)
        pages = len(pdf.pages)
        _link(pdf, links, pages)
        _outline(pdf, outline, pages)
        _describe(pdf, title=title, author=author, subject=subject, created=created, has_outline=bool(outline))
        pdf.save(out, **_SAVED)
    for path in rounds:
        path.unlink()
    return pages


_INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")
_SAVED: dict[str, Any] = {
    "deterministic_id": True,
    "object_stream_mode": pikepdf.ObjectStreamMode.generate,
    "compress_streams": True,
}


def _batches(parts: list[Path]) -> Iterable[list[Path]]:
    return (parts[start : start + BATCH] for start in range(0, len(parts), BATCH))


def _join(pdf: pikepdf.Pdf, parts: list[Path], done: int, report: Callable[..., None]) -> int:
    """Append the pages of the parts, with a node of the page tree for each part.

    Adding pages one by one looks at all that are there: joining would take the square of the pages.
    """
    root = pdf.Root.Pages
    for part in parts:
        # Kept open by what refers to its streams until the save.
        source = pikepdf.open(part)
        node = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Parent=root))
        kids = pikepdf.Array()
        for page in source.pages:
            for key in _INHERITED:
                if key not in page.obj and (value := _inherited(page.obj, key)) is not None:
                    page.obj[key] = value
            # The tree that these lead to belongs to the part and is not taken along.
            for key in ("/StructParents", "/Tabs", "/Parent"):
                if key in page.obj:
                    del page.obj[key]
            copied = pdf.copy_foreign(page.obj)
            copied.Parent = node
            kids.append(copied)
        node.Kids, node.Count = kids, len(kids)
        root.Kids.append(node)
        root.Count = int(root.Count) + len(kids)
        done += len(kids)
        report(done)
    return done


def _inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    node = page.get("/Parent")
    while node is not None:
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None


def _link(pdf: pikepdf.Pdf, links: Sequence[Link], pages: int) -> None:
    for source, rectangle, target in links:
        _need_page(target, pages)
        page = pdf.pages[source]
        annotation = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=[round(side, 2) for side in rectangle],
            Border=[0, 0, 0],
            Dest=[pdf.pages[target].obj, pikepdf.Name.Fit],
        )
        if "/Annots" not in page.obj:
            page.obj.Annots = pikepdf.Array()
        page.obj.Annots.append(pdf.make_indirect(annotation))


def _outline(pdf: pikepdf.Pdf, entries: Sequence[Entry], pages: int) -> None:
    if not entries:
        return

    def items(level: Sequence[Entry]) -> list[pikepdf.OutlineItem]:
        made = []
        for title, page, children in level:
            _need_page(page, pages)
            item = pikepdf.OutlineItem(title, page, "Fit")
            item.is_closed = True
            item.children.extend(items(children))
            made.append(item)
        return made

    with pdf.open_outline() as tree:
        tree.root.extend(items(entries))


def _describe(
    pdf: pikepdf.Pdf, *, title: str, author: str, subject: str, created: datetime.datetime, has_outline: bool
) -> None:
    moment = created.astimezone(datetime.UTC)
    stamp = moment.strftime("D:%Y%m%d%H%M%SZ")
    values = {"Title": title, "Author": author, "Subject": subject, "Creator": CREATOR}
    for name, value in {**values, "CreationDate": stamp, "ModDate": stamp}.items():
        if value:
            pdf.docinfo[f"/{name}"] = value
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as xmp:
        xmp["dc:title"] = title
        if author:
            xmp["dc:creator"] = [author]
        if subject:
            xmp["dc:description"] = subject
        xmp["xmp:CreatorTool"] = CREATOR
        xmp["xmp:CreateDate"] = xmp["xmp:ModifyDate"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
    if has_outline:
        pdf.Root.PageMode = pikepdf.Name.UseOutlines


def _need_page(index: int, pages: int) -> None:
    if not 0 <= index < pages:
        raise ValueError(f"an entry leads to page {index + 1} of {pages}")
