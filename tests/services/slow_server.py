"""A server on loopback that lets those wait who ask it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SlowServer:
    """Answers HTTP requests after some seconds, or when it is told to; counts who waits."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.port = 0
        #: How many wait now, and the most that ever did.
        self.waiting = self.most = 0
        self._loop = asyncio.new_event_loop()
        self._go = asyncio.Event()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slow-server", daemon=True)

    def go(self) -> None:
        """Answer everybody from now on."""
        self._loop.call_soon_threadsafe(self._go.set)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            for task in (left := asyncio.all_tasks(self._loop)):
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._ending.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            # Whoever asked may go away meanwhile.
            waits = [asyncio.create_task(self._go.wait()), asyncio.create_task(reader.read())]
            try:
                await asyncio.wait(waits, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.waiting -= 1
                for wait in waits:
                    wait.cancel()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone
        finally:
            writer.close()


@contextmanager
def slow_server(seconds: float | None = None) -> Iterator[SlowServer]:
    """A server on loopback that answers after so many seconds; without them, when `go` is called."""
    server = SlowServer(seconds)
    server._thread.start()
    server._is_up.wait()
    try:
        yield server
    finally:
        server.go()
        server._loop.call_soon_threadsafe(server._ending.set)
        server._thread.join(10)
