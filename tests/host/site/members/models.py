"""A user model without much of Django's: for hosts that log in by mail."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class MemberManager(BaseUserManager["Member"]):
    def create_user(self, mail: str, password: str | None = None, **fields: object) -> "Member":
        member = self.model(mail=self.normalize_email(mail), **fields)
        member.set_password(password)
        member.save()
        return member

    def create_superuser(self, mail: str, password: str | None = None, **fields: object) -> "Member":
        return self.create_user(mail, password, is_staff=True, is_superuser=True, **fields)


class Member(AbstractBaseUser, PermissionsMixin):
    """Logs in with a mail address; has a UUID, no user name, and no date of joining."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    mail = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    objects = MemberManager()
    USERNAME_FIELD = "mail"
    EMAIL_FIELD = "mail"
    REQUIRED_FIELDS: list[str] = []
