"""What tracked jobs are measured against: a bare Dramatiq actor that does nothing and tracks nothing."""

import os
import threading
import time
from pathlib import Path

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import Middleware

FOLDER = Path(os.environ["BARE_FOLDER"])
QUEUE = "bare"


class Count(Middleware):
    """Writes how many messages this process ran, and when the first and the last of them."""

    def __init__(self) -> None:
        self.count, self.first, self.last = 0, 0.0, 0.0
        self.guard = threading.Lock()

    def after_process_message(self, *_: object, **__: object) -> None:
        now = time.time()
        with self.guard:
            self.first = self.first or now
            self.last = now
            self.count += 1

    def after_worker_boot(self, *_: object) -> None:
        threading.Thread(target=self.write, daemon=True).start()

    def write(self) -> None:
        while True:
            time.sleep(0.1)
            text = f"{self.count} {self.first} {self.last}"
            part = FOLDER / f".{os.getpid()}"
            part.write_text(text)
            part.rename(FOLDER / f"{os.getpid()}.count")


broker = RabbitmqBroker(url=os.environ["RABBITMQ_URL"], confirm_delivery=True, middleware=[Count()])
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=QUEUE)
def nothing(job_id: int) -> None:
    """Do nothing."""
