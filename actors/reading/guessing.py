"""Which readings a sample allows: of all its values, of nearly all, or of a declared type."""

from __future__ import annotations

from dataclasses import dataclass

from . import moments, numbers
from .types import MISSING_WORDS, Candidate, Reading, stripped

#: Share of the values seen from which a column may be nearly of a type.
_MOST = 0.8
#: Values that a column's kind is judged by where not all agree.
_JUDGED = 1_000
_LETTERS = "0123456789+-.,"


def _boolean(yes: str, no: str) -> Reading:
    return Reading(
        "boolean",
        "BOOLEAN",
        f"(?i:{yes}|{no})",
        f"CASE lower({{c}}) WHEN '{yes}' THEN true WHEN '{no}' THEN false END",
        f"{yes}/{no}",
    )


BOOLEANS = (_boolean("true", "false"), _boolean("yes", "no"))
_ANY_BOOLEAN = Reading(
    "boolean",
    "BOOLEAN",
    "(?i:true|false|yes|no|t|f|y|n|1|0)",
    "CASE WHEN lower({c}) IN ('true', 'yes', 't', 'y', '1') THEN true "
    "WHEN lower({c}) IN ('false', 'no', 'f', 'n', '0') THEN false END",
)
#: The types that count as the one that is asked for.
_SERVES = {"number": ("integer", "decimal", "float"), "moment": ("date", "timestamp")}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A reading of a declared type, and the quicker one that shows by its misfits whether the form is the values'.

    `needs` and `doubt` are a candidate's; `without` is the reading that nothing uncertain fits.
    """

    probe: Reading
    reading: Reading
    needs: str = ""
    doubt: str = ""
    without: Reading | None = None


def candidates(values: list[str], *, decimal_mark: str = "", date_order: str = "") -> list[Candidate]:
    """The readings that all of these values allow, the one to prefer first; none means text."""
    texts = list(dict.fromkeys(_present_texts(values)))
    if not texts:
        return []
    if texts[0][0] in _LETTERS or texts[0][:3].lower() == "inf":
        fitting = numbers.numbers(texts, decimal_mark=decimal_mark)
        return fitting or moments.moments(texts, date_order=date_order)
    fitting = [Candidate(reading=reading) for reading in BOOLEANS if reading.matches_all(texts)]
    return fitting or moments.moments(texts, date_order=date_order)


def nearly(values: list[str], *, decimal_mark: str = "", date_order: str = "") -> list[Reading]:
    """The readings that most of these values allow; none where no type has the most."""
    texts = _present_texts(values)[:_JUDGED]
    most = _MOST * min(_JUDGED, len(stripped(values)))
    if not texts or len(texts) < most:
        return []
    alike = _alike(texts, decimal_mark=decimal_mark, date_order=date_order)
    if len(alike) < most:
        return []
    readings = [item.reading for item in candidates(alike, decimal_mark=decimal_mark, date_order=date_order)]
    if readings and readings[0].type == "decimal":
        return [reading for reading in readings if reading.type == "decimal"][-1:]
    return readings if moments.is_ambiguous(readings) else readings[:1]


def declared(type: str, values: list[str], *, decimal_mark: str = "", date_order: str = "") -> list[Wanted]:
    """The readings of a declared type, each as wide as the type is, in the form that the values have.

    `type` may be "number" or "moment" where no more is declared.
    """
    texts = _present_texts(values)
    if type == "boolean":
        return [Wanted(probe=_ANY_BOOLEAN, reading=_ANY_BOOLEAN)]
    if type == "number":
        type = "float" if numbers.has_exponents(texts[:_JUDGED]) else "decimal"
    if type in ("integer", "decimal", "float"):
        return _declared_numbers(type, texts, decimal_mark)
    alike = moments.commonest(texts)
    forms = moments.forms_of(alike, date_order=date_order) if alike else []
    if type == "moment":
        type = forms[0].type if forms else "date"
    orders = {
        form.order: form for form in forms if form.order and "%b" not in form.format and "%Y-%m" not in form.format
    }
    if type == "time" or len(orders) < 2:
        order = date_order or next(iter(orders), "")
        reading = moments.wide(type, order, [form for form in forms if form.type == type])
        return [Wanted(probe=reading, reading=reading)]
    return [
        Wanted(
            probe=form,
            reading=moments.wide(type, order, [form] if form.type == type else []),
            without=moments.wide(type, "", []),
        )
        for order, form in orders.items()
    ]


def serves(reading: Reading, type: str) -> bool:
    """Whether a reading is of the declared type."""
    return reading.type in _SERVES.get(type, (type,))


def narrower(reading: Reading, values: list[str], *, whole: bool = False) -> list[Reading]:
    """The decimals of a declared form that are no wider than these values need, the narrowest first.

    `whole` numbers are among them where only a number was asked for.
    """
    mark, groups = numbers.form_of(reading.format)
    fitting = reading.fitting(_present_texts(values))
    scale = max((len(text.rpartition(mark)[2]) for text in fitting if mark in text), default=0)
    widths = [
        width for width in dict.fromkeys((scale, scale + 2)) if (0 if whole else 1) <= width <= numbers.EXACT_PLACES
    ]
    return [numbers.decimal(width, mark=mark, groups=groups, signed=True) for width in widths]


def wider(reading: Reading, values: list[str]) -> list[Reading]:
    """The readings that a column of an earlier file may take instead, when its type has become too narrow.

    A whole number may get decimals, a decimal more places, a date a time of day; nothing else changes.
    """
    if reading.type in ("integer", "decimal") and "{c}" in reading.value:
        mark, groups = numbers.form_of(reading.format)
        return [
            *(numbers.decimal(scale, mark=mark, groups=groups, signed=True) for scale in (2, 4, numbers.EXACT_PLACES)),
            numbers.wide("decimal", mark=mark, groups=groups),
            *([numbers.FLOAT] if (mark, groups) == (".", "") else []),
        ]
    if reading.type == "date" and reading.order:
        forms = moments.forms_of(moments.commonest(_present_texts(values)) or ["?"])
        return [form for form in forms if form.type == "timestamp" and form.order in (reading.order, "ymd")]
    return []


def _present_texts(values: list[str]) -> list[str]:
    return [text for text in stripped(values) if text.lower() not in MISSING_WORDS]


def _alike(texts: list[str], *, decimal_mark: str, date_order: str) -> list[str]:
    """The values that fit the reading that most of them fit."""
    readings = [*BOOLEANS, *numbers.closest(texts, decimal_mark=decimal_mark)]
    if alike := moments.commonest(texts):
        readings += moments.forms_of(alike, date_order=date_order)
    return max((reading.fitting(texts) for reading in readings), key=len, default=[])


def _declared_numbers(type: str, texts: list[str], decimal_mark: str) -> list[Wanted]:
    forms = []
    for mark, groups in numbers.forms_of(texts, decimal_mark=decimal_mark):
        if numbers.contradicts(texts, groups):
            continue
        is_clear = decimal_mark or type == "integer" or (groups and numbers.shows_places(texts, mark))
        needs = "" if is_clear else numbers.certain(texts, mark, groups)
        doubt = numbers.doubt_of(texts) if needs else ""
        reading = numbers.wide(type, mark=mark, groups=groups)
        forms.append(Wanted(probe=reading, reading=reading, needs=needs, doubt=doubt))
    return forms
