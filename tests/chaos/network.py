"""The network of a fault run, in one thread: proxies that delay, cut and half-close, and the loop that runs them.

One event loop serves every connection: thousands of mails a second pass through it, and threads would wait for each
other.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

T = TypeVar("T")
NEVER_THE_SAME_MOMENT = 1e-6
UNANSWERED_SECONDS = 25.0
"""After so long PostgreSQL's machine gives up a client that answers nothing; see plugin.db.NOTICE_A_DEAD_CLIENT."""


class Loop:
    """An event loop in a thread of its own, while used as a context manager."""

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="network", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it in the loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def call(self, work: Callable[[], object]) -> None:
        """The same for a function."""

        async def called() -> None:
            work()

        self.run(called())

    def each(self, work: Callable[[T], object], connections: Iterable[T]) -> None:
        """The same for each of some connections."""
        self.call(lambda: list(map(work, list(connections))))


@dataclass
class Proxy:
    """Listens on a free port and passes everything on while used as a context manager."""

    network: Loop
    target: Path | int
    """A Unix socket, or a port of 127.0.0.1; connected to anew each time, as servers come and go."""
    host: str = "127.0.0.1"
    delay_seconds: float = 0.0
    """How long bytes are on their way."""
    pairs: set["_Pair"] = field(default_factory=set)
    is_silent: bool = False

    def __enter__(self) -> Self:
        self._server = self.network.run(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *details: object) -> None:
        self.network.call(self._server.close)
        self.cut()
        self.network.run(asyncio.sleep(0))  # the connections that were cut are let go of

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: _Pair(self).client, self.host, 0, backlog=64)

    def cut(self) -> None:
        """End every connection at once."""
        self.network.each(_Pair.abort, self.pairs)

    def half_close(self) -> None:
        """Tell every server that its client has nothing more to say; answers still come through."""
        self.network.each(lambda pair: pair.server.end(), self.pairs)

    def fall_silent(self) -> None:
        """From now on nothing passes, and nobody is told; servers notice as late as a kernel does."""

        self.is_silent = True
        self.network.each(_Pair.fall_silent, self.pairs)

    def be_heard_again(self) -> None:
        """Pass things on again; what was silent has lost its way and ends."""
        self.is_silent = False
        self.network.each(_Pair.abort, [pair for pair in self.pairs if pair.client.is_silent])


class _Pair:
    """A client's connection and the one to its server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.client, self.server = _End(self), _End(self)
        self.client.other, self.server.other = self.server, self.client

    def opened(self) -> None:
        """The client is there."""
        self.proxy.pairs.add(self)
        if self.proxy.is_silent:
            self.fall_silent()
        else:
            self.connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop, target = asyncio.get_running_loop(), self.proxy.target
        try:
            if isinstance(target, Path):
                await loop.create_unix_connection(lambda: self.server, str(target))
            else:
                await loop.create_connection(lambda: self.server, "127.0.0.1", target)
        except OSError:
            self.abort()

    def abort(self) -> None:
        """End both at once."""
        self.proxy.pairs.discard(self)
        for end in (self.client, self.server):
            if end.transport:
                end.transport.abort()

    def close(self) -> None:
        """End both when they have sent what they have."""
        self.proxy.pairs.discard(self)
        for end in (self.client, self.server):
            if end.transport:
                end.transport.close()

    def fall_silent(self) -> None:
        """Pass nothing on any more."""
        for end in (self.client, self.server):
            end.is_silent = True
        if self.server.transport:
            asyncio.get_running_loop().call_later(UNANSWERED_SECONDS, self.server.transport.abort)


class _End(asyncio.Protocol):
    """One end of a pair; what comes in here goes out at the other."""

    other: "_End"

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair
        self.transport: asyncio.Transport | None = None
        self.held: list[bytes] = []
        self.ended = self.is_silent = False
        self.last_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self is self.pair.client:
            self.pair.opened()
        if self.is_silent:
            return
        for data in self.held:
            transport.write(data)
        self.held.clear()

    def data_received(self, data: bytes) -> None:
        if not self.is_silent:
            self._later(lambda: self.other.write(data))

    def eof_received(self) -> bool:
        if not self.is_silent:
            self._later(self.other.end)
        return True  # the other direction goes on

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.is_silent:
            self._later(self.pair.close)

    def pause_writing(self) -> None:
        with contextlib.suppress(RuntimeError):
            if self.other.transport:
                self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        with contextlib.suppress(RuntimeError):
            if self.other.transport:
                self.other.transport.resume_reading()

    def _later(self, work: Callable[[], None]) -> None:
        """Do it after the delay, in the order in which things came."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        at = max(now + self.pair.proxy.delay_seconds, self.last_at + NEVER_THE_SAME_MOMENT)
        if at <= now:
            work()
        else:
            self.last_at = at
            loop.call_at(at, work)

    def write(self, data: bytes) -> None:
        """Send; kept until the connection is there."""
        if self.transport is None:
            self.held.append(data)
        elif not self.ended and not self.is_silent:
            self.transport.write(data)

    def end(self) -> None:
        """Nothing more will be sent."""
        if self.transport and not self.ended and not self.transport.is_closing():
            self.ended = True
            self.transport.write_eof()
            if self.other.ended:
                self.pair.close()
