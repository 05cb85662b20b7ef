"""Whose a thing is: owners' keys of whatever type the user model has, and what a deleted owner leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.db.models import CASCADE, ProtectedError, Value
from django.db.models.functions import Concat, Left

from core.conf import HAND_OVER, conf

if TYPE_CHECKING:
    from django.db.models.deletion import Collector

#: Characters that a key has when it makes room for a deleted owner's key of the same text.
_KEY_LENGTH = 100


# -- keys in statements of our own ----------------------------------------------------------------------


def as_column(owner_id: Any) -> Any:
    """Return an owner's key as this database's column holds it: a UUID is text on SQLite."""
    return get_user_model()._meta.pk.get_db_prep_value(owner_id, connection)


def as_key(column: Any) -> Any:
    """Return what a statement of our own read from an owner's column as the user model has it."""
    if column is None or isinstance(column, int):
        return column
    return get_user_model()._meta.pk.to_python(column)


def lowest_key() -> Any:
    """Return a key that none is below, as the column holds it."""
    return as_column({"UUIDField": "0" * 32, "CharField": ""}.get(_kind(), 0))


def _kind() -> str:
    internal = get_user_model()._meta.pk.get_internal_type()
    return "CharField" if internal in ("CharField", "TextField", "SlugField") else internal


# -- a deleted owner ------------------------------------------------------------------------------------


class _Notice:
    """What the admin lists as protected: one sentence in the place of a hundred thousand jobs."""

    _meta = SimpleNamespace(verbose_name="not deleted", app_label="core", model_name="owner")
    pk = None

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Notice) and other._sentence == self._sentence

    def __hash__(self) -> int:
        return hash(self._sentence)

    def __str__(self) -> str:
        return self._sentence

    __repr__ = __str__


def owner_deleted(collector: Collector, field: models.ForeignKey[Any, Any], rows: Any, using: str) -> None:
    """Do as OWNER_DELETED says with what a deleted person owns; an `on_delete` of Django's."""
    wanted = conf.OWNER_DELETED
    if wanted == "delete":
        CASCADE(collector, field, rows, using)
        return
    if not wanted.startswith(HAND_OVER):
        raise _protected(_why_protected(_owners_of(field, rows)))
    heir = heir_of(wanted)
    if heir is None or heir.pk in set(_owners_of(field, rows)):
        name = wanted.removeprefix(HAND_OVER)
        why = "is the account to be deleted" if heir else "does not exist"
        raise _protected(f"Jobs of deleted accounts go to {name!r} (OWNER_DELETED), which {why}. Nothing was deleted.")
    collector.add_field_update(field, heir.pk, rows)


def _protected(sentence: str) -> ProtectedError:
    # Django replaces the message by one of its own, and keeps the objects.
    return ProtectedError(sentence, {_Notice(sentence)})  # type: ignore[arg-type]


def heir_of(wanted: str) -> Any:
    """Return the account that OWNER_DELETED names; None when there is no such."""
    user_model = get_user_model()
    name = wanted.removeprefix(HAND_OVER)
    return user_model._default_manager.filter(**{f"{user_model.USERNAME_FIELD}": name}).first()


def make_room(*, instance: Any, using: str, **_: Any) -> None:
    """Change the keys of a person about to be deleted that are unique to an owner; receives `pre_delete`.

    Whoever gets the person's jobs may have used the same keys.
    """
    if not conf.OWNER_DELETED.startswith(HAND_OVER):
        return
    mark = Value(f"-{instance.pk}")
    for name, key in (("Job", "idempotency_key"), ("Schedule", "form_key")):
        own = apps.get_model("core", name)._base_manager.using(using).filter(owner=instance.pk)
        own.exclude(**{key: None}).update(**{key: Concat(Left(key, _KEY_LENGTH - len(mark.value)), mark)})


def _owners_of(field: models.ForeignKey[Any, Any], rows: Any) -> list[Any]:
    if isinstance(rows, models.QuerySet):
        return list(rows.order_by().values_list(field.attname, flat=True).distinct())
    return list({getattr(row, field.attname) for row in rows})


def _why_protected(owner_ids: Sequence[Any]) -> str:
    people = get_user_model()._default_manager.filter(pk__in=owner_ids[:3])
    names = " and ".join(person.get_username() for person in people)
    owned = _in_words(
        (apps.get_model("core", name)._base_manager.filter(owner__in=owner_ids).count(), word)
        for name, word in (("Job", "job"), ("Dataset", "dataset"), ("Schedule", "schedule"))
    )
    return (
        f"{names} can't be deleted: {owned} would be without an owner. Make the account inactive instead, or let "
        "OWNER_DELETED say what becomes of them."
    )


def _in_words(counts: Iterable[tuple[int, str]]) -> str:
    words = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    return " and ".join(", ".join(words).rsplit(", ", 1))
