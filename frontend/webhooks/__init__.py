"""Webhooks: a person's own, the log of their calls, and the acts on them. Nobody else sees them."""
