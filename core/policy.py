"""Who sees, who acts, who operates. A site may name a class of its own: `HEADWAY = {"POLICY": "shop.rules.Rules"}`.

    class Rules(Policy):
        def visible(self, user, rows):
            return rows.filter(owner__team=user.team_id)

Each rule on rows is a filter, so that lists, counts and single pages go by the same one.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.utils.module_loading import import_string

from core.conf import conf

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
    from django.db.models import QuerySet

    User = AbstractBaseUser | AnonymousUser

#: A query of jobs, datasets or schedules: rows that have an `owner`.
Rows = TypeVar("Rows", bound="QuerySet[Any]")


class Policy:
    """Owners see and change what is theirs; staff sees, changes and operates everything."""

    def visible(self, user: User, rows: Rows) -> Rows:
        """Return those of these jobs, datasets or schedules that the person may see."""
        if self.operates(user):
            return rows
        return rows.filter(owner_id=user.pk) if user.is_authenticated else rows.none()

    def changeable(self, user: User, rows: Rows) -> Rows:
        """Return those that the person may act on: cancel, retry, keep, edit, delete. All of them are visible."""
        return self.visible(user, rows)

    def operates(self, user: User) -> bool:
        """Return whether the person looks after the site: limits, workers, mails, the audit trail, tracebacks."""
        return bool(getattr(user, "is_staff", False))


def visible(user: User, rows: Rows) -> Rows:
    """Return those of the rows that this person may see."""
    return rows if _is_command_line(user) else _policy(conf.POLICY).visible(user, rows)


def changeable(user: User, rows: Rows) -> Rows:
    """Return those of the rows that this person may act on."""
    return rows if _is_command_line(user) else _policy(conf.POLICY).changeable(user, rows)


def may_see(user: User, thing: Any) -> bool:
    """Return whether this person may see this job, dataset or schedule."""
    rows: QuerySet[Any] = type(thing)._default_manager.filter(pk=thing.pk)
    return visible(user, rows).exists()


def may_change(user: User, thing: Any) -> bool:
    """Return whether this person may act on this job, dataset or schedule."""
    kind = type(_policy(conf.POLICY))
    if kind.changeable is Policy.changeable and kind.visible is Policy.visible:
        # The rule of the default, said of one row: pages ask it for each button, which is worth no query.
        return operates(user) or (user.is_authenticated and thing.owner_id == user.pk)
    rows: QuerySet[Any] = type(thing)._default_manager.filter(pk=thing.pk)
    return changeable(user, rows).exists()


def operates(user: User) -> bool:
    """Return whether this person looks after the site."""
    return _is_command_line(user) or _policy(conf.POLICY).operates(user)


def _is_command_line(user: User) -> bool:
    """Whether it stands for whoever has the command line of the server, whom no policy keeps out."""
    return getattr(user, "is_command_line", False)


@cache
def _policy(path: str) -> Policy:
    policy: Policy = import_string(path)()
    return policy
