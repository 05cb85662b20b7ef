"""Many reads of one moment."""

import threading

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from core.database.snapshot import snapshot

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(name: str) -> None:
    """Add a group over another connection."""

    def add() -> None:
        try:
            Group.objects.create(name=name)
        finally:
            connection.close()

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()


def test_what_is_committed_meanwhile_is_seen_afterwards() -> None:
    with snapshot():
        assert Group.objects.count() == 0
        elsewhere("late")
        assert Group.objects.count() == 0
    assert Group.objects.count() == 1


def test_without_a_snapshot_two_reads_may_differ() -> None:
    assert Group.objects.count() == 0
    elsewhere("late")
    assert Group.objects.count() == 1


def test_an_error_within_ends_it_and_leaves_the_connection_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), snapshot():
        Group.objects.count() / 0
    assert not connection.in_atomic_block
    with transaction.atomic():
        Group.objects.create(name="written")
    assert Group.objects.count() == 1


def test_within_a_transaction_it_changes_nothing() -> None:
    with transaction.atomic():
        Group.objects.create(name="first")
        with snapshot():
            Group.objects.create(name="second")
    assert Group.objects.count() == 2


def test_postgresql_lets_nothing_be_written_within() -> None:
    if connection.vendor != "postgresql":
        # SQLite takes the lock for the first write, and stays correct.
        with snapshot():
            Group.objects.create(name="written")
        return
    with pytest.raises(DatabaseError, match="read-only"), snapshot():
        Group.objects.create(name="written")
    assert Group.objects.count() == 0
