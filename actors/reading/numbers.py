"""Numbers: which ways of writing them the values of a column allow.

What resembles a number and is none stays text: a phone number (its plus and its spaces mean something), an
address of a network, an id with leading zeros. The mark before the decimals and the one between thousands are
certain only where the values themselves say which is which.
"""

from __future__ import annotations

import re

from actors.tables.engine import literal

from .types import Candidate, Reading

#: What may stand between groups of three digits, by the sign that a form is named by.
SEPARATORS = {"": "", ",": ",", ".": ".", " ": " \u00a0\u202f\u2009\u2007", "'": "'\u2019"}
#: Ways of writing numbers as (decimal mark, mark between thousands), the one to prefer first.
FORMS = ((".", ""), (".", ","), (".", " "), (".", "'"), (",", ""), (",", "."), (",", " "), (",", "'"))
#: Digits up to which a plus may stand before a whole number that is none of a phone.
_SHORT_PLUS = 6
#: Places after the mark up to which numbers are exact decimals rather than doubles.
EXACT_PLACES = 9
#: Digits of phone and company numbers that are written in groups of three.
_GROUPED_IDS = (9, 12)

_NUMBER_LIKE = re.compile(
    r"[+-]?([0-9.,][0-9., '\u2019\u00a0\u202f\u2009\u2007]*([eE][+-]?[0-9]{1,3})?|(?i:inf(inity)?))"
)
_EXPONENT = "([eE][+-]?[0-9]{1,3})?"
_LONG_FLOAT = (
    rf"-?((0|[1-9][0-9]{{0,22}})(\.[0-9]*)?|\.[0-9]+){_EXPONENT}"
    rf"|[+]((0|[1-9][0-9]{{0,{_SHORT_PLUS - 1}}})|(0|[1-9][0-9]{{0,22}})\.[0-9]*|\.[0-9]+){_EXPONENT}"
)
#: Doubles as programs write them: nothing is lost where the shortest text of the double is the same number.
FLOAT = Reading("float", "DOUBLE", _LONG_FLOAT, "TRY_CAST({c} AS DOUBLE)", exact=True)
FLOAT_OR_INFINITE = Reading(
    "float", "DOUBLE", rf"{_LONG_FLOAT}|[+-]?(?i:inf|infinity)", "TRY_CAST({c} AS DOUBLE)", exact=True
)
#: What says that letters in a column of numbers are an exponent, and not those of codes such as 12E4.
_SURE_EXPONENT = r".*(\.|[eE][+-]).*"


def decimal(scale: int, *, mark: str = ".", groups: str = "", digits: int = 18, signed: bool = False) -> Reading:
    """Exact numbers of up to `scale` places; `groups` is what stands between thousands.

    A plus before many digits is a phone's unless there are decimals; with `signed` it is a sign.
    """
    dot = "," if mark == "," else r"\."
    before = digits - scale
    whole = f"(0|[1-9][0-9]{{0,{before - 1}}})" if before > 0 else "0"
    if groups:
        most = max(1, (before - 3) // 3)
        whole = f"({whole}|[1-9][0-9]{{0,2}}({_one_of(groups)}[0-9]{{3}}){{1,{most}}})"
    places = f"{dot}[0-9]{{1,{scale}}}" if scale else ""
    optional = f"({places})?" if places else ""
    if signed:
        pattern = f"[+-]?{whole}{optional}"
    else:
        short = f"(0|[1-9][0-9]{{0,{min(before, _SHORT_PLUS) - 1}}})" if before > 0 else "0"
        pattern = f"-?{whole}{optional}|[+]({short}{f'|{whole}{places}' if places else ''})"
    sql_type = f"DECIMAL({digits}, {scale})" if scale or digits != 18 else "BIGINT"
    kind = "integer" if sql_type == "BIGINT" else "decimal"
    return Reading(kind, sql_type, pattern, _cast(mark, groups, sql_type), form_name(mark, groups))


def form_name(mark: str, groups: str) -> str:
    """The name of a way of writing numbers: empty for the usual one."""
    parts = [f"decimal mark {mark!r}"] if mark != "." else []
    if groups:
        parts.append(f"thousands in groups by {groups!r}")
    return ", ".join(parts)


def form_of(name: str) -> tuple[str, str]:
    """The decimal mark and the mark between thousands, of which `name` was said."""
    return next((form for form in FORMS if form_name(*form) == name), FORMS[0])


def wide(type: str, *, mark: str = ".", groups: str = "") -> Reading:
    """The reading of a declared type of number, as wide as the type is."""
    dot = "," if mark == "," else r"\."
    name = form_name(mark, groups)
    digits, most = {"integer": ("{1,18}", "{1,5}"), "decimal": ("{1,29}", "{1,8}")}.get(type, ("+", "+"))
    whole = f"[0-9]{digits}"
    if groups:
        # Groups that do not fit say that the sign between them means something else.
        whole = f"({whole}|[0-9]{{1,3}}({_one_of(groups)}[0-9]{{3}}){most})"
    if type == "integer":
        return Reading("integer", "BIGINT", f"[+-]?{whole}({dot}0{{1,9}})?", _cast(mark, groups, "BIGINT"), name)
    if type == "decimal":
        pattern = f"[+-]?({whole}({dot}[0-9]{{0,9}})?|{dot}[0-9]{{1,9}})"
        return Reading("decimal", "DECIMAL(38, 9)", pattern, _cast(mark, groups, "DECIMAL(38, 9)"), name)
    pattern = f"[+-]?({whole}({dot}[0-9]*)?|{dot}[0-9]+)([eE][+-]?[0-9]{{1,3}})?|[+-]?(?i:inf|infinity)"
    return Reading("float", "DOUBLE", pattern, _cast(mark, groups, "DOUBLE"), name)


def numbers(texts: list[str], *, decimal_mark: str = "") -> list[Candidate]:
    """The readings of numbers that all of these values allow, the one to prefer first."""
    if not all(map(_NUMBER_LIKE.fullmatch, texts)):
        return []
    if plain := _plain(texts, decimal_mark):
        candidates = [Candidate(reading=reading, needs=_needed(texts, reading)) for reading in plain]
        if not decimal_mark and all(map(_grouped_once(".").fullmatch, texts)):
            # Read otherwise only where another column of the file says so.
            candidates += [Candidate(reading=item, needs=_decisive(",", ".")) for item in _sized(texts, ",", ".")[:1]]
        return candidates
    # Beside negative numbers a plus is a sign, however many digits follow.
    long_plus = any(text[0] == "+" and sum(map(str.isdigit, text)) > _SHORT_PLUS for text in texts)
    if long_plus and (signed := _plain(texts, decimal_mark, signed=True)):
        return [Candidate(reading=reading, needs="" if _any(texts, "-[0-9].*") else "-[0-9].*") for reading in signed]
    signs = long_plus and _any(texts, "-[0-9].*")
    candidates = []
    for mark, groups in forms_of(texts, decimal_mark=decimal_mark)[1:]:
        if not (groups and _is_id(texts, groups)):
            needs = "" if decimal_mark else certain(texts, mark, groups)
            doubt = doubt_of(texts) if needs else ""
            sized = _sized(texts, mark, groups, signed=signs)
            candidates += [Candidate(reading=reading, needs=needs, doubt=doubt) for reading in sized]
    return candidates


def closest(texts: list[str], *, decimal_mark: str = "") -> list[Reading]:
    """Each way of writing numbers, as wide as it is, for counting which one most of the values fit."""
    if not any(map(_NUMBER_LIKE.fullmatch, texts)):
        return []
    forms = [form for form in FORMS if decimal_mark in ("", form[0])]
    whole = [decimal(0)] if decimal_mark != "," else []
    return [*whole, *(decimal(EXACT_PLACES, mark=mark, groups=groups, digits=38) for mark, groups in forms), FLOAT]


def forms_of(texts: list[str], *, decimal_mark: str = "") -> list[tuple[str, str]]:
    """The ways of writing numbers whose marks occur in these values, the plain one first."""
    characters = set("".join(texts))
    forms = [(decimal_mark or ".", "")]
    for mark, groups in FORMS:
        has_groups = bool(characters & set(SEPARATORS[groups]))
        has_mark = mark in characters or (mark == "." if groups not in (".", ",") else has_groups)
        if decimal_mark in ("", mark) and has_mark and (has_groups or not groups):
            forms.append((mark, groups))
    return list(dict.fromkeys(forms))


def certain(texts: list[str], mark: str, groups: str) -> str:
    """The pattern that a value further on has to match before this way of writing is certain, if none here does."""
    needs = ""
    if groups in (".", ","):
        needs = _decisive(mark, groups)
    elif not groups and mark == ",":
        needs = _no_group(mark)
    return "" if not needs or _any(texts, needs) else needs


def contradicts(texts: list[str], groups: str) -> bool:
    """Whether a mark stands before decimals too often for one between thousands."""
    if groups not in (".", ","):
        return False
    with_places = sum(map(bool, map(re.compile(_no_group(groups)).fullmatch, texts)))
    return with_places * 10 > len(texts)


def shows_places(texts: list[str], mark: str) -> bool:
    """Whether a mark stands before decimals somewhere, where it cannot stand between thousands."""
    return _any(texts, _no_group(mark))


def has_both_marks(texts: list[str]) -> bool:
    """Whether points and commas stand in these values."""
    characters = set("".join(texts))
    return {".", ","} <= characters


def has_exponents(texts: list[str]) -> bool:
    """Whether some of the numbers among these values have an exponent."""
    return any("e" in text.lower() for text in texts if _NUMBER_LIKE.fullmatch(text))


def mark_proved(texts: list[str], reading: Reading) -> str:
    """The decimal mark that the values of a column prove, if they do."""
    if reading.format.startswith("decimal mark") or "groups by '.'" in reading.format:
        return ","
    if "groups by ','" in reading.format:
        return "."
    is_written = reading.type in ("decimal", "float") and _any(texts, f"{_no_group('.')}|.*[eE].*")
    return "." if is_written else ""


def different_marks(texts: list[str]) -> str:
    """What is said of numbers with different decimal marks that no one way of writing covers."""
    point = next(filter(re.compile(_no_group(".")).fullmatch, texts), "")
    comma = next(filter(re.compile(_no_group(",")).fullmatch, texts), "")
    if not point or not comma or not all(map(_NUMBER_LIKE.fullmatch, texts)):
        return ""
    return f"“{point}” and “{comma}” have different decimal marks: left as text"


def _plain(texts: list[str], decimal_mark: str, *, signed: bool = False) -> list[Reading]:
    whole = decimal(0, signed=signed)
    if decimal_mark == ",":
        first = [whole] if whole.matches_all(texts) else []
        return [*first, *_sized(texts, ",", "", signed=signed)]
    sized = _sized(texts, ".", "", signed=signed)
    places = max((len(text.partition(".")[2]) for text in texts), default=0)
    infinite = any(text[-1] in "fFyY" for text in texts)
    double = FLOAT_OR_INFINITE if infinite and any("." in text for text in texts) else FLOAT
    doubles = [double] if double.matches_all(texts) else []
    if signed:
        doubles = doubles if sized else []
    return [*doubles, *sized] if places > EXACT_PLACES else [*sized, *doubles]


def _sized(texts: list[str], mark: str, groups: str, *, signed: bool = False) -> list[Reading]:
    """Decimals as wide as these values, then wider: values further on may have more places."""
    loose = decimal(18, mark=mark, groups=groups, digits=38, signed=signed)
    if not loose.matches_all(texts):
        return []
    scale = max(len(text.rpartition(mark)[2]) if mark in text else 0 for text in texts)
    digits = max(sum(map(str.isdigit, text.partition(mark)[0])) for text in texts)
    if digits + scale > 18:
        fits = digits + scale <= 38 and scale <= EXACT_PLACES
        return [decimal(scale, mark=mark, groups=groups, digits=38, signed=signed)] if fits else []
    widths = (scale, min(scale + 2, 18 - digits), min(EXACT_PLACES, 18 - digits))
    wider = dict.fromkeys(width for width in widths if width >= scale)
    return [decimal(width, mark=mark, groups=groups, signed=signed) for width in wider]


def _needed(texts: list[str], reading: Reading) -> str:
    if reading.type != "float" or not _any(texts, ".*[0-9][eE][0-9].*") or _any(texts, _SURE_EXPONENT):
        return ""
    return _SURE_EXPONENT


def doubt_of(texts: list[str]) -> str:
    point = next((text for text in texts if "." in text), "")
    comma = next((text for text in texts if "," in text), "")
    if point and comma:
        return (
            f"“{comma}” and “{point}” have different marks and no value has both, so the decimal mark is not certain: "
            "left as text; set the decimal mark"
        )
    one = point or comma
    either = re.sub("[.,]", "", one), re.sub("[.,]", ".", one)
    return f"“{one}” could be {either[0]} or {either[1]}: left as text; set the decimal mark"


def _decisive(mark: str, groups: str) -> str:
    """A value with both marks, or with two groups and more."""
    dot, group = re.escape(mark), _one_of(groups)
    return f"[+-]?[1-9][0-9]{{0,2}}(({group}[0-9]{{3}})+{dot}[0-9]+|({group}[0-9]{{3}}){{2,}})"


def _no_group(mark: str) -> str:
    """A value whose mark cannot stand between thousands."""
    dot = re.escape(mark)
    return f"[+-]?(0{dot}[0-9]+|[0-9]{{4,}}{dot}[0-9]+|[0-9]+{dot}([0-9]{{1,2}}|[0-9]{{4,}}))"


def _grouped_once(mark: str) -> re.Pattern[str]:
    return re.compile(f"[+-]?[1-9][0-9]{{0,2}}{re.escape(mark)}[0-9]{{3}}")


def _is_id(texts: list[str], groups: str) -> bool:
    """Whether grouped digits are no amounts: addresses of a network, phone numbers, numbers of companies."""
    if groups == ".":
        parts = [text.split(".") for text in texts]
        if all(len(octets) == 4 and all(part.isdigit() and int(part) < 256 for part in octets) for octets in parts):
            return True
    if groups not in (".", " "):
        return False
    digits = {sum(map(str.isdigit, text)) for text in texts}
    different = set(texts)
    if len(digits) > 1 or not digits & set(_GROUPED_IDS) or any(text[0] in "+-" for text in texts):
        return False
    # Amounts are often round.
    return len(different) > 1 and 2 * sum(text.endswith("00") for text in different) < len(different)


def _any(texts: list[str], pattern: str) -> bool:
    compiled = re.compile(pattern)
    return any(map(compiled.fullmatch, texts))


def _one_of(groups: str) -> str:
    return f"[{SEPARATORS[groups]}]"


def _cast(mark: str, groups: str, sql_type: str) -> str:
    dropped = SEPARATORS[groups]
    if mark == ",":
        value = f"translate({{c}}, {literal(f',{dropped}')}, '.')"
    else:
        value = f"translate({{c}}, {literal(dropped)}, '')" if dropped else "{c}"
    return f"TRY_CAST({value} AS {sql_type})"
