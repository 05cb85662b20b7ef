"""What encoding a file is in, and its text as blocks of UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from .errors import Unreadable

BLOCK_BYTES = 4 * 1024 * 1024
#: Bytes of the file's start that the detection reads.
SAMPLE_BYTES = 1024 * 1024
#: Bytes around characters outside ASCII that the statistical detection is shown.
_EVIDENCE_BYTES = 96 * 1024

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Encodings a person may choose, with the name that is shown.
ENCODINGS = (
    ("utf-8", "UTF-8"),
    ("utf-16-le", "UTF-16, little-endian"),
    ("utf-16-be", "UTF-16, big-endian"),
    ("cp1252", "Windows-1252 (Western)"),
    ("latin-1", "ISO-8859-1 (Latin-1)"),
    ("iso8859-15", "ISO-8859-15 (Latin-9)"),
    ("cp1250", "Windows-1250 (Central European)"),
    ("iso8859-2", "ISO-8859-2 (Central European)"),
    ("cp1251", "Windows-1251 (Cyrillic)"),
    ("koi8-r", "KOI8-R (Cyrillic)"),
    ("cp1253", "Windows-1253 (Greek)"),
    ("cp1254", "Windows-1254 (Turkish)"),
    ("cp1255", "Windows-1255 (Hebrew)"),
    ("cp1256", "Windows-1256 (Arabic)"),
    ("mac-roman", "Mac OS Roman"),
    ("cp437", "DOS (437)"),
    ("cp850", "DOS Western (850)"),
    ("shift_jis", "Shift JIS (Japanese)"),
    ("euc_jp", "EUC-JP (Japanese)"),
    ("gb18030", "GB 18030 (Chinese)"),
    ("big5", "Big5 (Chinese)"),
    ("euc_kr", "EUC-KR (Korean)"),
)


def detect_encoding(sample: bytes, *, complete: bool) -> str:
    """The Python name of the encoding of a file that begins with `sample`."""
    for mark, name in _MARKS:
        if sample.startswith(mark) and not (mark == codecs.BOM_UTF32_LE and len(sample) % 4 and complete):
            return name
    if wide := _wide_encoding(sample):
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=complete)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    if _mostly_utf8(sample):
        return "utf-8"
    return _single_byte_encoding(sample)


def utf8_blocks(path: Path, encoding: str, *, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[bytes, int]]:
    """The file's text as UTF-8 without a byte order mark, and how many bytes of the file are read so far.

    UTF-8 is passed on as it is, damage included: the scan judges that record by record.
    """
    codecs.lookup(encoding)
    done = 0
    with path.open("rb", buffering=0) as file:
        first = True
        decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)(errors="replace")
        if encoding == "cp1252":
            decoder = codecs.getincrementaldecoder("cp1252")(errors="headway_latin1")
        while block := file.read(block_bytes):
            done += len(block)
            if decoder is None:
                if first and block.startswith(codecs.BOM_UTF8):
                    block = block[3:]
                yield block, done
            else:
                text = decoder.decode(block)
                if first:
                    text = text.removeprefix("\ufeff")
                yield text.encode("utf-8", "replace"), done
            first = False
        if decoder is not None and (text := decoder.decode(b"", final=True)):
            yield text.encode("utf-8", "replace"), done


def sample_text(path: Path, encoding: str | None) -> tuple[str, str, bool]:
    """The beginning of the file as text, its encoding, and whether that is all of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    complete = len(sample) >= size
    chosen = encoding or detect_encoding(sample, complete=complete)
    if chosen == "utf-8" and encoding is None and sample.isascii() and not complete:
        chosen = _encoding_further_on(path, size) or chosen
    text = "".join(
        block.decode("utf-8", "replace")
        for block, _ in _first_blocks(path, chosen, 1 if chosen[:6] not in ("utf-16", "utf-32") else 2)
    )
    return text, chosen, complete


def _first_blocks(path: Path, encoding: str, count: int) -> Iterator[tuple[bytes, int]]:
    blocks = utf8_blocks(path, encoding, block_bytes=SAMPLE_BYTES)
    for _ in range(count):
        if (block := next(blocks, None)) is None:
            return
        yield block


def _encoding_further_on(path: Path, size: int) -> str | None:
    """The encoding that samples from the rest of an ASCII beginning speak for, when one does."""
    with path.open("rb") as file:
        for part in range(1, 9):
            file.seek(size * part // 9)
            sample = file.read(256 * 1024)
            # The cut may fall inside a character.
            lines = sample.split(b"\n")[1:-1]
            text = b"\n".join(lines)
            if not text.isascii() and b"\0" not in text:
                return detect_encoding(text, complete=True)
    return None


def _wide_encoding(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: text that is mostly Latin has its zero bytes on one side."""
    head = sample[:65536]
    if b"\0" not in head or len(head) < 4:
        return None
    pairs = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) >= 8 and min(even, odd) > pairs * 0.3:
        if head[0::4].count(0) + head[1::4].count(0) + head[2::4].count(0) > 2.5 * (len(head) // 4):
            return "utf-32-be"
        if head[1::4].count(0) + head[2::4].count(0) + head[3::4].count(0) > 2.5 * (len(head) // 4):
            return "utf-32-le"
    if odd > pairs * 0.3 and even < pairs * 0.05:
        return "utf-16-le"
    if even > pairs * 0.3 and odd < pairs * 0.05:
        return "utf-16-be"
    # Other scripts: line ends and delimiters are still two bytes, one of them zero.
    for name in ("utf-16-le", "utf-16-be"):
        try:
            text = head[: pairs * 2].decode(name, "ignore")
        except UnicodeDecodeError:
            continue
        feeds = sum(text.count(mark) for mark in "\n\r,;\t ")
        strange = sum(not (mark.isprintable() or mark in "\r\n\t\ufeff") for mark in text)
        if feeds > len(text) * 0.01 and strange < len(text) * 0.001:
            return name
    return None


def _mostly_utf8(sample: bytes) -> bool:
    """A few damaged lines do not make a UTF-8 file another one: most of its characters outside ASCII are sound."""
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    sound = sum(mark > "\x7f" and mark != "\ufffd" for mark in text)
    return sound > 4 * wrong


def _single_byte_encoding(sample: bytes) -> str:
    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    evidence = b"\n".join(lines)[:_EVIDENCE_BYTES]
    high = [byte for byte in evidence if byte > 0x7F]
    letters = sum(chr(byte).isalpha() for byte in evidence if byte < 0x80)
    western = _reads_as_western(evidence)
    if western and len(high) < 0.3 * (letters + len(high)):
        return "cp1252"
    allowed = [name for name, _ in ENCODINGS if not name.startswith("utf")]
    best = from_bytes(evidence, cp_isolation=allowed).best() if high else None
    if best is None:
        return "cp1252"
    return "cp1252" if best.encoding in ("latin_1", "cp1252", "iso8859_15") else str(best.encoding)


def _reads_as_western(evidence: bytes) -> bool:
    """Whether nearly all bytes above ASCII are letters and signs of Western European text."""
    usual = set(
        "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŒœ€£¥§°²³µ·«»‘’“”–—…™®©ª\xa0ºŠšŽž¿¡½¼¾±´`•×÷†‡‰"  # noqa: RUF001
    )
    high = [byte for byte in evidence if byte > 0x7F]
    text = bytes(high).decode("cp1252", "replace")
    return sum(mark in usual for mark in text) >= 0.98 * len(text) and not _looks_cyrillic(evidence)


def _looks_cyrillic(evidence: bytes) -> bool:
    """Runs of several bytes above ASCII are words of another script; Western words mix them with ASCII."""
    runs = together = 0
    run = 0
    for byte in evidence:
        if byte > 0xBF:
            run += 1
            continue
        if run:
            runs += 1
            together += run >= 3
        run = 0
    return runs > 0 and together > runs * 0.3


def named_encoding(name: str) -> str:
    """The encoding that a person wrote, in Python's name for it."""
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        raise Unreadable(f"There is no encoding called {name!r}.") from error
    return {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8", "iso8859-1": "latin-1"}.get(
        found, found
    )


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("headway_latin1", _as_latin1)
