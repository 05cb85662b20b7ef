#!/usr/bin/env python3
"""Headway's command line; `manage.py help` lists the commands."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError:
        # Not the Python that `make up` has prepared: that one has what it needs.
        own = Path(__file__).resolve().parent / ".venv" / "bin" / "python"
        if not own.exists() or Path(sys.prefix) == own.parent.parent:
            sys.exit("There is no Django in this Python, and no .venv beside manage.py: run `make up` once.")
        os.execv(own, [str(own), *sys.argv])

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # The sentence says which setting and what to write: where in the code it was found helps nobody.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"{error}")
