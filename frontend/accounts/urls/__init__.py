"""Addresses of coming and going, and of personal settings."""
