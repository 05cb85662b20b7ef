"""Kinds of columns: each makes the cells of one column, in one fixed format, from a row's number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from .words import Language

Cells = Callable[[int], str]


@dataclass(frozen=True)
class Kind:
    """A kind of column. `start(rng, language)` chooses its format; `is_typed` where its cells are no plain text."""

    label: str
    names: tuple[str, ...]
    start: Callable[[Random, Language], Cells]
    is_typed: bool = False


def sentence(rng: Random, language: Language, words: int) -> str:
    """A sentence of about that many words, with commas where it is long."""
    if language.code == "ja":
        return "".join(rng.choice(language.words) for _ in range(max(1, words // 3)))
    chosen = [rng.choice(language.words) for _ in range(words)]
    for index in range(4, words - 1, rng.randint(4, 7)):
        chosen[index] += ","
    text = " ".join(chosen)
    return text[:1].upper() + text[1:] + rng.choice((".", ".", "", "!", "?"))


def person(rng: Random, language: Language) -> str:
    separator = "" if language.code == "ja" else " "
    names = [rng.choice(language.first), rng.choice(language.last)]
    return separator.join(reversed(names) if language.code == "ja" else names)


def _id(rng: Random, language: Language) -> Cells:
    first, step = rng.choice((0, 1, 1, 1, 1000, 482_113)), rng.choice((1, 1, 1, 3, 10))
    return lambda row: str(first + row * step)


def _code(rng: Random, language: Language) -> Cells:
    form = rng.choice(("{}{}-{:04}", "{}{}{:05}", "{}-{}/{:03}", "{0}{2:03}.{2:02}{1}"))
    return lambda row: form.format(rng.choice("ABCDEFGH"), rng.choice("KLMNPQ"), (row * 37 + rng.randrange(30)) % 1000)


def _uuid(rng: Random, language: Language) -> Cells:
    return lambda _: "-".join(f"{rng.getrandbits(4 * size):0{size}x}" for size in (8, 4, 4, 4, 12))


def _person(rng: Random, language: Language) -> Cells:
    return lambda _: person(rng, language)


def _last_first(rng: Random, language: Language) -> Cells:
    return lambda _: f"{rng.choice(language.last)}, {rng.choice(language.first)}"


def _nickname(rng: Random, language: Language) -> Cells:
    return lambda _: (
        f'{rng.choice(language.first)} "{rng.choice(language.words)}" {rng.choice(language.last)}'
        if rng.random() < 0.5
        else person(rng, language)
    )


def _first(rng: Random, language: Language) -> Cells:
    return lambda _: rng.choice(language.first)


def _city(rng: Random, language: Language) -> Cells:
    return lambda _: rng.choice(language.cities)


def _state(rng: Random, language: Language) -> Cells:
    chosen = rng.sample(language.states, min(len(language.states), rng.randint(2, 5)))
    return lambda _: rng.choice(chosen)


def _street(rng: Random, language: Language) -> Cells:
    return lambda _: f"{rng.choice(language.streets)} {rng.randint(1, 199)}"


def _address(rng: Random, language: Language) -> Cells:
    return lambda _: (
        f"{rng.randint(1, 9999)} {rng.choice(language.streets)}, {rng.choice(language.cities)}"
        f"{rng.choice((', ', ' '))}{rng.randint(10000, 99999)}"
    )


def _sentence(rng: Random, language: Language) -> Cells:
    longest = rng.choice((8, 15, 30))
    return lambda _: sentence(rng, language, rng.randint(3, longest))


def _clauses(rng: Random, language: Language) -> Cells:
    mark = rng.choice(("; ", ": ", " - ", " | ", " / "))
    return lambda _: mark.join(sentence(rng, language, rng.randint(2, 6)) for _ in range(rng.randint(1, 3)))


def _text(rng: Random, language: Language) -> Cells:
    longest = rng.choice((3, 8, 60))
    return lambda _: "\n".join(
        sentence(rng, language, rng.randint(3, 9)) if rng.random() < 0.9 else "" for _ in range(rng.randint(1, longest))
    ).strip("\n")


def _email(rng: Random, language: Language) -> Cells:
    host = rng.choice(("example.org", "mail.example.com", "example.co.uk"))
    return lambda row: f"{rng.choice(('ann', 'bob.lee', 'c_day', 'd.fox+news', 'info'))}{row}@{host}"


def _url(rng: Random, language: Language) -> Cells:
    ends = ("", "?q=a,b&x=1", "#top", "/index.html", ":8080/a;b", "?id=7")
    return lambda row: (
        f"{rng.choice(('https', 'http'))}://www.example.org/{rng.choice('abcdef')}/{row}{rng.choice(ends)}"
    )


def _phone(rng: Random, language: Language) -> Cells:
    forms = ("+49 170 {:07}", "(555) 013-{:04}", "030/{:07}", "+1-555-{:07}", "555{:06}", "+4917{:09}")
    form = rng.choice(forms)
    return lambda _: form.format(rng.randrange(10_000))


def _moments(rng: Random, pattern: str, step: timedelta) -> Cells:
    first = datetime(rng.randint(1995, 2024), rng.randint(1, 12), rng.randint(1, 28), rng.randrange(24))  # noqa: DTZ001 - written as text
    return lambda row: (first + step * row + timedelta(seconds=rng.randrange(3600))).strftime(pattern)


def _day(rng: Random, language: Language) -> Cells:
    pattern = rng.choice(language.days)
    return _moments(rng, pattern, timedelta(days=rng.choice((1, 1, 7, 31))))


def _stamp(rng: Random, language: Language) -> Cells:
    pattern = rng.choice(
        (
            "%Y-%m-%d %H:%M:%S",
            "%Y-%m-%dT%H:%M:%SZ",
            "%Y-%m-%d %H:%M:%S.%f",
            "%m/%d/%Y %I:%M:%S %p",
            "%d.%m.%Y %H:%M",
            "%Y-%m-%dT%H:%M:%S+01:00",
            "%a, %d %b %Y %H:%M:%S",
        )
    )
    return _moments(rng, pattern, timedelta(minutes=rng.choice((1, 15, 1440))))


def _time(rng: Random, language: Language) -> Cells:
    return _moments(rng, rng.choice(("%H:%M", "%H:%M:%S", "%I:%M %p")), timedelta(minutes=rng.choice((1, 17, 60))))


def _count(rng: Random, language: Language) -> Cells:
    top = rng.choice((5, 100, 10_000, 3_000_000))
    signed = rng.random() < 0.15
    return lambda _: str(rng.randrange(top) - (top // 2 if signed else 0))


def number(rng: Random, language: Language, top: float, places: int, *, grouped: bool) -> str:
    text = f"{rng.uniform(0, top):,.{places}f}" if grouped else f"{rng.uniform(0, top):.{places}f}"
    return text.replace(",", "\0").replace(".", language.decimal).replace("\0", language.group)


def _float(rng: Random, language: Language) -> Cells:
    places, top = rng.choice((1, 2, 4, 6)), rng.choice((1.0, 50.0, 5000.0))
    return lambda _: number(rng, language, top, places, grouped=False)


def _double(rng: Random, language: Language) -> Cells:
    return lambda _: repr(rng.gauss(0, 1) * rng.choice((1e-6, 1, 1e17)))


def _money(rng: Random, language: Language) -> Cells:
    sign = rng.choice(("{}", "{}", "{}", "{} €", "${}", "{} EUR", "-{}"))
    grouped, top = rng.random() < 0.6, rng.choice((50.0, 5000.0, 2_000_000.0))
    return lambda _: sign.format(number(rng, language, top, 2, grouped=grouped))


def _percent(rng: Random, language: Language) -> Cells:
    sign, places = rng.choice(("{}%", "{} %")), rng.choice((0, 1, 2))
    return lambda _: sign.format(number(rng, language, 100, places, grouped=False))


def _measure(rng: Random, language: Language) -> Cells:
    unit = rng.choice(("kg", "mm", "km/h", "°C", "m²", "kWh"))
    return lambda _: f"{number(rng, language, 300, 1, grouped=False)} {unit}"


def _boolean(rng: Random, language: Language) -> Cells:
    pair = rng.choice((("true", "false"), ("yes", "no"), ("Y", "N"), ("TRUE", "FALSE"), ("0", "1"), ("t", "f")))
    return lambda _: rng.choice(pair)


def _json(rng: Random, language: Language) -> Cells:
    spaced = rng.random() < 0.5

    def cell(row: int) -> str:
        value: object = {"k": rng.randrange(100), "name": rng.choice(language.first), "tags": rng.sample("abcde", 2)}
        if rng.random() < 0.3:
            value = [value, {"k": None, "on": True}]
        return json.dumps(value, ensure_ascii=False, separators=None if spaced else (",", ":"))

    return cell


def _list(rng: Random, language: Language) -> Cells:
    mark, length = rng.choice((";", "|", ", ", "/", " ; ")), rng.choice((0, 3, 5))
    return lambda _: mark.join(rng.choice(language.states) for _ in range(length or rng.randint(1, 6)))


def _path(rng: Random, language: Language) -> Cells:
    forms = ("C:\\Users\\{}\\{}.txt", "\\\\server\\share\\{}\\{}\\", "/home/{}/{}.csv", "D:\\{} new\\{}")
    form = rng.choice(forms)
    return lambda _: form.format(rng.choice(("ann", "bob", "nina", "tom")), rng.choice(("report", "notes", "t1", "r")))


def _host(rng: Random, language: Language) -> Cells:
    port = rng.choice((":{}", ":{}", ""))
    return lambda row: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{row % 250}" + port.format(rng.randint(80, 9999))


def _version(rng: Random, language: Language) -> Cells:
    return lambda _: f"v{rng.randrange(4)}.{rng.randrange(20)}.{rng.randrange(9)}"


def _html(rng: Random, language: Language) -> Cells:
    return lambda row: f'<a href="/{rng.choice("abc")}/{row}" class="x">{rng.choice(language.cities)}</a>'


def _inches(rng: Random, language: Language) -> Cells:
    return lambda _: f'{rng.choice(language.words)} {rng.randint(3, 40)}"{rng.choice((" black", "", " x 4"))}'


def _span(rng: Random, language: Language) -> Cells:
    form = rng.choice(("{}-{}", "{}:{}", "{} to {}", "{}/{}"))
    return lambda _: form.format(rng.randint(1, 9), rng.randint(10, 99))


KINDS: dict[str, Kind] = {
    kind.label: kind
    for kind in (
        Kind("id", ("id", "ID", "no", "customer_id", "#", "RecordNumber"), _id, True),
        Kind("code", ("code", "sku", "Part No.", "article", "ref"), _code),
        Kind("uuid", ("uuid", "guid", "key"), _uuid),
        Kind("person", ("name", "Full Name", "contact", "author", "customer"), _person),
        Kind("last_first", ("Name", "Last, First", "employee"), _last_first),
        Kind("nickname", ("player", "artist", "alias"), _nickname),
        Kind("name", ("first", "first_name", "Given name"), _first),
        Kind("city", ("city", "Town", "location", "place"), _city),
        Kind("state", ("state", "status", "Region", "category", "kind"), _state),
        Kind("street", ("street", "Street and No."), _street),
        Kind("address", ("address", "Delivery address", "mailing_address"), _address),
        Kind("sentence", ("comment", "Description", "note", "remark", "subject"), _sentence),
        Kind("clauses", ("summary", "details", "Reason"), _clauses),
        Kind("text", ("body", "message", "Text", "abstract"), _text),
        Kind("email", ("email", "E-mail", "mail_address"), _email),
        Kind("url", ("url", "link", "Website"), _url),
        Kind("phone", ("phone", "Phone number", "mobile", "fax"), _phone),
        Kind("day", ("date", "Day", "start_date", "Date of birth"), _day, True),
        Kind("stamp", ("timestamp", "created_at", "Time stamp", "updated"), _stamp, True),
        Kind("time", ("time", "start", "End time"), _time, True),
        Kind("count", ("count", "quantity", "Visits", "n", "stock"), _count, True),
        Kind("float", ("value", "lat", "Weight (kg)", "Temp [°C]", "length_mm", "score"), _float, True),
        Kind("double", ("x", "y", "residual", "coef"), _double, True),
        Kind("money", ("amount", "Price (EUR)", "total", "Net amount", "balance"), _money, True),
        Kind("percent", ("share", "Growth (%)", "rate"), _percent, True),
        Kind("measure", ("size", "speed", "reading"), _measure),
        Kind("boolean", ("active", "ok", "is_paid", "Checked?"), _boolean, True),
        Kind("json", ("data", "attributes", "payload"), _json),
        Kind("list", ("tags", "members", "Categories"), _list),
        Kind("path", ("path", "file", "Folder"), _path),
        Kind("host", ("host", "ip", "server"), _host),
        Kind("version", ("version", "release"), _version),
        Kind("html", ("markup", "Anchor"), _html),
        Kind("inches", ("product", "item"), _inches),
        Kind("span", ("range", "ratio", "odds"), _span),
    )
}
