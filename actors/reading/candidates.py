"""The ways of writing that are worth a try on a sample, and what each would cut through."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from .sample import Writing

#: Delimiters that are tried where they occur, the likelier first; a tie goes to the earlier one.
DELIMITERS = (",", ";", "\t", "|", "||", "::", "\x1f", "\x01", "^", "~", "¤", "§", ":", " ")
#: Those that text has for other reasons too.
COMMON = frozenset(",;\t|")
QUOTES = ('"', "'", "")
#: Marks that stand inside values too often to be taken for a delimiter because they come evenly.
_NEVER = frozenset("\"'._-/\\()[]{}<>\n\r\0")
#: Lines that a rare sign is looked for in, and the share of them that have to have it equally often.
_EVEN_LINES = 200
_EVEN_SHARE = 0.9
#: Characters that quotes and values are counted in.
COUNTED_CHARACTERS = 24_000

#: Values that hold the sign without being cut by it.
_HOLDING = {
    ":": re.compile(
        r"[Hh]{1,2}:mm(?::ss)?|\d{1,2}:\d{2}(?::\d{2})?|\w+://|[\w-]+(?:\.[\w-]+)+:\d{2,5}\b|\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"
    ),
    " ": re.compile(
        r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4} \d{1,2}:|\d{2} [AaPp][Mm]\b|(?<![\d])\d{1,3}(?: \d{3})+(?!\d)"
        r"|(?:\+\d{1,3}|\(\d{2,5}\))(?: [\d()-]{2,})+|(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4}(?: \d\d:\d\d)?"
    ),
    ",": re.compile(
        r"(?m)(?:(?<=[;\t|\"])|^)\s*[+-]?\d{1,3}(?:[. ]?\d{3})*,\d{1,9}\s*(?=$|[;\t|\"€%])"
        r"|[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
        r"|(?m:^)[+-]?[$€£]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?m:$)"
    ),
    "=": re.compile(r"[\w-]+=\S"),
    "@": re.compile(r"[\w.+-]+@[\w-]+\.\w+"),
    "%": re.compile(r"\d\s?%|%[0-9A-F]{2}"),
    "&": re.compile(r"&\w+[;=]"),
    "$": re.compile(r"\$\s?\d"),
    "+": re.compile(r"\+\d"),
    "!": re.compile(r"!\s*$", re.MULTILINE),
}
_MONEY_ONLY = re.compile(r",\d{2}\s*$")
_NO_MONEY = re.compile(r",(?!\d{2}(?!\d))")


def writings(text: str, *, delimiter: str | None, quote: str | None, escape: str | None) -> list[Writing]:
    """The candidates for a text, the likelier first; what the person has set (not None) stands."""
    candidates: list[Writing] = []
    for sign in delimiters(text) if delimiter is None else [delimiter]:
        for mark in _quotes(text, sign) if quote is None else [quote]:
            for style in _escapes(text, sign, mark) if escape is None else [escape]:
                candidates.append(Writing(sign, mark, style))  # noqa: PERF401 - three loops read better so
        if sign == " " and delimiter is None and _is_aligned(text):
            candidates.append(Writing(" ", '"' if quote is None else quote, "double", blanks=True))
            if "  " in text:
                candidates.append(Writing("  ", '"' if quote is None else quote, "double", blanks=True))
    if delimiter is None:
        candidates += [Writing("", mark) for mark in (_quotes(text, "") if quote is None else [quote])]
    return candidates


def delimiters(text: str) -> list[str]:
    """The signs that could part the text's values."""
    signs = [sign for sign in DELIMITERS if sign in text]
    for double in ("||", "::"):
        # Where a sign always comes twice, the pair is the delimiter, not two with nothing between.
        if double in signs and text.count(double) * 2 == text.count(double[0]):
            signs.remove(double[0])
    return [*signs, *(sign for sign in _even_signs(text) if sign not in signs)]


def _even_signs(text: str) -> list[str]:
    """Signs other than the usual ones that nearly all lines have, and equally often."""
    bare = re.sub(r'"[^"]*"', "_", text[:COUNTED_CHARACTERS])
    lines = [line for line in bare.split("\n")[:_EVEN_LINES] if line.strip()]
    if len(lines) < 2:
        return []
    signs = {mark for line in lines[:3] for mark in line if _is_sign(mark)} - set(DELIMITERS) - _NEVER
    even: list[tuple[int, str]] = []
    for sign in signs:
        counts = Counter(line.count(sign) for line in lines)
        usual, times = counts.most_common(1)[0]
        if usual and times >= _EVEN_SHARE * len(lines):
            even.append((-usual, sign))
    return [sign for _, sign in sorted(even)][:4]


def _is_sign(mark: str) -> bool:
    return not mark.isalnum() and not mark.isspace() and unicodedata.category(mark)[0] in "PSC"


def _quotes(text: str, delimiter: str) -> list[str]:
    """The quotes worth a try; "none" only where quotes at the start of values are often not closed before one."""
    head = text[:COUNTED_CHARACTERS]
    quotes = []
    for mark in QUOTES[:2]:
        if mark not in head:
            continue
        edge = re.escape(delimiter) if delimiter else "(?!)"
        opened = len(re.findall(rf"(?m)(?:^|{edge})[ \t]*{mark}", head))
        closed = len(
            re.findall(rf"(?m)(?:^|{edge})[ \t]*{mark}(?:[^{mark}]|{mark}{mark})*+{mark}(?=[ \t]*(?:{edge}|$))", head)
        )
        if mark == '"' and opened:
            quotes.append(mark)
            if opened - closed <= max(2, opened / 2):
                return quotes
        elif opened and closed * 2 >= opened:
            quotes.append(mark)
    if '"' not in quotes:
        quotes.append('"' if '"' not in head else "")
    elif "" not in quotes:
        quotes.append("")
    return quotes


def _escapes(text: str, delimiter: str, quote: str) -> list[str]:
    if "\\" not in text:
        return ["double"]
    is_used = (quote and f"\\{quote}" in text) or (delimiter and f"\\{delimiter}" in text)
    return ["double", "backslash"] if is_used else ["double"]


def _is_aligned(text: str) -> bool:
    """Whether blanks come in runs, as in columns that are aligned with them."""
    lines = [line for line in text[:COUNTED_CHARACTERS].split("\n")[:_EVEN_LINES] if line.strip()]
    if sum("\t" in line for line in lines) * 2 > len(lines):
        return False
    runs = sum(1 for line in lines if re.search(r"\S {2,}\S|^ +\S", line))
    return runs * 3 >= len(lines)


@functools.lru_cache(16)
def cut_share(text: str, delimiter: str) -> float:
    """The share of the delimiter's places that are inside dates, times, addresses and numbers: 0 to 1."""
    holding = _HOLDING.get(delimiter)
    if holding is None:
        return 0.0
    head = text[:COUNTED_CHARACTERS]
    count = head.count(delimiter)
    if not count:
        return 0.0
    first = next((line for line in head.split("\n") if line.strip() and not line.startswith("#")), "")
    if delimiter == "," and _NO_MONEY.search(first):
        # Decided without a look at the rest.
        return 0.0
    held = [match.group() for match in holding.finditer(head)]
    inside = sum(value.count(delimiter) for value in held)
    is_all_money = inside == count and all(_MONEY_ONLY.search(value) for value in held)
    if delimiter == "," and "," in first and not is_all_money:
        # Two whole numbers with a comma between them are two values, unless the header or the places say otherwise.
        return 0.0
    return min(1.0, inside / count)


@functools.lru_cache(8)
def even_signs(text: str) -> frozenset[str]:
    """The signs that come in all lines of the text, equally often, outside quotes; rare ones at least twice."""
    bare = re.sub(r'"[^"\n]*"', "", text[:COUNTED_CHARACTERS])
    lines = [line for line in bare.split("\n")[:_EVEN_LINES] if line.strip() and not line.startswith("#")]
    rare = dict.fromkeys(_even_signs(text), 2)
    even = set()
    for sign, least in {**dict.fromkeys(COMMON, 1), **rare}.items():
        counts = {line.count(sign) for line in lines[:-1] or lines}
        if len(counts) == 1 and counts.pop() >= least and len(lines) > 2:
            even.add(sign)
    return frozenset(even)


def is_prose(text: str, delimiter: str) -> bool:
    """Whether nearly all commas are those of sentences: a blank and a small letter come after them."""
    if delimiter != ",":
        return False
    head = text[:COUNTED_CHARACTERS]
    count = head.count(",")
    return count > 0 and len(re.findall(r"[^\W\d_], [^\W\d_]", head)) >= 0.8 * count


@functools.lru_cache(256)
def quote_fit(text: str, delimiter: str, quote: str) -> tuple[float, float]:
    """The share of the quotes that stand at an edge of a value, and the share of the lines that have any."""
    head = text[:COUNTED_CHARACTERS]
    if not quote or quote not in head:
        return 1.0, 0.0
    bare = head.replace(quote * 2, "").replace(f"\\{quote}", "")
    count = bare.count(quote)
    if not count:
        return 1.0, 0.0
    edge = re.escape(delimiter.strip(" ") or delimiter) if delimiter else "(?!)"
    opening = len(re.findall(rf"(?m)(?:^|{edge})[ \t]*{quote}", bare))
    closing = len(re.findall(rf"(?m){quote}(?=[ \t]*(?:{edge}|$))", bare))
    lines = bare.split("\n")
    with_quote = sum(1 for line in lines if quote in line)
    return min(1.0, (opening + closing) / count), with_quote / max(1, len(lines))


def is_spaced(text: str, delimiter: str, names: Sequence[str], shapes: Sequence[str]) -> bool:
    """Whether one blank comes after nearly every delimiter, and before words: then it is part of the writing.

    Blanks that align numbers are none of a delimiter's.
    """
    bare = re.sub(r'"[^"\n]*"', "_", text[:COUNTED_CHARACTERS])
    edge = re.escape(delimiter)
    parted = len(re.findall(rf"{edge}(?=[^{edge}\n])", bare))
    with_blank = len(re.findall(rf"{edge} (?! )", bare))
    if parted < 2 or with_blank < 0.9 * parted:
        return False
    return any(name.startswith(" ") for name in names[1:]) or any(shape in ("text", "address") for shape in shapes[1:])
