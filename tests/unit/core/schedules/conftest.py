"""What the tests of schedules share."""

from tests.unit.core.conftest import alice, bob, clock, define, log_level, settled, store

__all__ = ["alice", "bob", "clock", "define", "log_level", "settled", "store"]
