"""Ends the wait after too many wrong passwords."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from frontend.accounts.login_tries import forgive_name, forgive_place


class Command(BaseCommand):
    help = "Forget the wrong passwords for a name, or from an address."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", default="")
        parser.add_argument("--address", default="", help="an IP address; of IPv6 the network, as 2001:db8:1:2::")

    def handle(self, *, username: str, address: str, **options: Any) -> None:
        if bool(username) == bool(address):
            raise CommandError("name either an account or an address with --address")
        count = forgive_name(username) if username else forgive_place(address)
        self.stdout.write("Forgotten." if count else "There was nothing to forget.")
