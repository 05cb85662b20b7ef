"""A file's bytes as text in UTF-8, block by block, with a count of what could not be read as it stands."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .plausible import MULTIBYTE

BLOCK_BYTES = 4 * 1024 * 1024
#: The mark of UTF-8 as it is after it was read as Windows-1252 and saved again.
_DOUBLE_MARK = "\ufeff".encode().decode("cp1252").encode()
_MARK_BYTES = len(codecs.BOM_UTF8 + _DOUBLE_MARK)
_CONTROL = re.compile(rb"\xc2[\x80-\x9f]")
#: Windows-1252's character, in UTF-8, for the UTF-8 of each control that it has one for.
_WINDOWS_1252 = {
    chr(code).encode(): bytes([code]).decode("cp1252").encode()
    for code in range(0x80, 0xA0)
    if bytes([code]).decode("cp1252", "ignore")
}
_UNREADABLE = "\ufffd"
#: The beginning of a character in UTF-8 where a value was cut: two bytes of three, or one that no other encoding
#: would have right after a small letter.
_CUT = re.compile(rb"[\xe0-\xef][\x80-\xbf]$|[\xf0-\xf4][\x80-\xbf]{1,2}$|[a-z][\xc2-\xc5\xce-\xd1]$")


@dataclass(slots=True)
class Damage:
    """What of a file is not what it should be: counted while its blocks pass."""

    #: Characters that the encoding does not have; they became U+FFFD.
    undecodable: int = 0
    #: Control characters U+0080 to U+009F that were read as the characters Windows-1252 has there.
    controls: int = 0

    def notes(self) -> list[str]:
        """Sentences for a person about what was counted."""
        notes = []
        if self.undecodable:
            bytes_ = "1 place has" if self.undecodable == 1 else f"{self.undecodable:,} places have"
            notes.append(f"{bytes_} bytes that the encoding does not know; they were read as “{_UNREADABLE}”.")
        if self.controls:
            read = "1 control character was" if self.controls == 1 else f"{self.controls:,} control characters were"
            notes.append(
                f"{read} read as the sign that Windows-1252 has in its place, such as ’ – or € "
                "(U+0080 to U+009F in the file: it was once converted wrongly)."
            )
        return notes


def utf8_blocks(
    path: Path, encoding: str, *, block_bytes: int = BLOCK_BYTES, damage: Damage | None = None
) -> Iterator[tuple[bytes, int]]:
    """The file's text as UTF-8 without a byte order mark, and how many bytes of the file are read so far.

    Bytes that are not UTF-8 in a file that is are passed on as they stand: `decode_mixed` reads them, record by
    record.
    """
    codec = MULTIBYTE.get(encoding, encoding)
    damage = Damage() if damage is None else damage
    decoder = None
    if encoding != "utf-8":
        errors = "headway_latin1" if encoding == "cp1252" else "replace"
        decoder = codecs.getincrementaldecoder(codec)(errors=errors)
    first, held, done = True, b"", 0
    with path.open("rb", buffering=0) as file:
        while True:
            raw = file.read(block_bytes)
            done += len(raw)
            block = raw if decoder is None else _decoded(decoder, raw, damage)
            block = held + block
            held = b""
            if first:
                if raw and len(block) < _MARK_BYTES:
                    held = block
                    continue
                block = without_mark(block)
                first = False
            # A character must not be cut where a control is looked for.
            if raw and block.endswith(b"\xc2"):
                block, held = block[:-1], b"\xc2"
            if b"\xc2" in block:
                block, count = without_c1(block)
                damage.controls += count
            if block or raw:
                yield block, done
            if not raw:
                return


def _decoded(decoder: codecs.IncrementalDecoder, raw: bytes, damage: Damage) -> bytes:
    text = decoder.decode(raw, final=not raw)
    damage.undecodable += text.count(_UNREADABLE)
    return text.encode("utf-8", "replace")


def without_mark(text: bytes) -> bytes:
    """UTF-8 without the byte order mark it begins with, also one that was converted wrongly."""
    for mark in (codecs.BOM_UTF8, _DOUBLE_MARK):
        text = text.removeprefix(mark)
    return text


def without_c1(text: bytes) -> tuple[bytes, int]:
    """UTF-8 with the controls U+0080 to U+009F as the characters Windows-1252 has there, and how many there were.

    They are what is left where Windows-1252 was taken for Latin-1. U+0085 is read so too (an ellipsis): as a line
    end it would be one of a mainframe, which no table here uses. The five codes that Windows-1252 lacks stay.
    """
    count = 0

    def replace_control(match: re.Match[bytes]) -> bytes:
        nonlocal count
        replacement = _WINDOWS_1252.get(match.group())
        count += replacement is not None
        return match.group() if replacement is None else replacement

    return _CONTROL.sub(replace_control, text), count


def decode_mixed(value: bytes, fallback: str = "cp1252") -> str:
    """The text of a value or line that is not UTF-8, in a file that is.

    With as many sound characters of UTF-8 as broken ones, or the beginning of one at its end, it is damaged: what is
    broken becomes U+FFFD. Else it is in the other encoding that the file was mixed with.
    """
    text = value.decode("utf-8", "replace")
    broken = text.count(_UNREADABLE)
    if sum(mark > "\x7f" for mark in text) >= 2 * broken or _CUT.search(value):
        return text
    return decode_legacy(value, fallback)


def decode_legacy(value: bytes, encoding: str) -> str:
    """The text of bytes in an encoding of one region; for bytes that Windows-1252 lacks, Latin-1's."""
    return value.decode(MULTIBYTE.get(encoding, encoding), "headway_latin1" if encoding == "cp1252" else "replace")


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("headway_latin1", _as_latin1)
