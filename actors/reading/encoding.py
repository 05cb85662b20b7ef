"""What encoding a file is in, how sure that is, and why; and the file's beginning as text.

In this order: what the person set, a byte order mark, zero bytes where UTF-16 and UTF-32 have them, valid UTF-8,
UTF-8 with some other lines, the server's charset, and the most plausible text (`plausible`).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from .charsets import ENCODINGS, named_encoding, title_of
from .decoding import decode_legacy, decode_mixed, utf8_blocks
from .dialect import Certainty
from .errors import Unreadable
from .plausible import HIGH_BYTES, PRIORS, TEXT_BYTES, WORDS, Evidence, Reading, gather, rank, text_bits
from .wide import wide_encoding

__all__ = [
    "ENCODINGS",
    "Encoding",
    "Sample",
    "detect_encoding",
    "named_encoding",
    "sample_text",
    "title_of",
    "utf8_blocks",
]

#: Bytes of the file's start that the detection reads, and of each of the places further on that it looks at.
SAMPLE_BYTES = 1024 * 1024
_FURTHER_BYTES = 256 * 1024
_FURTHER_PLACES = 8

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Charsets that servers give by habit.
_SAYS_NOTHING = frozenset(("us-ascii", "ascii", "binary", "none"))
#: Bits by which the best reading has to be ahead of the next different one to be likely: with them it was right in
#: 99 of 100 short texts (`tests/bench/encodings.py`).
LIKELY_BITS = 7.0
#: Bits that a server's word may cost more than the best reading, and still stand.
DECLARED_BITS = 25.0
#: Bits that a mixture of UTF-8 and another encoding costs more than one encoding throughout.
MIXED_BITS = 10.0
#: Lines of each kind that are weighed against each other.
_JUDGED_LINES = 2000
#: The least share of lines in UTF-8 with which a file is weighed as a mixture: a few are so by accident.
_MIXED_SHARE = 0.02
_NO_FIRST_BYTES = bytes(range(0xC0))
_ASCII = bytes(range(0x80))
_CONVERTED = re.compile(r"[ÃÂÅÄ][\u00a0-\u00bf\u0152-\u2122]|â€[\u00a0-\u2122]")
#: Sound characters of UTF-8 for each damaged place from which a file is UTF-8 without a question.
SOUND_PER_DAMAGED = 4


@dataclass(frozen=True)
class Encoding:
    """An encoding, how sure it is, and why: a phrase for a person.

    In a file that is UTF-8, `fallback` is the encoding of the lines that are not.
    """

    name: str
    certainty: Certainty
    reason: str = ""
    fallback: str = "cp1252"
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return title_of(self.name)


@dataclass(frozen=True)
class Sample:
    """The beginning of a file as text, its encoding, and whether that is all of the file."""

    text: str
    encoding: Encoding
    complete: bool
    #: What is worth knowing about the text: sentences for a person.
    notes: list[str] = field(default_factory=list)


def sample_text(path: Path, encoding: str | None, *, declared: str = "") -> Sample:
    """The beginning of the file as text, in the encoding given or else detected.

    `declared` is the charset that the server's answer gave the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    complete = len(head) >= size
    if encoding:
        chosen = Encoding(encoding, "set")
    else:
        chosen = detect_encoding(head, complete=complete, declared=declared)
        if not complete and _needs_more(head, chosen):
            chosen = _detected_further_on(path, size, head, declared) or chosen
    text = "".join(
        _readable(block, chosen, complete=complete) for block in _first_blocks(path, chosen.name, complete=complete)
    )
    notes = [*chosen.notes]
    if note := _converted_twice(text):
        notes.append(note)
    return Sample(text, chosen, complete, notes)


def _first_blocks(path: Path, encoding: str, *, complete: bool) -> Iterator[bytes]:
    blocks = utf8_blocks(path, encoding, block_bytes=SAMPLE_BYTES)
    # Of an encoding with two or four bytes a character, a block is half as much text.
    most = 2 if encoding.startswith(("utf-16", "utf-32")) else 1
    for block, _ in islice(blocks, None if complete else most):
        yield block


def _readable(block: bytes, encoding: Encoding, *, complete: bool) -> str:
    try:
        # The sample may end inside a character.
        return codecs.utf_8_decode(block, "strict", complete)[0]
    except UnicodeDecodeError:
        lines = block.splitlines(keepends=True)
    parts = []
    for line in lines:
        try:
            parts.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            parts.append(decode_mixed(line, encoding.fallback))
    return "".join(parts)


def _needs_more(head: bytes, encoding: Encoding) -> bool:
    """Whether the beginning says too little: all ASCII, or in an encoding that had to be guessed."""
    return head.isascii() or encoding.certainty == "guess"


def _detected_further_on(path: Path, size: int, head: bytes, declared: str) -> Encoding | None:
    """The encoding by the beginning and samples from the rest of the file, when those say more."""
    lines = []
    with path.open("rb") as file:
        for part in range(1, _FURTHER_PLACES + 1):
            file.seek(size * part // (_FURTHER_PLACES + 1))
            # The cut may fall inside a character.
            inner = file.read(_FURTHER_BYTES).split(b"\n")[1:-1]
            lines += [line for line in inner if not line.isascii()][:2000]
    if not lines:
        return None
    own = [line for line in head.split(b"\n") if not line.isascii()][:2000]
    text = b"\n".join([*own, *lines]).replace(b"\0", b"")
    return detect_encoding(text, complete=False, declared=declared)


def detect_encoding(sample: bytes, *, complete: bool, declared: str = "") -> Encoding:
    """The encoding of a file that begins with `sample`; `complete` says whether that is all of it."""
    for mark, name in _MARKS:
        if sample.startswith(mark) and not (mark == codecs.BOM_UTF32_LE and len(sample) % 4 and complete):
            return Encoding(name, "certain", "it begins with its mark")
    if wide := wide_encoding(sample):
        return Encoding(wide, "likely", "its zero bytes stand where this encoding has them")
    server = _declared_encoding(declared)
    extent = "all" if complete else "what was seen of it"
    if sample.isascii():
        if b"\x1b$" in sample and _decodes(sample, "iso2022_jp", complete=complete):
            return Encoding("iso2022_jp", "certain", "it switches to Japanese as only this encoding does")
        fallback = server if server in PRIORS else "cp1252"
        return Encoding("utf-8", "certain", f"{extent} is plain ASCII", fallback)
    if _decodes(sample, "utf-8", complete=complete):
        return Encoding("utf-8", "certain", f"{extent} is valid UTF-8")
    lines = [line for line in sample.splitlines() if not line.isascii()]
    damaged = _damaged_utf8(sample, lines, complete=complete)
    if damaged is not None:
        return damaged
    return _legacy(sample, lines, server, declared)


def _decodes(sample: bytes, encoding: str, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample, final=complete)
    except UnicodeDecodeError:
        return False
    return True


def _declared_encoding(declared: str) -> str:
    """What a server's word means, or "" for no word and for one that says nothing."""
    try:
        name = named_encoding(declared) if declared else ""
    except Unreadable:
        return ""
    # Servers declare plain ASCII by habit; Latin-1 on the web is Windows-1252.
    return {"ascii": "", "latin-1": "cp1252"}.get(name, name)


def _damaged_utf8(sample: bytes, lines: list[bytes], *, complete: bool) -> Encoding | None:
    """UTF-8 with some damage, or with lines of another encoding, when that is the more plausible reading."""
    is_cut = bool(lines) and sample.endswith(lines[-1])
    valid, invalid = _by_validity(lines[:_JUDGED_LINES], is_cut=is_cut, complete=complete)
    if len(lines) > _JUDGED_LINES and len(invalid) < len(valid):
        valid, invalid = _by_validity(lines, is_cut=is_cut, complete=complete)
    if not invalid:
        return Encoding("utf-8", "certain", "all is valid UTF-8 but its last character, which is cut")
    sound, wrong = _sound_and_wrong(valid, invalid)
    is_sound = sound > SOUND_PER_DAMAGED * wrong
    if not sound or not (is_sound or len(valid) > _MIXED_SHARE * (len(valid) + len(invalid))):
        return None
    readings = rank(gather(sample, invalid))
    fallback = _fallback(readings)
    share = f"{len(invalid):,} of the {len(lines):,} lines with characters outside ASCII"
    note = (
        f"Not all is UTF-8: {share} at the beginning {'is' if len(invalid) == 1 else 'are'} not. Each such line is "
        f"read by itself, as {title_of(fallback)}, or with “\ufffd” for what is damaged."
    )
    if is_sound:
        return Encoding("utf-8", "likely", "nearly all of it is valid UTF-8", fallback, (note,))
    if fallback == "cp1252" and _is_even(valid, invalid):
        return Encoding("utf-8", "likely", "part of its lines are valid UTF-8", fallback, (note,))
    some, others = _a_few(valid), _a_few(invalid)
    mixed = text_bits(b"\n".join(some).decode("utf-8"))[0] + rank(gather(sample, others))[0].bits + MIXED_BITS
    if mixed >= rank(gather(sample, [*some, *others]))[0].bits:
        return None
    return Encoding("utf-8", "likely", "part of its lines are valid UTF-8", fallback, (note,))


def _is_even(valid: list[bytes], invalid: list[bytes]) -> bool:
    """Whether so many lines are valid UTF-8, with letters of Western words, that it is no accident."""
    if len(valid) < 2 or len(valid) * 3 < len(valid) + len(invalid):
        return False
    return all(_CONVERTED.search(line.decode("cp1252", "replace")) for line in valid)


def _a_few(lines: list[bytes]) -> list[bytes]:
    """As many of the lines as are judged in full: what is compared has to be the same."""
    some: list[bytes] = []
    size = high = 0
    for line in lines:
        size += len(line)
        high += len(line.translate(None, _ASCII))
        if some and (size > TEXT_BYTES // 2 or high > HIGH_BYTES // 2 or len(some) >= WORDS // 2):
            break
        some.append(line)
    return some


def _sound_and_wrong(valid: list[bytes], invalid: list[bytes]) -> tuple[int, int]:
    """Characters of UTF-8 outside ASCII that are sound, and places that are not UTF-8."""
    text = b"\n".join(invalid).decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    return _characters(text.encode()) - wrong + _characters(b"\n".join(valid)), wrong


def _characters(text: bytes) -> int:
    """The characters outside ASCII of UTF-8: each has one byte from 0xC0 on."""
    return len(text.translate(None, _NO_FIRST_BYTES))


def _fallback(readings: list[Reading]) -> str:
    """The encoding of lines that are not UTF-8: Windows-1252, unless another one is likely."""
    best = readings[0]
    western = next(reading for reading in readings if reading.encoding == "cp1252")
    return best.encoding if western.bits - best.bits >= LIKELY_BITS else "cp1252"


def _by_validity(lines: list[bytes], *, is_cut: bool, complete: bool) -> tuple[list[bytes], list[bytes]]:
    """The lines that are UTF-8, and those that are not; with `is_cut` the last one may end inside a character."""
    valid: list[bytes] = []
    invalid: list[bytes] = []
    for number, line in enumerate(lines, start=1):
        try:
            line.decode("utf-8")
            valid.append(line)
        except UnicodeDecodeError as error:
            # A file that ends inside a character, or whose sample does: that is no other encoding.
            at_end = is_cut and number == len(lines) and error.reason == "unexpected end of data"
            if at_end and (valid or not complete):
                valid.append(line[: error.start])
            else:
                invalid.append(line)
    return valid, invalid


def _legacy(sample: bytes, lines: list[bytes], server: str, declared: str) -> Encoding:
    """The encoding of text that is no UTF-8: the server's word where it can be true, else the most plausible."""
    evidence = gather(sample, lines)
    readings = rank(evidence)
    best = readings[0]
    notes: tuple[str, ...] = ()
    if server and _can_be(server, readings, sample):
        return Encoding(server, "likely", "the server said so")
    if declared and declared.strip().lower() not in _SAYS_NOTHING:
        wrong = "which it is not" if server else "which is no encoding that is known here"
        notes = (f"The server called it “{declared.strip()[:40]}”, {wrong}.",)
    rival = _rival(readings, evidence)
    reason = f"it reads as {best.language}" if best.language else "nothing says otherwise"
    if rival is None or rival.bits - best.bits >= LIKELY_BITS:
        return Encoding(best.encoding, "likely", reason, notes=notes)
    return Encoding(best.encoding, "guess", reason, notes=(*notes, _guess_note(best, rival, evidence)))


def _can_be(server: str, readings: list[Reading], sample: bytes) -> bool:
    """Whether the text is not much worse in the encoding that the server named than in the best one."""
    for reading in readings:
        if reading.encoding == server:
            return reading.bits <= readings[0].bits + DECLARED_BITS
    # One that is never guessed is believed where all of its bytes are characters.
    return server != "utf-8" and _decodes(sample, server, complete=False)


def _rival(readings: list[Reading], evidence: Evidence) -> Reading | None:
    """The next most plausible reading that gives another text."""
    text = decode_legacy(evidence.text, readings[0].encoding)
    return next((other for other in readings[1:] if decode_legacy(evidence.text, other.encoding) != text), None)


def _guess_note(best: Reading, rival: Reading, evidence: Evidence) -> str:
    """The sentence about a guess, with a word that shows the difference."""
    difference = ""
    for word in evidence.words:
        one, other = decode_legacy(word, best.encoding)[:40], decode_legacy(word, rival.encoding)[:40]
        if one != other and all(mark.isprintable() for mark in one + other):
            difference = f": “{one}”, or “{other}”"
            break
    return (
        f"The encoding is a guess from very little text: {title_of(best.encoding)}, or perhaps "
        f"{title_of(rival.encoding)}{difference}. If names look wrong, choose the encoding yourself."
    )


def _converted_twice(text: str) -> str:
    """A note about UTF-8 that was read as Windows-1252 and saved as UTF-8 again: `MÃ¼ller`."""
    if not any(mark in text for mark in "ÃÂÅÄâ"):
        return ""
    for match in islice(_CONVERTED.finditer(text), 200):
        begin, end = match.span()
        while begin > 0 and text[begin - 1].isalnum() and match.start() - begin < 20:
            begin -= 1
        while end < len(text) and text[end].isalnum() and end - match.end() < 20:
            end += 1
        try:
            original = text[begin:end].encode("cp1252").decode("utf-8")
        except UnicodeError:
            continue
        return (
            f"Letters such as “{text[begin:end]}” were probably “{original}” once: UTF-8 that was taken for "
            "Windows-1252 and saved again, before this file was made. They are left as they are."
        )
    return ""
