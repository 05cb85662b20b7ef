"""One run of Typst: a folder of template files and one JSON value become a PDF.

The compiler sees its folder and the fonts, nothing else: no other file, no package, no network, no clock.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import typst

from core.errors import PermanentError

from . import fonts

#: Resident bytes from which the compiler's memory of earlier runs is dropped.
KEEP_BYTES = 200 * 1024**2
#: Runs after which the compiler drops cached results that were not used again.
_AGES = 11
#: Nothing listens there: a package that a template asks for cannot be fetched.
_NOWHERE = "http://127.0.0.1:9"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PLACE = re.compile(r"[┌╭]─+ *\[?([^\n:\]]+):(\d+):\d+")
_IMPORT = re.compile(r"""\b(?:import|include)\s*\(?\s*["'](@[^"']*)["']""")


def compile_pdf(folder: Path, data: dict[str, Any] | str, out: Path, *, main: str = "main.typ", timestamp: int) -> int:
    """Set `folder/main` with the data and write the PDF to `out`; returns its number of pages.

    `data` reaches the template as `json(bytes(sys.inputs.data))`; it may be JSON text already. `timestamp` (seconds)
    is the document's date and Typst's `datetime.today()`: the same input gives the same bytes. An error in the
    template is a PermanentError that names its file and line.
    """
    refuse_ways_out(folder)
    inputs = {"data": data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)}
    nothing = folder / ".packages"
    try:
        with without_network():
            made = typst.Compiler(
                str(folder / main),
                root=str(folder),
                font_paths=fonts.loaded(),
                ignore_system_fonts=True,
                sys_inputs=inputs,
                package_path=str(nothing),
                package_cache_path=str(nothing),
            ).compile(format="pdf", timestamp=timestamp)
    except typst.TypstError as error:
        raise explained(error, folder) from error
    if not isinstance(made, bytes):
        raise AssertionError(f"the compiler returned {type(made).__name__}")
    out.write_bytes(made)
    with pikepdf.open(io.BytesIO(made)) as pdf:
        pages = len(pdf.pages)
    forget()
    return pages


def explained(error: typst.TypstError, folder: Path) -> PermanentError:
    """Return the sentence for an error of the compiler: what is wrong, in which file and line."""
    # Where the folder lies says nothing to a designer.
    message = str(getattr(error, "message", "") or error).strip().replace(f"{folder}/", "")
    text = "\n".join([str(getattr(error, "diagnostic", "")), *map(str, getattr(error, "trace", []) or [])])
    # Those about the compiler's own options are for whoever starts it.
    hints = " ".join(f"({hint})" for hint in getattr(error, "hints", []) or [] if "project" not in str(hint))
    where = ""
    if place := _PLACE.search(text):
        where = f"{_within(folder, place[1].strip())}, line {place[2]}: "
    if "package" in message:
        message += "; a template may use only the files of its own folder"
    elif any(phrase in message for phrase in ("outside", "escape", "access denied", "file not found")):
        message += "; a template may read only the files of its own folder"
    return PermanentError(f"The template cannot be set. {where}{message}{' ' + hints if hints else ''}")


def _within(folder: Path, named: str) -> str:
    """Return a template's file as its designer knows it; the compiler names it from wherever the process stands."""
    path = Path(named).resolve()
    return str(path.relative_to(folder.resolve())) if path.is_relative_to(folder.resolve()) else path.name


def forget() -> None:
    """Drop what the compiler remembers of earlier runs, when the process has become large.

    It keeps the layout of the last ten runs, some 60 MB each for a thousand rows. Runs of nothing make them old.
    """
    if _resident_bytes() < KEEP_BYTES:
        return
    for _ in range(_AGES):
        typst.compile(b"#set page(width: 1pt, height: 1pt)", font_paths=fonts.loaded(), format="pdf", timestamp=0)


def refuse_ways_out(folder: Path) -> None:
    """Raise PermanentError for a link or a package in the folder: what it names lies outside."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise PermanentError(f"The template holds a link, {path.name}; put a copy of the file in its place.")
        if path.suffix == ".typ":
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if match := _IMPORT.search(line):
                    raise PermanentError(
                        f"The template cannot be set. {path.relative_to(folder)}, line {number}: it imports the "
                        f"package {match[1]}; a template may use only the files of its own folder."
                    )


@contextlib.contextmanager
def without_network() -> Iterator[None]:
    """Let nothing be fetched within the block: the compiler would fetch packages."""
    saved = {name: os.environ.get(name) for name in (*_PROXIES, "no_proxy", "NO_PROXY")}
    os.environ.update(dict.fromkeys(_PROXIES, _NOWHERE))
    for name in ("no_proxy", "NO_PROXY"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _resident_bytes() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
