"""What a person has chosen for themselves."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models


class Preferences(models.Model):
    """A person's settings; without a row the defaults hold."""

    class Theme(models.TextChoices):
        AUTO = "auto", "As the system"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preferences"
    )
    #: The IANA name of the person's time zone; empty for the site's.
    zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    theme = models.CharField(max_length=5, choices=Theme, default=Theme.AUTO, db_default=Theme.AUTO)
    #: Whether a mail comes when one of the person's jobs succeeds, and when one fails.
    mail_when_done = models.BooleanField(default=False, db_default=False)
    mail_when_failed = models.BooleanField(default=False, db_default=False)
    #: Whether the browser shows a notification of its own when a watched job ends.
    browser_notices = models.BooleanField(default=False, db_default=False)
    #: Ends of jobs before this time were seen on the page of notices.
    notices_seen_at = models.DateTimeField(null=True)
    #: For ends of jobs before this time all mails that were wanted have been ordered.
    mailed_until = models.DateTimeField(null=True)
    #: Sessions that began before have ended: the person has logged out everywhere.
    sessions_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"

    @classmethod
    def of(cls, user: AbstractBaseUser) -> Preferences:
        """Return the preferences that were loaded with the person, or are now; unsaved when they have never chosen."""
        try:
            own: Preferences = user.preferences  # type: ignore[attr-defined]  # the other side of `user`
        except cls.DoesNotExist:
            return cls(user_id=user.pk)
        return own
