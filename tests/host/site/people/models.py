"""Django's user with more in it, as most companies have it."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Django's user with a phone number."""

    phone = models.CharField(max_length=40, blank=True)
