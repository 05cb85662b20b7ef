"""Fetching files by their addresses: many at once, resumable, and never from inside unless the site says so.

1. `addresses` reads what a person wrote, `resolving` looks the name up once and judges every address it has.
2. `asking` connects to that very address, and follows redirects by hand, each judged anew.
3. `partial` is the file while it arrives: what came before a line broke, or a worker was killed, is not fetched again.
4. `fetching` is the life of one file: tries, waits, resuming, caps. `many` runs the files of one job at once.

docs/fetching.md says what is refused, and what it holds to.
"""
