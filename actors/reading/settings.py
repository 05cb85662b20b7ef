"""What a person may set of how a file is written, instead of having it found out."""

from __future__ import annotations

from typing import Any, TypedDict

from .charsets import named_encoding
from .errors import Unreadable

MOST_HEADER_LINES = 3


class Settings(TypedDict, total=False):
    """Settings of a reading; what is absent is detected."""

    encoding: str
    #: One to four characters, or "" for a table of one column.
    delimiter: str
    #: `"` or `'`, or "" for none.
    quote: str
    #: "double" or "backslash": how a quote stands inside a value.
    escape: str
    #: "yes", "no", or a number of lines.
    header: str
    #: Lines before the table, with its header.
    preamble_lines: int
    #: "#", or "" where no line is a comment.
    comment: str


def as_options(settings: Settings) -> dict[str, Any]:
    """The settings as detection takes them. Raises Unreadable for one that cannot be."""
    options: dict[str, Any] = dict(settings)
    if "encoding" in settings:
        options["encoding"] = named_encoding(settings["encoding"])
    delimiter, quote = settings.get("delimiter"), settings.get("quote")
    if delimiter is not None and (len(delimiter) > 4 or any(mark in delimiter for mark in '"\\\r\n\0')):
        raise Unreadable("A delimiter is one to four characters, and no quote, backslash or line end.")
    if quote is not None:
        if quote not in ("", '"', "'"):
            raise Unreadable(f"A quote is \", ' or none, not “{quote}”.")
        options["quote"] = quote or "none"
    if quote and delimiter and quote in delimiter:
        raise Unreadable(f"{quote} is the quote; it cannot be the delimiter as well.")
    if settings.get("escape", "double") not in ("double", "backslash"):
        raise Unreadable(f"An escape is double or backslash, not “{settings['escape']}”.")
    header = settings.get("header", "yes")
    if header not in ("yes", "no", *map(str, range(1, MOST_HEADER_LINES + 1))):
        raise Unreadable(f"A header is yes, no, or 1 to {MOST_HEADER_LINES} lines, not “{header}”.")
    if settings.get("preamble_lines", 0) < 0:
        raise Unreadable("The lines before the table are 0 or more.")
    if settings.get("comment", "") not in ("", "#"):
        raise Unreadable(f"Comments begin with #, or there are none, not “{settings['comment']}”.")
    return options
