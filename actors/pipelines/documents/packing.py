"""PDF files in a zip: each document's own pages, with a fixed time, so that the same input gives the same bytes."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

import pikepdf

from actors.typesetting.merge import CREATOR

#: The first and the last moment that a zip can name.
_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3


class Packer:
    """Makes and writes the entries of a zip; all of them have the same time."""

    def __init__(self, timestamp: int) -> None:
        moment = datetime.datetime.fromtimestamp(timestamp, datetime.UTC)
        self._moment = min(max(moment.timetuple()[:6], _FIRST), _LAST)
        self._stamp = moment.strftime("D:%Y%m%d%H%M%SZ")

    def split(self, pdf: pikepdf.Pdf, begin: int, pages: int, *, title: str) -> bytes:
        """Return a PDF of these pages alone, with what they use."""
        with pikepdf.new() as own:
            for page in pdf.pages[begin : begin + pages]:
                # The tree that these lead to holds all of the batch's documents.
                for key in ("/StructParents", "/Tabs"):
                    if key in page.obj:
                        del page.obj[key]
                own.pages.append(page)
            own.docinfo["/Title"] = title
            own.docinfo["/Creator"] = CREATOR
            own.docinfo["/CreationDate"] = own.docinfo["/ModDate"] = self._stamp
            own.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
            out = io.BytesIO()
            own.save(
                out,
                deterministic_id=True,
                object_stream_mode=pikepdf.ObjectStreamMode.generate,
                compress_streams=True,
            )
        return out.getvalue()

    def add(self, pack: zipfile.ZipFile, name: str, content: bytes) -> None:
        """Write one entry. PDFs are compressed already."""
        entry = zipfile.ZipInfo(name, self._moment)
        entry.compress_type = zipfile.ZIP_STORED
        entry.create_system = _UNIX
        entry.external_attr = _REGULAR_FILE
        pack.writestr(entry, content)

    def join(self, parts: list[Path], out: Path) -> int:
        """Write all entries of these zips into one and return how many there are."""
        count = 0
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as pack:
            for part in parts:
                with zipfile.ZipFile(part) as source:
                    for name in source.namelist():
                        self.add(pack, name, source.read(name))
                        count += 1
        return count
