"""Typesetting with Typst, for pipelines that make PDF files: templates, fonts, compiling, merging, previews.

No models in here, and nothing of Django but the settings: all of it runs in child processes too.
"""

import logging

# It tells of its own start at every import.
logging.getLogger("pikepdf").setLevel(logging.WARNING)
