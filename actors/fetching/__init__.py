"""Fetching files by their addresses: many at once, resumable, and never from inside unless the site says so.

1. `addresses` reads what a person wrote, `resolving` resolves the name once and checks every IP address it has.
2. `asking` connects to that very address. It follows redirects by hand and checks each one.
3. `partial` is the file while it arrives: what came before a broken line or a killed worker is not fetched again.
4. `fetching` is the life of one file: tries, waits, resuming, caps. `many` runs the files of one job at once.

docs/fetching.md says what is refused, and what it holds to.
"""
