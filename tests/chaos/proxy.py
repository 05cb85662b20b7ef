"""A TCP proxy on loopback that breaks connections as networks do: reset, half-open, slow, or silent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

BLOCK_BYTES = 65_536
#: Closing with this sends a reset instead of a farewell.
_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    """One connection through the proxy: from who called, and on to the server."""

    caller: asyncio.StreamWriter
    server: asyncio.StreamWriter
    #: Nothing that comes from either side is passed on any more.
    is_deaf: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class Proxy:
    """Listens on `port` and passes everything on to `target`, a loopback port.

    `start` it, `stop` it. Faults may be called from any thread; one that lasts is ended by `heal`.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._links: set[_Link] = set()
        self._delay_seconds = 0.0
        self._loop = asyncio.new_event_loop()
        self._is_open = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{target}", daemon=True)
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._thread.start()
        self._server = self._call(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """Connections that are whole now."""
        return len([link for link in list(self._links) if not link.is_deaf])

    # -- faults ------------------------------------------------------------------------------------

    def reset(self) -> int:
        """Reset every connection on both sides; return how many that were."""
        return self._call(self._reset(lambda link: not link.is_deaf))

    def half_open(self, seconds: float) -> int:
        """Cut every connection off from the server without a word to the caller; return how many that were.

        The caller talks into the void for these seconds, which stand for those of a kernel that gets no more
        acknowledgements (on loopback the proxy's own kernel gives them), and is reset then. New connections are whole.
        """
        return self._call(self._cut(seconds))

    def slow_down(self, seconds: float) -> None:
        """From now on what the server says arrives so much later."""
        self._delay_seconds = seconds

    def black_hole(self) -> None:
        """From now on nothing arrives, and who connects is not answered; nothing is lost either."""
        self._loop.call_soon_threadsafe(self._is_open.clear)

    def heal(self) -> None:
        """End what lasts."""
        self._delay_seconds = 0.0
        self._loop.call_soon_threadsafe(self._is_open.set)

    # -- in the loop -------------------------------------------------------------------------------

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self) -> asyncio.Server:
        self._is_open.set()
        return await asyncio.start_server(self._pass_on, "127.0.0.1", 0)

    async def _close(self) -> None:
        self._server.close()
        await self._reset(lambda _: True)
        for task in [*self._background, *(task for link in self._links for task in link.tasks)]:
            task.cancel()
        await asyncio.sleep(0)

    async def _pass_on(self, reader: asyncio.StreamReader, caller: asyncio.StreamWriter) -> None:
        await self._is_open.wait()
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _abort(caller)
            return
        link = _Link(caller, server)
        self._links.add(link)
        link.tasks = [
            asyncio.ensure_future(self._pump(link, reader, server, lambda: 0.0)),
            asyncio.ensure_future(self._pump(link, answers, caller, lambda: self._delay_seconds)),
        ]
        await asyncio.wait(link.tasks)
        if not link.is_deaf:
            self._links.discard(link)
            caller.close()
            server.close()

    async def _pump(
        self, link: _Link, source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: Callable[[], float]
    ) -> None:
        """Carry what comes from the source to the target, each piece after its delay and in its order."""
        arrived: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, piece = await arrived.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                await self._is_open.wait()
                if link.is_deaf:
                    continue
                if not piece:
                    with contextlib.suppress(OSError):
                        target.write_eof()
                    return
                with contextlib.suppress(OSError):
                    target.write(piece)
                    await target.drain()

        delivering = asyncio.ensure_future(deliver())
        try:
            while True:
                try:
                    piece = await source.read(BLOCK_BYTES)
                except OSError:
                    piece = b""
                arrived.put_nowait((self._loop.time() + delay(), piece))
                if not piece:
                    break
            if not link.is_deaf:
                await delivering
        finally:
            delivering.cancel()

    async def _reset(self, chosen: Callable[[_Link], bool]) -> int:
        links = [link for link in self._links if chosen(link)]
        for link in links:
            self._links.discard(link)
            _abort(link.caller)
            _abort(link.server)
        return len(links)

    async def _cut(self, seconds: float) -> int:
        links = [link for link in self._links if not link.is_deaf]
        for link in links:
            link.is_deaf = True
            _abort(link.server)

        async def end() -> None:
            await asyncio.sleep(seconds)
            await self._reset(lambda link: link in links)

        task = asyncio.ensure_future(end())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return len(links)


def _abort(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
