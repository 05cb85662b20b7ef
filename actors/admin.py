"""Django's admin without the table of Dramatiq's messages: its middleware, which would fill it, is not used."""

from django.contrib import admin
from django_dramatiq.models import Task

if admin.site.is_registered(Task):
    admin.site.unregister(Task)
