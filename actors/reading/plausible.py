"""How plausible some bytes are as text of one encoding or another: the judge where nothing says the encoding.

A reading costs bits, as if the text were to be guessed letter by letter by someone who knows how languages write:
a usual letter between its usual neighbours is cheap, one that no language has there is dear, and so are a capital
after a small letter, a sign inside a word, two scripts in one word, a control. The cheapest reading wins; how much
dearer the next *different* reading is, says how sure that is. Each distinct word counts once.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from . import alphabets

#: Bits that an encoding costs before a byte is looked at: how rare files in it are.
PRIORS = {
    "cp1252": 0.0,
    "cp1251": 1.0,
    "cp1250": 2.0,
    "cp1253": 1.0,
    "cp1254": 3.0,
    "cp1255": 1.0,
    "cp1256": 1.0,
    "cp1257": 5.0,
    "cp1258": 4.0,
    "cp874": 2.0,
    "iso8859-2": 4.0,
    "iso8859-5": 5.0,
    "iso8859-7": 4.0,
    "iso8859-13": 6.0,
    "iso8859-15": 3.0,
    "koi8-r": 3.0,
    "koi8-u": 4.0,
    "cp437": 5.5,
    "cp850": 5.0,
    "cp852": 6.0,
    "cp857": 8.0,
    "cp737": 6.0,
    "cp866": 4.0,
    "mac-roman": 6.0,
    "mac-latin2": 8.0,
    "mac-cyrillic": 6.0,
    "shift_jis": 2.0,
    "euc_jp": 3.0,
    "gb18030": 2.0,
    "big5": 2.5,
    "euc_kr": 2.0,
}
#: Encodings of two and more bytes a character, with the codec that knows the most of it.
MULTIBYTE = {"shift_jis": "cp932", "euc_jp": "euc_jp", "gb18030": "gb18030", "big5": "cp950", "euc_kr": "cp949"}
#: Signs that tables hold, the commonest first; a sign that is not here is rare.
_SIGNS = "’°“”–£€®©«»„…·•™‘§²´½µ³×±—º¿¡¼¾ª†·÷‰¬¶‡¢¥¨¸¯¦¤¹‚‹›№"  # noqa: RUF001
_LIKELY_LANGUAGES = {"German": 0.5, "French": 0.5, "Spanish": 0.5, "Russian": 0.5, "Italian": 1.0, "Portuguese": 1.0}
_OTHER_LANGUAGE_BITS = 1.5
#: A letter of no language that is known, a byte without meaning, and a word of two scripts.
_UNKNOWN_LETTER_BITS = 12.0
_UNDEFINED_BITS = 26.0
_MIXED_SCRIPT_BITS = 7.0
#: What of a language's letters is another language's, in names and loan words.
_FOREIGN = 0.03
#: Weights of facts that hang together: neighbours and how many letters are not ASCII.
_NEIGHBOUR_WEIGHT = 0.9
_SHARE_WEIGHT = 0.5
_USUAL_SHARE = 0.93
_LETTERS = 28

#: Distinct words, bytes above 0x7F in them, and bytes of text that are judged: more would say nothing new.
WORDS = 150
HIGH_BYTES = 600
TEXT_BYTES = 12 * 1024
_WORD = re.compile(rb"[0-9A-Za-z'\x80-\xff]+")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_WORD = re.compile(r"[0-9A-Za-z]?[^\x00-\x7f]+[A-Za-z]?")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge by: distinct words and lines with bytes above 0x7F, ASCII letters, and line ends."""

    words: tuple[bytes, ...]
    text: bytes
    ascii_letters: int
    old_mac: bool
    windows: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """One encoding, the bits that the evidence costs in it, and the language that it reads as, where one is known."""

    encoding: str
    bits: float
    language: str


@dataclass(frozen=True, slots=True)
class _Language:
    """Costs in bits: of a letter, of its neighbours, and of its being outside ASCII, or not."""

    name: str
    is_latin: bool
    letters: dict[str, float]
    before: dict[str, str]
    after: dict[str, str]
    high_bits: float
    ascii_bits: float
    prior: float


def gather(sample: bytes, lines: Iterable[bytes] | None = None) -> Evidence:
    """Take what speaks for an encoding out of a file's beginning, or out of some lines of it."""
    words: dict[bytes, None] = {}
    distinct: dict[bytes, None] = {}
    ascii_letters = size = high = 0
    for line in sample.splitlines() if lines is None else lines:
        if line.isascii():
            continue
        match = _HIGH.search(line)
        # Of a very long line the part that says something.
        line = line[max(0, (match.start() if match else 0) - 64) :][:4096]
        if line in distinct:
            continue
        distinct[line] = None
        size += len(line)
        for word in _WORD.findall(line):
            if not word.isascii():
                if word not in words:
                    words[word] = None
                    high += len(_HIGH.findall(word))
            elif word.isalpha():
                ascii_letters += len(word)
        if len(words) >= WORDS or high >= HIGH_BYTES or size >= TEXT_BYTES:
            break
    returns, both, feeds = sample.count(b"\r"), sample.count(b"\r\n"), sample.count(b"\n")
    return Evidence(
        words=tuple(words)[:WORDS],
        text=b"\n".join(distinct),
        ascii_letters=ascii_letters,
        old_mac=returns > 0 and not feeds,
        windows=both > feeds // 2,
    )


def rank(evidence: Evidence) -> list[Reading]:
    """The readings of the evidence, the most plausible first."""
    spots, ascii_letters = _spots(evidence.words)
    ascii_letters += evidence.ascii_letters
    readings = []
    for encoding, prior in PRIORS.items():
        prior += _line_end_bits(encoding, prior, evidence)
        if encoding in MULTIBYTE:
            bits, language = _multibyte_bits(encoding, evidence.text), ""
        else:
            bits, language = _single_byte_bits(encoding, spots, ascii_letters)
        readings.append(Reading(encoding, bits + prior, language))
    return sorted(readings, key=lambda reading: reading.bits)


def _line_end_bits(encoding: str, prior: float, evidence: Evidence) -> float:
    """What the line ends add: a bare return is an old Mac's, a return with a feed is of Windows or DOS."""
    if encoding.startswith("mac-"):
        if evidence.old_mac:
            return min(0.0, 1.0 - prior) if encoding == "mac-roman" else -5.0
        return 3.0 if evidence.windows else 0.0
    if evidence.old_mac:
        return 6.0
    return 3.0 if evidence.windows and encoding.startswith(("iso", "koi8", "euc_jp")) else 0.0


#: A mark, the two before it in its word and the one after; 0 or "" where the word ends.
_ByteSpot = tuple[int, int, int, int]
_Spot = tuple[str, str, str, str]


def _spots(words: tuple[bytes, ...]) -> tuple[Counter[_ByteSpot], int]:
    spots: Counter[_ByteSpot] = Counter()
    ascii_letters = 0
    for word in words:
        padded = b"\0\0" + word + b"\0"
        for index in range(2, len(padded) - 1):
            byte = padded[index]
            if byte > 0x7F:
                spots[(padded[index - 2], padded[index - 1], byte, padded[index + 1])] += 1
            elif byte > 0x40:
                ascii_letters += 1
    return spots, ascii_letters


def _single_byte_bits(encoding: str, spots: Counter[_ByteSpot], ascii_letters: int) -> tuple[float, str]:
    marks = _table(encoding)
    read: Counter[_Spot] = Counter()
    for (second, first, byte, last), count in spots.items():
        read[(marks[second], marks[first], marks[byte], marks[last])] += count
    return _bits(read, ascii_letters, _languages_of(encoding))


def text_bits(text: str) -> tuple[float, str]:
    """The bits that text costs which is decoded already, and the language that it reads as."""
    words = list(dict.fromkeys(word for word in re.findall(r"[\w'\x80-\U0010ffff]+", text) if not word.isascii()))
    spots: Counter[_Spot] = Counter()
    ascii_letters = 0
    for word in words[:WORDS]:
        padded = ["", "", *word, ""]
        for index in range(2, len(padded) - 1):
            if padded[index] > "\x7f":
                spots[(padded[index - 2], padded[index - 1], padded[index], padded[index + 1])] += 1
            else:
                ascii_letters += padded[index].isalpha()
    return _bits(spots, ascii_letters, _languages())


def _bits(spots: Counter[_Spot], ascii_letters: int, languages: list[_Language]) -> tuple[float, str]:
    """The cost of all spots, and the language that they are cheapest in."""
    shape = 0.0
    letters: Counter[tuple[str, str, str, int]] = Counter()
    for (second, first, mark, last), count in spots.items():
        before = first if _is_letter(first) else ""
        after = last if _is_letter(last) else ""
        near_digits = first.isdigit() or last.isdigit()
        if not _is_letter(mark):
            shape += count * _sign_bits(mark, before, after, near_digits)
            continue
        shape += count * _case_bits(second if before and _is_letter(second) else "", before, mark, after)
        if not before and not after:
            shape += count * (6.0 if near_digits else 3.0)
        latin = ("" < before < "\x80") + ("" < after < "\x80")
        lower = mark.lower() if len(mark.lower()) == 1 else mark
        letters[(lower, before.lower() or "-", after.lower() or "-", latin)] += count
    total = sum(letters.values())
    best, name = shape + total * _UNKNOWN_LETTER_BITS, ""
    for language in languages:
        bits = shape + language.prior
        if language.is_latin:
            bits += _SHARE_WEIGHT * (language.high_bits * total + language.ascii_bits * ascii_letters)
        for (lower, before, after, latin), count in letters.items():
            bits += count * _letter_bits(language, lower, before, after, latin)
            if bits > best:
                break
        if bits < best:
            best, name = bits, language.name if total else ""
    return best, name


def _sign_bits(mark: str, before: str, after: str, near_digits: bool) -> float:
    """The cost of a mark that is no letter, by what stands beside it."""
    bits = _mark_bits(mark)
    if not mark or not (before or after):
        return 3.0 if near_digits and mark == "\xa0" else bits
    if before and after:
        return bits if mark in "’·" else bits + (4.0 if mark in "´`\xad" else 8.0)  # noqa: RUF001
    if before:
        return bits if mark in "’”»®™©…º²³›*" else bits + 5.0  # noqa: RUF001
    return bits if mark in "“„«‘¿¡‹’°µ" else bits + 5.0  # noqa: RUF001


@cache
def _mark_bits(mark: str) -> float:
    if not mark:
        return _UNDEFINED_BITS
    place = _SIGNS.find(mark)
    if place >= 0:
        return 5.0 + place / 5
    if mark == "\xa0":
        return 7.0
    kind = unicodedata.category(mark)
    if kind == "Cc":
        return 22.0
    if kind in ("Co", "Cf"):
        return 9.0 if mark == "\xad" else 16.0
    return 15.0 if "─" <= mark <= "▟" else 14.0


def _case_bits(second: str, first: str, mark: str, after: str) -> float:
    """The cost of a capital or small letter where it stands in its word."""
    if mark.isupper():
        return 1.0 + (8.0 if first.islower() else 0.0)
    if mark.islower():
        inside_capitals = first.isupper() and (after.isupper() or second.isupper())
        return 0.2 + (6.0 if inside_capitals else 0.0)
    return 0.0


@lru_cache(maxsize=100_000)
def _pair_bits(usual: str, neighbour: str) -> float:
    """The cost of a neighbour, against one drawn by lot."""
    place = usual.find(neighbour)
    if place < 0:
        share = (1 - _USUAL_SHARE) / max(_LETTERS - len(usual), 8)
    else:
        share = _USUAL_SHARE / (place + 3) / sum(1 / (other + 3) for other in range(len(usual)))
    return -math.log2(share * _LETTERS)


def _letter_bits(language: _Language, lower: str, before: str, after: str, latin: int) -> float:
    bits = language.letters.get(lower)
    if bits is None:
        return 17.0
    if not language.is_latin:
        return bits + latin * _MIXED_SCRIPT_BITS
    usual = language.before.get(lower)
    if usual is None:
        return bits
    return bits + _NEIGHBOUR_WEIGHT * (_pair_bits(usual, before) + _pair_bits(language.after[lower], after))


@cache
def _table(encoding: str) -> list[str]:
    """The 256 characters of the encoding, "" where a byte has none and for the word's end."""
    return ["", *(bytes([byte]).decode(encoding, "ignore") for byte in range(1, 256))]


@cache
def _is_letter(mark: str) -> bool:
    return mark != "" and unicodedata.category(mark) in ("Lu", "Ll", "Lt", "Lo", "Mn") and mark not in _SIGNS


@cache
def _languages_of(encoding: str) -> list[_Language]:
    """The languages whose usual letters the encoding has."""
    marks = set(_table(encoding))
    return [
        language
        for language in _languages()
        if all(
            letter in marks for letter, bits in language.letters.items() if bits < (5.0 if language.is_latin else 7.0)
        )
    ]


@cache
def _languages() -> list[_Language]:
    languages = []
    for text, is_latin in ((alphabets.LATIN, True), (alphabets.OTHER, False)):
        described = re.findall(r"^(\w+) ?([\d.]*)\n((?:  .*\n)+)", text, re.M)
        scripts = [_letters_of(rows) for _, _, rows in described]
        foreign: Counter[str] = Counter()
        for letters in scripts:
            for letter, (share, _, _) in letters.items():
                foreign[letter] += share / len(scripts)  # type: ignore[assignment]
        for (name, share, _), letters in zip(described, scripts, strict=True):
            languages.append(_language(name, float(share or 1), letters, foreign, is_latin=is_latin))
    return languages


def _letters_of(rows: str) -> dict[str, tuple[float, str, str]]:
    letters = {}
    for entry in rows.split():
        described, before, after = (*entry.split(":"), "", "")[:3]
        letters[described[0]] = (int(described[1:]) / 1000, before, after)
    return letters


def _language(
    name: str, share: float, letters: dict[str, tuple[float, str, str]], foreign: Counter[str], *, is_latin: bool
) -> _Language:
    own = sum(each for each, _, _ in letters.values())
    # Scripts share no letters; among languages of one script those of another come in names.
    near = {letter: part for letter, part in foreign.items() if is_latin or _same_script(letter, letters)}
    shares = {
        letter: (1 - _FOREIGN) * letters.get(letter, (0.0, "", ""))[0] / own + _FOREIGN * part
        for letter, part in near.items()
    }
    return _Language(
        name=name,
        is_latin=is_latin,
        letters={letter: -math.log2(part + 1e-5) for letter, part in shares.items()},
        before={letter: before for letter, (_, before, _) in letters.items() if before},
        after={letter: after for letter, (_, _, after) in letters.items() if after},
        high_bits=-math.log2(share) if is_latin else 0.0,
        ascii_bits=-math.log2(1 - share) if is_latin else 0.0,
        prior=_LIKELY_LANGUAGES.get(name, _OTHER_LANGUAGE_BITS),
    )


def _same_script(letter: str, letters: dict[str, tuple[float, str, str]]) -> bool:
    return unicodedata.name(letter, "").split()[0] == unicodedata.name(next(iter(letters)), "").split()[0]


def _multibyte_bits(encoding: str, text: bytes) -> float:
    bits = 0.0
    for run in _HIGH_WORD.findall(text.decode(MULTIBYTE[encoding], "replace")):
        for mark in run:
            if mark > "\x7f":
                bits += _character_bits(encoding, mark)
            elif mark.isalpha():
                # A Latin letter right beside one of another script: half of a pair that is none.
                bits += _MIXED_SCRIPT_BITS
    return bits


@lru_cache(maxsize=20_000)
def _character_bits(encoding: str, mark: str) -> float:
    """The cost of a Chinese, Japanese or Korean character: its standard has the usual ones on lower rows."""
    if mark == "\ufffd":
        return _UNDEFINED_BITS
    if "\u3040" <= mark < "\u3100":
        return 7.0 if encoding in ("shift_jis", "euc_jp") else 13.0
    if "\uff61" <= mark < "\uffa0":
        return 11.0
    if "\u3000" <= mark < "\u3020" or "\uff01" <= mark < "\uff5f":
        return 10.0
    raw = mark.encode(MULTIBYTE[encoding], "replace")
    if "\uac00" <= mark < "\ud7a4":
        return 9.5 if encoding == "euc_kr" and 0xB0 <= raw[0] <= 0xC8 and raw[-1] >= 0xA1 else 18.0
    if not "\u4e00" <= mark < "\ua000" or len(raw) != 2:
        return 17.0
    usual = {"gb18030": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "shift_jis": (0x88, 0x97), "euc_jp": (0xB0, 0xCF)}
    low, high = usual.get(encoding, (0, 0))
    return 11.5 if low <= raw[0] <= high and (encoding != "gb18030" or raw[1] >= 0xA1) else 17.5
