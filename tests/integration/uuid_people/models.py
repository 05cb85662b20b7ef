"""People whose keys are no numbers."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class PersonManager(BaseUserManager["Person"]):
    """Makes people; it has no `create_user`."""


class Person(AbstractBaseUser):
    """A person who logs in with an address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "address"
    EMAIL_FIELD = "address"

    def __str__(self) -> str:
        return self.address
