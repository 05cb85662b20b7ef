"""An app with a user model of its own: a UUID as its key, an address as its name, and nothing that is not needed."""
