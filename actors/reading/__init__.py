"""Reading tables truly: bytes in, typed records and an account of every line out.

It knows nothing of jobs, Django or pages. `python -m actors.reading FILE` says what it makes of a file.
"""
