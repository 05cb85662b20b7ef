"""Runs the chaos suite; `python -m tests.chaos --help` says how."""

import os
import sys

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    # Names of pages and states are Django's: it has to be set up first.
    from tests.chaos.command import main

    sys.exit(main())
