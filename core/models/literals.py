"""Fields whose values are literals in every query.

SQLite reads a partial index only for a query that has the index's condition in its own words, without parameters; the
ORM binds every value. PostgreSQL plans by the literals, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.lookups import Exact, In

from core.database.fragments import literals
from core.models.states import State

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
    _BooleanField = models.BooleanField[bool, bool]
else:
    _CharField, _BooleanField = models.CharField, models.BooleanField


class StateField(_CharField):
    """A job's state; a plain CharField to migrations and to the database."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class HeldField(_BooleanField):
    """Whether a job is held; a plain BooleanField to migrations and to the database."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BooleanField", args, kwargs


@StateField.register_lookup
class _StateIn(In):
    def process_rhs(self, compiler: Any, connection: Any) -> Any:
        if self.rhs_is_direct_value():
            # In their order, without repeats.
            states = list(dict.fromkeys(state for state in self.rhs if state is not None))
            if states and _are_states(states):
                return literals(states), []
        return super().process_rhs(compiler, connection)


@StateField.register_lookup
class _StateExact(Exact):
    def process_rhs(self, compiler: Any, connection: Any) -> Any:
        if self.rhs_is_direct_value() and _are_states([self.rhs]):
            return literals([self.rhs])[1:-1], []
        return super().process_rhs(compiler, connection)


@HeldField.register_lookup
class _HeldExact(Exact):
    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        if not isinstance(self.rhs, bool):
            return self.as_sql(compiler, connection)
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = {int(self.rhs)}", params


def _are_states(values: list[Any]) -> bool:
    """Whether all are states: nothing else is written into a query."""
    return all(value in State.values for value in values)
