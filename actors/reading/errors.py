"""What keeps a file from being read."""


class Unreadable(ValueError):
    """Raised when a file, or a setting for it, cannot be read as a table. The message is a sentence for a person."""
