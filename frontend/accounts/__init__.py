"""Accounts: coming and going, and what people set for themselves."""
