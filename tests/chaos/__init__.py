"""Chaos: real workers, brokers and databases are killed, stopped and wiped; a ledger keeps what was promised.

`make chaos` runs the scenarios of `tests.chaos.scenarios` at full size, `make test` in short. A scenario
breaks things on a `Stage`. A witness in the database (witness.sql) writes down every write of an attempt
with the fence that made it and the one that was current; `tests.chaos.verdict` judges when it is quiet.
docs/reliability.md shows what was seen.
"""
