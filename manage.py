#!/usr/bin/env python3
"""Headway's command line; `manage.py help` lists the commands."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # The sentence says which setting and what to write: where in the code it was found helps nobody.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"{error}")
