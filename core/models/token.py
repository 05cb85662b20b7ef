"""Tokens by which programs come in over HTTP."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from core import policy


class ApiToken(models.Model):
    """A token of one person's. Its text is shown once and not stored: the row has its digest only."""

    class Scope(models.TextChoices):
        """What a request with the token may do; each allows what those before it allow."""

        READ = "read", "Read"
        SUBMIT = "submit", "Submit and act"
        OPERATE = "operate", "Operate the site"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    #: SHA-256 of the whole token, in hexadecimal digits.
    digest = models.CharField(max_length=64, unique=True)
    #: The last characters of the token, by which a person tells it from others.
    ending = models.CharField(max_length=8)
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.READ)
    created_at = models.DateTimeField(db_default=Now())
    #: When it stops working; empty for never.
    expires_at = models.DateTimeField(null=True)
    #: When it was last used, to the minute.
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.ending})"

    def allows(self, scope: str) -> bool:
        """Return whether a request with the token may do what needs this scope, for its owner as they are now."""
        levels = self.Scope.values
        if levels.index(scope) > levels.index(self.scope):
            return False
        return scope != self.Scope.OPERATE or policy.operates(self.owner)
