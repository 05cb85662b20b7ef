"""Which fields of a form are secrets, and how their values are stored: encrypted, and shown to nobody.

1. A field is one when it says so (`secret = True`) or when its widget is a password's.
2. A submit seals its value (`seal`): what the row keeps is `{"$secret": …}`, which only the site's keys open.
3. An attempt opens it (`Opened`) for the call of its function, and for nothing else.
4. Whatever shows parameters shows them as `hidden` returns them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django import forms
from django.forms.utils import pretty_name

from core.conf import conf
from core.database.jsontext import dumps
from core.errors import PermanentError

#: What stands for a secret wherever parameters are shown.
HIDDEN = "Hidden"
#: The one name in the JSON object that a sealed value is.
_MARK = "$secret"
#: Shorter secrets are not looked for in texts: they would be found in each.
_LEAST_LENGTH = 4


def is_secret(field: forms.Field) -> bool:
    return bool(getattr(field, "secret", False)) or isinstance(field.widget, forms.PasswordInput)


def names(form: type[forms.Form]) -> frozenset[str]:
    """Return the names of the form's secret fields."""
    return frozenset(name for name, field in form.base_fields.items() if is_secret(field))


def seal(form: type[forms.Form], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the values of secret fields encrypted; what is sealed already, or empty, stays."""
    hidden = names(form)
    return {name: sealed(value) if name in hidden else value for name, value in params.items()}


def is_sealed(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {_MARK}


def sealed(value: Any) -> Any:
    """Return one value encrypted, for a column of its own; what is sealed already, or empty, stays."""
    if is_sealed(value) or value in (None, "", [], {}):
        return value
    return {_MARK: _keys().encrypt(dumps(value).encode()).decode()}


def opened(value: Mapping[str, Any]) -> Any:
    """Return what `sealed` has encrypted; raise InvalidToken where none of the site's keys opens it."""
    return json.loads(_keys().decrypt(str(value[_MARK]).encode()))


def hidden(value: Any, form: type[forms.Form] | None = None) -> Any:
    """Return parameters, or a part of them, as they may be shown: `Hidden` in place of each sealed value.

    With their form, the values of its secret fields are hidden that were stored before the fields were secrets, too.
    What code keeps beside the form's values, under names that begin with `_`, is left out.
    """
    if form is not None:
        secret = names(form)
        return {
            name: HIDDEN if name in secret and entry else hidden(entry)
            for name, entry in value.items()
            if name in form.base_fields or not name.startswith("_")
        }
    if is_sealed(value):
        return HIDDEN
    if isinstance(value, Mapping):
        return {name: hidden(entry) for name, entry in value.items()}
    return [hidden(entry) for entry in value] if isinstance(value, list) else value


class Opened:
    """The secrets of one attempt, once they are opened: what no text about it may hold."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        #: The texts to be taken out, the longest first.
        self._texts: list[str] = []

    def open(self, params: Mapping[str, Any], form: type[forms.Form]) -> dict[str, Any]:
        """Return the parameters as they were given; raise PermanentError, with a sentence, where no key opens one."""
        values = {}
        for name, value in params.items():
            try:
                values[name] = self._open(value)
            except InvalidToken:
                field = form.base_fields.get(name)
                label = field.label if field is not None and field.label else pretty_name(name)
                raise PermanentError(
                    f"{label} can't be read any more: the site's secret key has changed since it was typed. Edit the "
                    "parameters, and type it anew."
                ) from None
        self._texts = sorted({text for value in self._values for text in _texts(value)}, key=len, reverse=True)
        return values

    def redacted(self, text: str) -> str:
        """Return a text with `Hidden` in place of each secret: an error may quote one."""
        for secret in self._texts:
            text = text.replace(secret, HIDDEN)
        return text

    def redact(self, error: BaseException) -> None:
        """Take the secrets out of an error's texts, and of those it comes from, before it is logged."""
        chain: list[BaseException | None] = [error]
        seen: set[int] = set()
        while self._texts and chain:
            each = chain.pop()
            if each is None or id(each) in seen:
                continue
            seen.add(id(each))
            each.args = tuple(self.redacted(value) if isinstance(value, str) else value for value in each.args)
            chain += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]

    def _open(self, value: Any) -> Any:
        if is_sealed(value):
            self._values.append(value := opened(value))
            return value
        if isinstance(value, dict):
            return {name: self._open(entry) for name, entry in value.items()}
        return value


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derived(text)) for text in conf.SECRET_KEYS])


def _derived(text: str) -> bytes:
    """Return a Fernet key made of a text of any length, by HKDF (RFC 5869)."""
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"headway.secrets")
    return base64.urlsafe_b64encode(derivation.derive(text.encode()))


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a value that are long enough to be told from others, as errors may quote them."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif not isinstance(value, bool) and value is not None and len(text := str(value)) >= _LEAST_LENGTH:
        yield text
        yield repr(text)[1:-1]
