"""Bodies of requests: JSON that the database can store, or parts with files."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from frontend.api.problems import Problem

#: Characters that no database stores in JSON: U+0000, and half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class StrictParser(Parser):
    """Reads JSON as RFC 8259 has it; what is no JSON, or can't be stored, is refused with a sentence."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read_json(request)


def read_json(request: HttpRequest) -> Any:
    """Return the JSON of the body; raise Problem when it has none."""
    kind = request.content_type or "application/json"
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"The body is {kind[:100]}; send application/json.")
    return parse_json(request.body)


def parse_json(text: bytes | str) -> Any:
    """Return the value of a JSON text; raise Problem."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        # The error quotes nothing of the text but a place in it.
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem(400, f"The body is no JSON that can be read: {why[:200]}.") from error
    refuse_unstorable(value)
    return value


def refuse_unstorable(value: Any, path: str = "") -> None:
    """Raise Problem for a text that no database stores."""
    if isinstance(value, str):
        if match := _UNSTORABLE.search(value):
            sentence = f"This holds the character U+{ord(match[0]):04X}, which can't be stored."
            raise Problem(422, f"{path}: {sentence}" if path else sentence, errors={path: [sentence]})
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            refuse_unstorable(entry, f"{path}.{number}" if path else str(number))
    elif isinstance(value, dict):
        for name, entry in value.items():
            refuse_unstorable(name, path)
            refuse_unstorable(entry, f"{path}.{name}" if path else name)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
