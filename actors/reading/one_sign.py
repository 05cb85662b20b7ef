"""Blocks in which one byte stands between values, where the file has several bytes or runs of blanks there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .account import Tally
from .dialect import NO_DELIMITER, Dialect

#: The byte that stands for the delimiter: text does not have it, and where it does all the same it is left out.
SIGN = NO_DELIMITER.encode()


def with_one_sign(blocks: Iterator[bytes], dialect: Dialect, tally: Tally) -> Iterator[bytes]:
    """The blocks with SIGN between values; they stay as they are where the delimiter is a single byte."""
    sign = dialect.delimiter.encode()
    if sign != SIGN and (dialect.blanks or len(sign) != 1):
        blocks = _without_sign(blocks, tally)
    if dialect.blanks:
        return _with_single_blanks(blocks, len(dialect.delimiter))
    return _with_short_delimiter(blocks, sign) if len(sign) > 1 else blocks


def _without_sign(blocks: Iterator[bytes], tally: Tally) -> Iterator[bytes]:
    """Blocks without the byte that will stand for the delimiter; each that is left out is counted."""
    for block in blocks:
        text = block.replace(SIGN, b"")
        tally.nul_bytes += len(block) - len(text)
        yield text


def _with_short_delimiter(blocks: Iterator[bytes], long: bytes) -> Iterator[bytes]:
    """Blocks in which a delimiter of several bytes is one byte that text does not have."""
    carry = b""
    keep = len(long) - 1
    for block in blocks:
        text = (carry + block).replace(long, SIGN)
        carry = text[-keep:]
        if SIGN in carry:
            carry = carry[carry.rindex(SIGN) + 1 :]
        yield text[: len(text) - len(carry)]
    yield carry


def _with_single_blanks(blocks: Iterator[bytes], least: int) -> Iterator[bytes]:
    """Blocks of whole lines in which a run of blanks is one byte that text does not have."""
    run = re.compile(rb'"[^"\n]*"|[ \t]*(?=[\r\n])|(?<=\n)[ \t]+|\A[ \t]+|[ \t]{%d,}' % least)

    def short(match: re.Match[bytes]) -> bytes:
        text, at = match.group(), match.start()
        if text.startswith(b'"'):
            return text
        is_edge = (
            at == 0 or match.string[at - 1 : at] == b"\n" or match.string[match.end() : match.end() + 1] in b"\r\n"
        )
        return b"" if is_edge else SIGN

    carry = b""
    for block in blocks:
        text, _, rest = (carry + block).rpartition(b"\n")
        carry = rest
        if text:
            yield run.sub(short, text + b"\n")
    text = run.sub(short, carry)
    is_blank = carry[-1:] in (b" ", b"\t") and text[-1:] in (b"", b"\n", b"\r")
    # A last line of blanks is a line all the same.
    yield text + SIGN if carry and is_blank else text
