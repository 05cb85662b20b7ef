"""The broker: RabbitMQ, or Dramatiq's in-process one. Nothing else knows which of them runs.

Both carry the same messages and answer the same two questions: publish these jobs, and how many messages wait.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Iterable, Sequence
from functools import partial
from queue import Queue
from typing import Any, Protocol, cast

import dramatiq
import pika
import pika.exceptions
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer, _RabbitmqMessage
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import iter_queue, q_name, xq_name
from dramatiq.errors import ConnectionClosed
from dramatiq.message import Message
from dramatiq.middleware import Middleware, SkipMessage

from actors.runtime.deliveries import BadMessage, read
from core.conf import conf
from core.life.messages import DueJob
from core.operation import alarms

#: The actors that run jobs, by priority. They do the same: what a worker has fetched already goes by its actor's.
RUN_JOB = "run_job"
ACTORS = {2: "run_urgent_job", 1: RUN_JOB, 0: "run_low_job"}
_PRIORITIES = {name: priority for priority, name in ACTORS.items()}
#: The queue that is always there.
DEFAULT_QUEUE = "default"
#: Urgent, normal, low: as core.models.job.Priority counts them.
MAX_PRIORITY = 2
HEARTBEAT_SECONDS = 60
#: Seconds a publisher waits for a broker that has stopped reading (a memory or disk alarm).
BLOCKED_SECONDS = 10.0
#: Errors by which a consumer learns that its connection, its channel or its queue is gone.
CONSUMER_ENDED = (AssertionError, pika.exceptions.AMQPConnectionError, pika.exceptions.AMQPChannelError)
#: Seconds for which the consumer of a stopping worker listens at a time.
LEAVE_SECONDS = 0.5
#: Errors that mean the broker is away; what was not confirmed is published again.
BROKER_AWAY = (pika.exceptions.AMQPError, ConnectionClosed, OSError)


class JobBroker(Protocol):
    """What the relay needs of a broker."""

    #: Whether other processes can take the messages: if not, only a worker publishes, to itself.
    is_shared: bool

    def publish_jobs(self, jobs: Sequence[DueJob]) -> None: ...
    def waiting_messages(self, queue: str) -> int: ...
    def let_go(self) -> None: ...
    def idle(self) -> None: ...


def job_broker() -> JobBroker:
    """Return the process's broker as the relay uses it."""
    return cast(JobBroker, dramatiq.get_broker())


def build_broker(middleware: Iterable[Middleware] = (), **_: Any) -> dramatiq.Broker:
    """Return the broker that the settings choose."""
    if conf.RABBITMQ_URL:
        return JobRabbitmqBroker(conf.RABBITMQ_URL, middleware=[*middleware, SkipStale()])
    return JobStubBroker(middleware=list(middleware))


def message_of(job: DueJob) -> Message[Any]:
    """Return the message of a due job: its id, and nothing that could go stale."""
    return Message(
        queue_name=job.queue,
        actor_name=ACTORS[job.priority],
        args=(job.job_id,),
        kwargs={},
        options={},
        message_id=f"{job.job_id}-{job.attempt}",
        message_timestamp=int(time.time() * 1000),
    )


# -- in the process ---------------------------------------------------------------------------------


class QueueByPriority(Queue[bytes]):
    """Messages in memory, the urgent first, as RabbitMQ's queues have them; of one priority as they came."""

    def _init(self, maxsize: int) -> None:
        self._heap: list[tuple[int, int, bytes]] = []
        self._numbers = itertools.count()

    def _qsize(self) -> int:
        return len(self._heap)

    def _put(self, item: bytes) -> None:
        # What is no job is as urgent as most jobs are.
        priority = _PRIORITIES.get(Message.decode(item).actor_name, 1)
        heapq.heappush(self._heap, (-priority, next(self._numbers), item))

    def _get(self) -> bytes:
        return heapq.heappop(self._heap)[-1]


class JobStubBroker(StubBroker):
    """Dramatiq's in-process broker: nothing in it matters, its messages are made again from the rows."""

    is_shared = False

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            super().declare_queue(queue_name)
            self.queues[queue_name] = QueueByPriority()

    def publish_jobs(self, jobs: Sequence[DueJob]) -> None:
        for job in jobs:
            self.declare_queue(job.queue)
            self.enqueue(message_of(job))

    def waiting_messages(self, queue: str) -> int:
        held = self.queues.get(queue)
        # Unfinished: those that a thread has taken and not yet acked are not lost either.
        return held.unfinished_tasks if held else 0

    def let_go(self) -> None:
        """There is no connection to let go of."""

    def idle(self) -> None:
        """There is no heartbeat to send."""


# -- RabbitMQ ---------------------------------------------------------------------------------------


class JobRabbitmqBroker(RabbitmqBroker):
    """Dramatiq's RabbitMQ broker with durable hand-over and queues as an operator wants to read them."""

    is_shared = True
    #: Set when the process has been told to stop: its consumers fetch nothing more.
    is_leaving = False

    def __init__(self, url: str, *, middleware: list[Middleware]) -> None:
        super().__init__(
            url=[_with_defaults(part) for part in url.split(";")],
            confirm_delivery=True,
            middleware=middleware,
        )
        if conf.RABBITMQ_QUEUE_TYPE == "classic":
            self.max_priority = MAX_PRIORITY

    @property
    def consumer_class(self) -> type[_RabbitmqConsumer]:
        return SafeConsumer

    # Delays are `run_at` in the row: the queues of delayed messages that Dramatiq would consume are left out.
    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        name = q_name(queue_name)
        if name not in self.queues:
            self.emit_before("declare_queue", name)
            self.queues.add(name)
            self.queues_pending.add(name)
            self.emit_after("declare_queue", name)
        if ensure:
            self._ensure_queue(name)

    def _declare_dq_queue(self, queue_name: str) -> None:
        """There are none."""

    def _declare_queue(self, queue_name: str) -> Any:
        return self._find_or_declare(queue_name, self._build_queue_arguments(queue_name))

    def _declare_xq_queue(self, queue_name: str) -> Any:
        return self._find_or_declare(xq_name(queue_name), {"x-message-ttl": 7 * 24 * 3600 * 1000})

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        arguments = dict(super()._build_queue_arguments(queue_name))
        if conf.RABBITMQ_QUEUE_TYPE != "classic":
            arguments["x-queue-type"] = conf.RABBITMQ_QUEUE_TYPE
        return arguments

    def _find_or_declare(self, name: str, arguments: dict[str, Any]) -> Any:
        # Asked for passively first: a user that may only read and write needs no right to configure, and a queue that
        # an operator declared otherwise is used as it is.
        try:
            return self.channel.queue_declare(queue=name, passive=True)
        except pika.exceptions.ChannelClosedByBroker as error:
            del self.channel
            if error.reply_code != 404:
                raise
        return self.channel.queue_declare(queue=name, durable=True, arguments=arguments)

    def publish_jobs(self, jobs: Sequence[DueJob]) -> None:
        """Publish in one transaction of the channel: after the commit RabbitMQ has them all on disk."""
        for queue in {job.queue for job in jobs}:
            self.declare_queue(queue, ensure=True)
        channel = self._relay_channel()
        for job in jobs:
            channel.basic_publish(
                exchange="",
                routing_key=job.queue,
                body=message_of(job).encode(),
                properties=_properties(job),
                mandatory=True,
            )
        channel.tx_commit()
        # What came back is with the connection by now, but its callback is only called here.
        channel.connection.process_data_events(time_limit=0)
        returned, self.state.returned = self.state.returned, []
        if returned:
            self.queues_pending.update(returned)
            raise ConnectionClosed(f"queues {', '.join(sorted(set(returned)))} are gone")

    def waiting_messages(self, queue: str) -> int:
        self.declare_queue(queue, ensure=True)
        try:
            answer = self.channel.queue_declare(queue=queue, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            # Somebody deleted the queue: nothing waits in it, and the next publish declares it again.
            del self.channel
            self.queues_pending.add(queue)
            return 0
        return int(answer.method.message_count)

    def let_go(self) -> None:
        """Drop the thread's connection, so that the next use makes a new one."""
        self.state.relay_channel = None
        try:
            del self.connection
        except Exception as error:
            self.logger.debug("could not close a broken connection: %s", error)

    def idle(self) -> None:
        """Answer heartbeats of the thread's connection, if it has one."""
        connection = getattr(self.state, "connection", None)
        if connection is not None:
            connection.process_data_events(time_limit=0)

    def _relay_channel(self) -> Any:
        channel = getattr(self.state, "relay_channel", None)
        if channel is None or not channel.is_open:
            channel = self.connection.channel()
            channel.tx_select()
            self.state.returned = []
            channel.add_on_return_callback(self._note_returned)
            self.state.relay_channel = channel
        return channel

    def _note_returned(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        self.state.returned.append(method.routing_key)


class SafeConsumer(_RabbitmqConsumer):
    """A consumer that answers for its own messages only, and passes on none that can't be run.

    Delivery tags start at 1 again on each connection: an ack of a message of the last connection would hit another
    message on this one, and that would be lost.
    """

    _has_cancelled = False

    def __next__(self) -> Any:
        if self._is_leaving():
            return self._keep_alive()
        try:
            method, _, body = next(self.iterator)
        except CONSUMER_ENDED as error:
            if getattr(error, "reply_code", None) == 404:
                # The queue is gone: it is declared when the consumer starts again.
                self.broker.queues_pending.add(q_name(self.queue_name))
            raise ConnectionClosed(error) from None
        if method is None:
            return None
        try:
            message = read(body, queue=self.queue_name, job_actors=ACTORS.values(), actors=self.broker.actors)
        except BadMessage as error:
            alarms.count(str(error), self.queue_name, body=repr(body[:200]))
            # To the dead letters, where an operator may look at it.
            self._nack(method.delivery_tag)
            return None
        self.known_tags.add(method.delivery_tag)
        proxy: Any = _RabbitmqMessage(method.redelivered, method.delivery_tag, message)
        proxy.consumer = self
        if self._is_leaving():
            self.put_back(proxy)
            return None
        return proxy

    def _is_leaving(self) -> bool:
        return bool(self.broker.is_leaving)

    def put_back(self, message: Any) -> None:
        """Give a message that was fetched and not begun to the other workers."""
        if self._is_ours(message) and message._tag in self.known_tags:
            self.known_tags.discard(message._tag)
            self.connection.add_callback_threadsafe(partial(self.channel.basic_nack, message._tag, requeue=True))

    def _keep_alive(self) -> None:
        """Fetch nothing; send what threads have acked, and answer heartbeats, until the last one has ended."""
        try:
            if not self._has_cancelled:
                self._has_cancelled = True
                self.channel.cancel()
            self.connection.process_data_events(time_limit=LEAVE_SECONDS)
        except CONSUMER_ENDED as error:
            raise ConnectionClosed(error) from None

    def ack(self, message: Any) -> None:
        if self._is_ours(message):
            super().ack(message)

    def nack(self, message: Any) -> None:
        if self._is_ours(message):
            super().nack(message)

    def _is_ours(self, message: Any) -> bool:
        # A dead connection's messages are delivered again by RabbitMQ itself.
        return getattr(message, "consumer", None) is self and self.connection.is_open

    def _nack(self, tag: int) -> None:
        self.connection.add_callback_threadsafe(partial(self.channel.basic_nack, tag, requeue=False))


def take_no_more(broker: JobRabbitmqBroker, worker: Any) -> None:
    """Have the worker fetch nothing more, and give what it has not begun to others."""
    broker.is_leaving = True
    for item in iter_queue(worker.work_queue):
        consumer = getattr(item.message, "consumer", None)
        if consumer is not None:
            consumer.put_back(item.message)


class SkipStale(Middleware):
    """Skips messages that were fetched by a connection that is gone: RabbitMQ has delivered them again."""

    def before_process_message(self, broker: dramatiq.Broker, message: Any) -> None:
        consumer = getattr(message, "consumer", None)
        if consumer is not None and not consumer.connection.is_open:
            raise SkipMessage("its connection is gone")


def _properties(job: DueJob) -> pika.BasicProperties:
    return pika.BasicProperties(
        delivery_mode=2,
        priority=job.priority,
        message_id=f"{job.job_id}-{job.attempt}",
        correlation_id=str(job.job_id),
        type=job.pipeline,
        app_id="headway",
        timestamp=int(time.time()),
        content_type="application/json",
        headers={"owner": str(job.owner_id), "attempt": job.attempt},
    )


def _with_defaults(url: str) -> str:
    """Add defaults to the URL where it sets none."""
    wanted = {
        "heartbeat": HEARTBEAT_SECONDS,
        "blocked_connection_timeout": BLOCKED_SECONDS,
        "connection_attempts": 1,
        "socket_timeout": 5,
        "stack_timeout": 10,
    }
    missing = [f"{name}={value}" for name, value in wanted.items() if f"{name}=" not in url]
    return url + ("&" if "?" in url else "?") + "&".join(missing) if missing else url
