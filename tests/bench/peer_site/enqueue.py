"""`python -m peer_site.enqueue FIRST COUNT PER_SECOND SECONDS`: enqueue tasks by what PEER names.

With PER_SECOND 0 all at once, by the peer's way for many; otherwise one by one, each at a chance moment of its turn.
"""

import importlib
import os
import random
import sys
import time

import django


def main() -> None:
    first, count, per_second, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    django.setup()
    peer = importlib.import_module(f"peer_site.{os.environ['PEER']}")
    numbers = range(first, first + count)
    if not per_second:
        peer.enqueue_many(numbers, seconds)
        return
    # The first one opens the connections.
    peer.enqueue(first, seconds)
    began = time.monotonic() + 0.5
    for turn, number in enumerate(numbers[1:]):
        time.sleep(max(0.0, began + (turn + random.random()) / per_second - time.monotonic()))
        peer.enqueue(number, seconds)
    # A relay of this process may have a batch in hand.
    time.sleep(1)


main()
