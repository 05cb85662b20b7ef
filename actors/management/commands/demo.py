"""Makes a demo user and a first dataset; running it again changes nothing."""

from __future__ import annotations

import csv
import io
import ipaddress
import random
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.base import BaseCommand
from django.utils.crypto import get_random_string

from core import pipelines
from core.conf import conf
from core.forms import open_form
from core.models import Job

NAME = "demo"
SAMPLE_KEY = "demo-sample"
SAMPLE_ROWS = 2_000
#: So that the sample shows what becomes of rows that do not fit.
RULES = '[{"column": "quantity", "type": "integer", "min": 1}, {"column": "date", "type": "date", "required": true}]'


class Command(BaseCommand):
    help = "Make the demo user and import a sample file; prints the login."

    def handle(self, **options: Any) -> None:
        model = get_user_model()
        user = model.objects.filter(username=NAME).first()
        if user is None:
            # On an address that others can reach, a password that everyone knows would be an open door.
            password = NAME if _is_loopback(conf.HOST) else get_random_string(14)
            user = model.objects.create_superuser(NAME, "demo@example.org", password)
            self.stdout.write(f"Log in as {NAME} with the password {password}.")
        elif user.check_password(NAME):
            self.stdout.write(f"Log in as {NAME} with the password {NAME}.")
        else:
            self.stdout.write(f"Log in as {NAME} with the password you were given.")
        if not Job.objects.filter(owner=user, idempotency_key=SAMPLE_KEY).exists():
            self._import_sample(user)

    def _import_sample(self, user: Any) -> None:
        spec = pipelines.get("csv_import")
        file = SimpleUploadedFile("orders-sample.csv", sample_csv(), content_type="text/csv")
        entry = open_form(spec, user=user, data={"name": "Sample orders", "rules": RULES}, files={"file": file})
        if not entry.is_valid():
            self.stderr.write(f"The sample was not imported: {entry.form.errors.as_text()}")
            return
        entry.submit(key=SAMPLE_KEY)


def sample_csv() -> bytes:
    """Return a table of orders with the faults that real ones have; always the same."""
    chance = random.Random(7)
    text = io.StringIO(newline="")
    rows = csv.writer(text, delimiter=";")
    rows.writerow(["order", "date", "customer", "country", "product", "quantity", "price", "express", "note"])
    names = ["Ada Lovelace", "Bengt Öberg", "Chloé Durand", "Đặng Thị Hoa", "Emil Müller", "García, Luis"]
    goods = [("Lamp", 49.9), ("Desk", 389.0), ("Chair", 129.5), ("Shelf", 89.0), ("Rug", 210.0)]
    for number in range(1, SAMPLE_ROWS + 1):
        product, price = chance.choice(goods)
        quantity = str(chance.choice([1, 1, 1, 2, 2, 3, 4, 6, 12]))
        date = f"2026-{chance.randint(1, 10):02}-{chance.randint(1, 28):02}"
        if number % 400 == 0:
            quantity = "a few"
        if number % 500 == 0:
            date = "2026-02-31"
        rows.writerow(
            [
                f"A{10_000 + number}",
                date,
                chance.choice(names),
                chance.choice(["SE", "FR", "DE", "VN", "MA", "ES", ""]),
                product,
                quantity,
                f"{price * chance.uniform(0.9, 1.1):.2f}",
                chance.choice(["yes", "no"]),
                chance.choice(["", "", "", "gift", 'says "ring twice"', "leave it\nwith the neighbour"]),
            ]
        )
    return text.getvalue().encode()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
