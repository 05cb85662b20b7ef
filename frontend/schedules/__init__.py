"""Schedules: the list, the page of each, and acts on it."""
