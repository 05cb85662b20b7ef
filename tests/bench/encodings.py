"""How often the encoding of a short table is found: words of 30 languages, written in what was used for each.

`python -m tests.bench.encodings`. The words are those of Django's own translations. A text counts as read only when
every character of it is right; what is said to be likely has to be right nearly always, what is a guess says so.
"""

from __future__ import annotations

import gettext
import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import mean

import django

from actors.reading.decoding import decode_legacy
from actors.reading.encoding import detect_encoding

#: Encodings by the languages that were written in them.
WRITTEN = {
    "cp1252 iso8859-15 mac-roman cp850 cp437": "de fr es it pt nl sv da nb fi is",
    "cp1250 iso8859-2 cp852 mac-latin2": "pl cs sk hu sl hr ro",
    "cp1251 koi8-r cp866 mac-cyrillic iso8859-5": "ru bg uk",
    "cp1253 iso8859-7": "el",
    "cp1254": "tr",
    "cp1255": "he",
    "cp1256": "ar fa",
    "cp1257 iso8859-13": "lt lv et",
    "cp874": "th",
    "shift_jis euc_jp": "ja",
    "gb18030": "zh_Hans",
    "big5": "zh_Hant",
    "euc_kr": "ko",
}
#: Characters of the values of a table, in all.
LENGTHS = (20, 50, 200)
_PLACEHOLDER = re.compile(r"%\(?\w*\)?[sd]|<[^>]*>|\{[^}]*\}")


def phrases_of(language: str) -> list[str]:
    """The lines of Django's translations into a language, the same in the same order each time."""
    found: dict[str, None] = {}
    for path in sorted(Path(django.__file__).parent.glob(f"**/locale/{language}/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            # The catalogue itself: there is no public way to list it.
            catalogue = vars(gettext.GNUTranslations(file))["_catalog"]
        for text in catalogue.values():
            for line in _PLACEHOLDER.sub(" ", str(text)).splitlines():
                if line.strip():
                    found[unicodedata.normalize("NFC", line.strip())] = None
    return list(found)


def table_of(phrases: list[str], encoding: str, length: int, rng: random.Random) -> str | None:
    """A table with about that many characters of phrases that the encoding has; None when they are all ASCII."""
    values: list[str] = []
    while sum(map(len, values)) < length:
        phrase = rng.choice(phrases)[: max(length, 20)]
        if phrase.encode(encoding, "ignore").decode(encoding) == phrase:
            values.append(phrase)
        elif rng.random() < 0.01:
            return None
    if "".join(values).isascii():
        return None
    end = "\r" if encoding.startswith("mac-") else rng.choice(["\n", "\r\n"])
    mark = rng.choice(",;\t")
    return end.join([f"id{mark}name", *(f"{number}{mark}{value}" for number, value in enumerate(values)), ""])


def cases(each: int, rng: random.Random) -> Iterator[tuple[str, int, bytes]]:
    """Encoding, characters of text, and the bytes of a table: `each` of every language, encoding and length."""
    for encodings, languages in WRITTEN.items():
        for language in languages.split():
            phrases = phrases_of(language)
            for encoding, length in product(encodings.split(), LENGTHS):
                for text in [table_of(phrases, encoding, length, rng) for _ in range(each)]:
                    if text is not None:
                        yield encoding, length, text.encode(encoding)


def report(*, each: int = 6, seed: int = 1) -> None:
    right: dict[tuple[str, int], list[bool]] = defaultdict(list)
    said: dict[str, list[bool]] = defaultdict(list)
    for encoding, length, data in cases(each, random.Random(seed)):
        found = detect_encoding(data, complete=True)
        is_right = decode_legacy(data, found.name) == decode_legacy(data, encoding)
        right[encoding, length].append(is_right)
        right["all", length].append(is_right)
        said[found.certainty].append(is_right)
    print("Short tables read in their encoding, %, by characters of text")
    print(f"  {'':14}" + "".join(f"{length:>8}" for length in LENGTHS))
    for encoding in [*sorted({name for name, _ in right} - {"all"}), "all"]:
        shares = (100 * mean(right[encoding, length]) for length in LENGTHS)
        print(f"  {encoding:14}" + "".join(f"{share:8.1f}" for share in shares))
    total = sum(map(len, said.values()))
    for certainty, answers in said.items():
        print(f"  {certainty}: {len(answers):,} of {total:,}, right in {100 * mean(answers):.1f} %")


if __name__ == "__main__":
    report()
